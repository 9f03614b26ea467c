"""No secret, token, seed or proof shows up where people and programs look: repr, errors, logs, dumps."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import logging
import pickle
import random
import traceback
from collections.abc import Iterator
from typing import Any

import build
import mutate
import pytest
import wire
from build import NOW

from attenuate import KeyRing, Lease, LeaseError, Verifier, _engine, approve, demand
from attenuate.describe import authority, describe
from attenuate.keys import Key
from attenuate.token import read_frame, read_token

BINDING = b"b" * 32


def secrets_of(*texts: str) -> dict[str, bytes]:
    """Return what must not show: the keys' secrets, and what each token's proof carries."""
    out = {f"key {alg}": secret for alg, secret in build.SECRETS.items()}
    out["audience key"] = build.KEYS["hmac"].for_audience("github").seed()
    out |= {f"approver {n}": key.seed() for n, key in enumerate(build.APPROVERS)}
    for number, text in enumerate(texts):
        out[f"proof of token {number}"] = wire.parse(text).proof[-1]
    return out


def forms(secret: bytes) -> Iterator[str]:
    """Spell a secret in every way that a careless line would: parts of it are enough."""
    for part in (secret, secret[:16], secret[8:24], secret[16:]):
        yield part.hex()
        yield part.hex().upper()
        yield repr(part)[2:-1]
        yield ", ".join(map(str, part))
    for shift in range(3):  # base64 spells the same bytes in three ways, by where they begin
        for encode in (base64.urlsafe_b64encode, base64.b64encode):
            yield encode(bytes(shift) + secret).decode().rstrip("=")[4 : 4 * (len(secret) // 3) - 4]


def shows(text: str, secrets: dict[str, bytes]) -> list[str]:
    """Return the names of the secrets that a text shows."""
    return [name for name, secret in secrets.items() if any(form in text for form in forms(secret))]


def every_form(thing: Any) -> Iterator[str]:
    """Write a thing in every way that needs no key to a private door."""
    yield repr(thing)
    yield str(thing)
    yield f"{thing}"
    yield "{0} {0!r}".format(thing)  # noqa: UP032
    yield repr([thing]) + repr({"a": thing}) + repr((thing,))
    yield from (work(thing) for work in (vars_of, as_json, as_pickle, as_dict) if work(thing))


def vars_of(thing: Any) -> str:
    try:
        return repr(vars(thing))
    except TypeError:
        return ""


def as_json(thing: Any) -> str:
    try:
        return json.dumps(thing, default=str)
    except (TypeError, ValueError):
        return ""


def as_pickle(thing: Any) -> str:
    try:
        return "".join(map(repr, pickle.dumps(thing).split(b"\xff"))) + pickle.dumps(thing).hex()
    except (TypeError, pickle.PicklingError, AttributeError):
        return ""


def as_dict(thing: Any) -> str:
    @dataclasses.dataclass
    class Context:
        inner: Any

    try:
        return repr(dataclasses.asdict(Context(thing))) + repr(Context(thing))
    except (TypeError, AttributeError):  # what refuses to be copied shows nothing
        return repr(Context(thing))


# --- the scanner itself -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "planted",
    [
        lambda secret: secret.hex(), lambda secret: f"key={secret.hex().upper()}", lambda secret: repr(secret), lambda secret: repr(secret[:16]),
        lambda secret: base64.urlsafe_b64encode(secret).decode(), lambda secret: base64.b64encode(b"\x00" + secret + b"\x00").decode(),
        lambda secret: str(list(secret)), lambda secret: wire.to_text(wire.encode([b"header", [b"x"], [], [0, secret]])),
        lambda secret: Key(5, secret=secret).secret_text(), lambda secret: repr({"a": [b"junk" + secret]}),
    ],
)  # fmt: skip
def test_a_planted_secret_is_found(planted: Any) -> None:
    for name, secret in secrets_of(build.lease().token).items():
        assert shows(f"2027-01-15 INFO {planted(secret)} …", {name: secret}) == [name]


def test_a_secret_that_is_not_there_is_not_found() -> None:
    assert shows("untrusted: proof; " + bytes(range(64)).hex(), secrets_of(build.lease().token)) == []


def test_a_secret_in_an_object_is_found() -> None:
    @dataclasses.dataclass
    class Careless:
        token: str

    lease = build.lease()
    for text in every_form(Careless(lease.token)):
        assert shows(text, secrets_of(lease.token))


# --- objects ----------------------------------------------------------------------------------------------
def things() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Return everything that a program may hold, and the tokens that went into it."""
    out: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for alg in build.ALGS:
        lease = build.lease(
            alg, approval=[demand("repo.read", keys=build.APPROVERS[:1])], notes={"agent": "a"}
        )
        yes = approve(build.APPROVERS[0], lease, "repo.read", where={"repo": build.one_of("clord")}, now=NOW)
        child = lease.narrow(ttl=60, now=NOW).attach(yes)
        bound = child.present(BINDING, now=NOW)
        texts = tuple(
            text for each in (lease, child, yes, bound, child.seal()) for text in each.token.split("~")
        )
        made: dict[str, Any] = {
            "lease": lease, "child": child, "bound": bound, "sealed": child.seal(), "approval": yes,
            "token": read_token(lease.token), "sealed token": read_token(child.seal().token.split("~")[0]),
            "frame": read_frame(bound.token.split("~")[0]), "blocks": lease.unverified_blocks, "request": build.ask(binding=BINDING),
            "described": describe(child, now=NOW), "authority": authority(child), "key": build.KEYS[alg], "ring": build.RINGS[alg],
            "audience ring": build.RING.for_audience("github"), "handed ring": KeyRing({"k1": build.KEYS["hmac"]}),
            "demand": lease.unverified_blocks[0].get("approval"),
        }  # fmt: skip
        for engine in _engine.AVAILABLE:
            with build.using(engine):
                verifier = Verifier(build.RING, audience="github")
                verified = verifier.check(child.token, build.ask(), now=NOW)
                again = verifier.check(bound.token, build.ask(binding=BINDING), now=NOW)
                fresh = verifier.check(bound.token, build.ask(binding=BINDING), now=NOW)
                explained = verifier.explain(
                    lease.token, action="repo.read", run="agt_1@2", facts=build.FACTS, now=NOW
                )
                made |= {
                    f"{engine} verifier": verifier, f"{engine} verified": verified, f"{engine} bound verified": again,
                    f"{engine} charges": again.charges, f"{engine} unread": fresh, f"{engine} held": fresh._held,
                    f"{engine} explanation": explained, f"{engine} cache info": verifier.cache_info(),
                }  # fmt: skip
        out |= {f"{alg} {name}": (thing, texts) for name, thing in made.items()}
    return out


THINGS = things()


@pytest.mark.parametrize("name", THINGS)
def test_an_object_shows_no_secret(name: str) -> None:
    thing, texts = THINGS[name]
    for text in every_form(thing):
        assert shows(text, secrets_of(*texts)) == []
        assert not any(token in text for token in texts)


SECRET_THINGS = [
    name
    for name in THINGS
    if name.split(" ", 1)[1]
    in ("lease", "bound", "sealed", "key", "ring", "python verified", "native verified")
]


@pytest.mark.parametrize("name", SECRET_THINGS)
def test_what_holds_a_secret_does_not_pickle_or_become_json(name: str) -> None:
    thing, _ = THINGS[name]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps({"state": thing}, protocol)
    with pytest.raises(TypeError):
        json.dumps({"state": thing})
    with pytest.raises(TypeError):
        vars(thing)


@pytest.mark.parametrize("name", ["hmac lease", "ed25519 bound"])
def test_a_lease_is_copied_as_itself(name: str) -> None:
    lease = THINGS[name][0]
    assert copy.deepcopy({"a": [lease]})["a"][0] is lease
    assert copy.copy(lease) is lease


@pytest.mark.parametrize("name", SECRET_THINGS)
def test_a_log_line_shows_no_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    thing, texts = THINGS[name]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("a.tool").debug("using %s, %r, %s", thing, thing, {"lease": thing})
    assert len(caplog.records) == 1
    assert shows(caplog.text, secrets_of(*texts)) == []


# --- errors -----------------------------------------------------------------------------------------------
def raised(work: Any) -> BaseException:
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


def told(error: BaseException) -> str:
    """Write an error in every way, with its causes, its traceback, and its frames as a debugger shows them."""
    out = [repr(error), str(error), repr(error.args), "".join(traceback.format_exception(error))]
    if isinstance(error, LeaseError):
        out += [repr(error.finding), json.dumps(error.finding.to_json()), as_pickle(error)]
    at = error.__traceback__
    while at is not None:
        if "attenuate" in at.tb_frame.f_code.co_filename.replace("\\", "/").split("/")[-3:]:
            out.append(
                repr(
                    {
                        name: value
                        for name, value in at.tb_frame.f_locals.items()
                        if name not in ("text", "first", "token")
                    }
                )
            )
        at = at.tb_next
    return "\n".join(out)


def test_no_refusal_shows_a_secret(engine: Any) -> None:
    """Mutants fail in every way that there is; the frames of the error may hold what was presented, no more."""
    rng, seen = random.Random(5), set()
    for _ in range(1500):
        original = rng.choice(mutate.ORIGINALS)
        _, text = mutate.mutant(original, rng)
        if text in mutate.TEXTS:
            continue
        error = build.refusal(engine, text, original.request)
        assert error is not None
        hidden = secrets_of() | {
            str(n): each.proof[-1] for n, each in enumerate([original.parts, *original.approvals])
        }
        shown = presented(text)
        hidden = {
            name: secret
            for name, secret in hidden.items()
            if not any(secret[n : n + 8] in shown for n in range(25))
        }
        assert shows(told(error), hidden) == []
        seen.add(error.code)
    assert {"cbor", "shape", "text", "proof", "signature", "unknown_key", "algorithm", "approval"} <= seen


def presented(text: str) -> bytes:
    """Return the bytes that a text shows to whoever reads it, however it was bent."""
    body = "".join(
        letter
        for letter in text.replace("lease1_", "")
        if letter.isascii() and (letter.isalnum() or letter in "-_")
    )
    cut = (body[shift:] for shift in range(4))
    return b"".join(base64.urlsafe_b64decode(part[: len(part) // 4 * 4]) for part in cut)


def frames_of(error: BaseException) -> str:
    """Write the local variables of every frame of attenuate that a traceback holds, as error collectors do."""
    out, at = "", error.__traceback__
    while at is not None:
        if at.tb_frame.f_globals.get("__name__", "").startswith("attenuate"):
            out += repr(at.tb_frame.f_locals)
        at = at.tb_next
    return out


@pytest.mark.parametrize(
    ("bend", "ask"),
    [
        (lambda text: text, build.ask("mail.send")), (lambda text: text + "=", build.ask()), (lambda text: text[:-4], build.ask()),
        (lambda text: text[:-3] + ("A" if text[-3] != "A" else "B") + text[-2:], build.ask()), (lambda text: f"{text}~x", build.ask()),
    ],
    ids=["allow", "text", "cbor", "proof", "approval"],
)  # fmt: skip
def test_a_verifiers_refusal_leaves_no_token_in_its_frames(engine: Any, bend: Any, ask: Any) -> None:
    text = bend(build.lease().token)
    verifier = Verifier(build.RING, audience="github")
    error = raised(lambda: verifier.check(text, ask, now=NOW))
    assert isinstance(error, LeaseError)
    assert "lease1_" not in frames_of(error)
    error = raised(lambda: verifier.verify(text, action="mail.send", run="agt_1@2", now=NOW))
    assert "lease1_" not in frames_of(error)
    error = raised(lambda: engine.verify(text, ask, build.RING, NOW))
    assert "lease1_" in frames_of(error), "the control: the engine by itself leaves it there"


def test_no_caveats_refusal_shows_a_secret(engine: Any) -> None:
    asks = [
        build.ask("mail.send"),
        build.ask(run="agt_9@1"),
        build.ask(facts={}),
        build.ask(audience="other"),
    ]
    for name in ("hmac lease", "ed25519 lease", "hmac child", "ed25519 sealed"):
        lease, texts = THINGS[name]
        for ask in asks:
            for now in (NOW, NOW + 9999, 0):
                error = build.refusal(engine, lease, ask, now=now)
                assert error is not None or ask.action == "repo.read"
                if error is not None:
                    hidden = {n: s for n, s in secrets_of(*texts).items() if s not in presented(lease.token)}
                    assert shows(told(error), hidden) == []
                    assert shows(str(error) + repr(error.finding), secrets_of(*texts)) == []


BAD: dict[str, Any] = {
    "a lease that is cut": lambda: Lease.parse(build.lease().token[:-1]),
    "a lease in another alphabet": lambda: Lease.parse(build.lease().token + "="),
    "narrowing a sealed lease": lambda: build.lease().seal().narrow(now=NOW),
    "a key that is cut": lambda: Key.from_text(build.KEYS["hmac"].secret_text()[:-1]),
    "a key of another kind": lambda: Key.from_text(
        build.KEYS["ed25519"].secret_text().replace("secret", "public") + "A"
    ),
    "a ring with a key twice": lambda: KeyRing.from_json({"keys": build.RING.to_json()["keys"] * 2}),  # type: ignore[operator]
    "a key that is not the secret's": lambda: Key(-19, secret=build.SECRETS["ed25519"], public=b"p" * 32),
    "a ring of no keys": lambda: KeyRing({"k1": build.SECRETS["hmac"]}),  # type: ignore[dict-item]
    "a secret for an approver": lambda: demand("x", keys=[build.KEYS["hmac"]]),
    "a lease in place of a key": lambda: Key.from_text(build.lease().token),
    "a secret where a key id goes": lambda: KeyRing({build.SECRETS["hmac"]: build.KEYS["hmac"]}),  # type: ignore[dict-item]
    "a token where an action goes": lambda: build.ask(build.lease().token),
}


@pytest.mark.parametrize("name", [name for name in BAD if " where " not in name])
def test_no_other_error_shows_a_secret(name: str) -> None:
    error = raised(BAD[name])
    assert shows(repr(error) + str(error) + repr(error.args), secrets_of()) == []
    assert "lease1_" not in str(error).replace("starts with lease1_", "").replace("lease1_ and", "")


@pytest.mark.parametrize("name", [name for name in BAD if " where " in name])
def test_a_secret_in_the_wrong_place_is_refused(name: str) -> None:
    """What a caller puts where a name belongs is shown to them, shortened; but it is refused."""
    assert isinstance(raised(BAD[name]), (ValueError, LeaseError))
