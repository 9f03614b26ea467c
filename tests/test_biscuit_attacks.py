"""What holders, services and other tokens try with the biscuit of a lease, and imports that are none."""

from __future__ import annotations

import json
import time
from typing import Any

import biscuit_auth as ba
import biscuits
import build
import interop_base  # noqa: F401  # first: it skips
import pytest
from attenuate_interop import NotPortable
from attenuate_interop.biscuit import (
    AUTHORIZER,
    MAX_MATCHES,
    MAX_TEXT,
    authorizer_for,
    authorizer_source,
    from_biscuit,
    lease_blocks,
    narrow,
    read_biscuit,
    to_biscuit,
)  # fmt: skip
from attenuate_interop.biscuit.blocks import source
from attenuate_interop.biscuit.frame import _fields, framed
from attenuate_interop.biscuit.literals import literal
from biscuits import ROOT, USUAL, Fault, allows, back, decide, exported, raws, refused
from build import NOW

from attenuate import Malformed, Untrusted, codec, ed25519, grant, host, one_of, under
from attenuate.block import wire

RING = build.RING
KEY = 'lease(1);\nlease_key("k1", "hmac");\n'
SIGNER = biscuits.signer_of(build.lease())
OTHER = ba.KeyPair()


# --- what a holder may try ------------------------------------------------------------------------
HOSTILE = [
    f"request({USUAL});",
    f"request({USUAL}) <- lease_block($x) trusting previous;",
    "lease(1); lease_block(hex:00); allow(true);",
    "lease($x) <- lease($x); lease_note($x, $x) <- lease($x) trusting authority, previous;",
    "check if lease(1) trusting authority, previous;",
    f"request({USUAL}); check if request($r) trusting authority, previous;",
    "check all request($r), true;",
    "check if true or lease(2);",
]
REFUSED = build.ask("repo.delete")


def third_party(biscuit: Any, text: str) -> Any:
    block = biscuit.third_party_request().create_block(OTHER.private_key, ba.BlockBuilder(text))
    return biscuit.append_third_party(OTHER.public_key, block)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_appended_widens(text: str) -> None:
    for biscuit in (exported(), narrow(exported(), ttl=5, now=NOW)):
        for name, more in (
            ("lease_block", biscuit.append(ba.BlockBuilder(text))),
            ("third_party", third_party(biscuit, text)),
        ):
            assert not allows(more, REFUSED, foreign=True)
            assert not allows(more, now=NOW + 900, foreign=True)
            assert refused(allows, more) in (name, "foreign")
            assert refused(back, more) in (name, "foreign")


def test_a_plain_block_of_ordinary_checks_narrows() -> None:
    more = exported().append(ba.BlockBuilder('check if request($r), $r.get("action") == "repo.write.x";'))
    assert allows(more, build.ask("repo.write.x"), foreign=True)
    assert not allows(more, foreign=True)
    assert not allows(
        more.append(ba.BlockBuilder("check if false;")), build.ask("repo.write.x"), foreign=True
    )


def test_a_request_that_the_token_states_does_not_answer_for_the_service() -> None:
    lease = build.lease()
    made = source(lease.unverified_blocks[0].fields, 0, SIGNER)
    stated = ba.BiscuitBuilder(made + f"request({USUAL});").build(ROOT.private_key)
    assert not allows(stated, REFUSED, foreign=True)
    assert allows(stated, foreign=True)
    some = ba.BiscuitBuilder(made.replace("check all ", "check if ") + f"request({USUAL});").build(
        ROOT.private_key
    )
    assert allows(some, REFUSED, foreign=True)  # the control: one request that passes is enough
    nobody = ba.AuthorizerBuilder("allow if lease(1); deny if true;").build(exported())
    assert not decide(nobody)


def test_only_an_exported_lease_is_allowed() -> None:
    for text in ("user(1);", "lease(2);", f"request({USUAL});"):
        other = ba.BiscuitBuilder(text).build(ROOT.private_key).append(ba.BlockBuilder("lease(1);"))
        with pytest.raises(Fault, match="deny policy"):
            allows(other, foreign=True)
        assert refused(allows, other) == "lease_block"
    with pytest.raises(Untrusted):
        read_biscuit(exported().to_base64(), OTHER.public_key)
    with pytest.raises(TypeError, match="no verified"):
        allows(ba.UnverifiedBiscuit.from_base64(exported().to_base64()))
    alone = ba.BiscuitBuilder("lease(1);").build(ROOT.private_key)
    assert allows(alone, foreign=True)  # the control: nobody but the root's holder can make one


def _varint(number: int) -> bytes:
    return bytes([number & 127 | 128]) + _varint(number >> 7) if number > 127 else bytes([number])


def _parts(biscuit: Any) -> list[tuple[int, bytes]]:
    return list(_fields(bytes(biscuit.to_bytes())))


def _joined(parts: list[tuple[int, bytes]]) -> Any:
    data = b"".join(_varint(number << 3 | 2) + _varint(len(part)) + part for number, part in parts)
    return ba.Biscuit.from_bytes(data, ROOT.public_key)


def test_no_block_can_be_dropped_or_moved() -> None:
    authority, one, two, proof = _parts(narrow(narrow(exported(), depth=3), allow=["x"]))
    assert _joined([authority, one, two, proof]).block_count() == 3  # the control
    for parts in (
        [authority, one, proof],
        [authority, proof],
        [authority, two, one, proof],
        [one, two, proof],
    ):
        with pytest.raises((ba.BiscuitValidationError, ba.BiscuitSerializationError)):
            _joined(parts)


# --- imports --------------------------------------------------------------------------------------
def _of(text: str, more: str = "") -> Any:
    biscuit = ba.BiscuitBuilder(text).build(ROOT.private_key)
    return biscuit.append(ba.BlockBuilder(more)) if more else biscuit


def test_what_is_no_lease_is_refused_by_name() -> None:
    first = build.lease().unverified_blocks[0].fields
    made, later = source(first, 0, SIGNER), source({0: b"12345678", 3: ("a", "b")}, 1)
    assert raws(back(_of(made, later)))
    for name, biscuit in (
        ("foreign", _of(made + "check if true;")), ("foreign", _of(made + "user(1);")),
        ("foreign", _of(made.replace("1800000900;", "1800000901;"))), ("foreign", _of(made.replace("lease(1)", "lease(2)"))),
        ("foreign", _of("\n".join(made.splitlines()[:-1]))), ("foreign", _of(made, later.replace('"));', '")) trusting previous;'))),
        ("foreign", _of(made, later + "f(1) <- g(1);")), ("foreign", _of(made, later.replace("check all", "check if"))),
        ("lease_block", _of("user(1);")), ("lease_block", _of(made, "check if true;")),
        ("lease_block", _of(made, "lease_block(hex:a0);")), ("lease_block", _of(made, 'lease_block("a");')),
        ("structure", _of(KEY + source({0: b"1234567812345678", 3: ("a", "b")}, 1))), ("lease_key", _of(source({0: b"1234567812345678", 3: ("a", "b")}, 1))), ("structure", _of(made, source({0: b"12345678", 15: NOW}, 1))),
        ("third_party", third_party(_of(made), later)),
    ):  # fmt: skip
        assert refused(back, biscuit) == name
        assert refused(lease_blocks, biscuit) == name


def test_a_block_is_compared_as_bytes_and_not_as_it_prints() -> None:
    made, later = (
        source(build.lease().unverified_blocks[0].fields, 0, SIGNER),
        source({0: b"12345678", 3: ("a", "b")}, 1),
    )
    twin = _of(made, later.replace('["a", "b"]', r'["a\", \"b"]'))
    assert twin.block_source(1) == _of(made, later).block_source(1)  # the library prints no escapes
    assert refused(back, twin) == "foreign"


def test_sizes_have_bounds() -> None:
    for text in ("A" * (MAX_TEXT + 1), 1, None, "é", "\ud800"):
        with pytest.raises(Malformed):
            read_biscuit(text, ROOT.public_key)  # type: ignore[arg-type]
    for text in ("", "A" * 100, "\x00", exported().to_base64()[:-9]):
        with pytest.raises(Untrusted):
            read_biscuit(text, ROOT.public_key)
    long = exported()
    for _ in range(17):
        long = long.append(ba.BlockBuilder("check if true;"))
    assert refused(back, long) == "blocks"
    assert refused(lease_blocks, exported().append(ba.BlockBuilder(f'f("{"x" * MAX_TEXT}");'))) == "size"
    many = [grant("x", where={"args.a.b.c": under("src", optional=True)}) for _ in range(64)]
    lease = build.lease(allow=many)
    for _ in range(2):
        lease = lease.narrow(allow=many)
    assert refused(exported, lease) == "size"


# --- the authorizer -------------------------------------------------------------------------------
def test_the_service_states_what_it_must() -> None:
    with pytest.raises(Malformed, match="run"):
        authorizer_source(build.ask(run=None), 1)
    for wrong in (
        {"leeway": 61},
        {"leeway": True},
        {"now": 1.5},
        {"max_lifetime": -1},
        {"max_lifetime": "9x"},
    ):
        with pytest.raises((TypeError, ValueError)):
            authorizer_source(build.ask(), 1, **wrong)  # type: ignore[arg-type]


def test_a_request_that_lacks_something_or_states_it_otherwise_is_refused() -> None:
    stated = json.loads(USUAL)
    optional = exported(
        build.lease(allow=[grant("repo.read", repo=one_of("clord", optional=True))], not_before=1, depth=1)
    )

    def decided(request: dict[str, Any]) -> bool:
        text = AUTHORIZER.replace("{request}", literal(request))
        return decide(ba.AuthorizerBuilder(text).build(optional))

    def fails(request: dict[str, Any]) -> bool:
        try:
            return not decided(request)
        except Fault:
            return True

    assert decided(stated)
    for name in stated:
        less = {key: value for key, value in stated.items() if key != name}
        assert fails(less) is (name[:5] != "fact:"), name
    for changes in (
        {"fact:repo": None}, {"fact:repo": "clord"}, {"time": "1"}, {"names": "agt_1"}, {"leeway": None},
        {"attempts": ["2"]}, {"attempts": 2}, {"audience": ["github"]}, {"blocks": None},
    ):  # fmt: skip
        assert fails({**stated, **changes}), changes


def test_no_error_shows_a_token_or_a_key() -> None:
    biscuit = exported().append(ba.BlockBuilder("check if true;"))
    secret, text = ROOT.private_key.to_bytes(), biscuit.to_base64()
    for work in (
        lambda: back(biscuit), lambda: read_biscuit(text, OTHER.public_key),
        lambda: read_biscuit(text * 9 + "A" * MAX_TEXT, ROOT.public_key), lambda: allows(biscuit),
        lambda: to_biscuit(build.lease().seal(), RING, ROOT.private_key),
    ):  # fmt: skip
        with pytest.raises((NotPortable, Untrusted, Malformed)) as caught:
            work()
        said = str(caught.value) + repr(caught.value) + repr(caught.value.__cause__)
        assert text[-40:] not in said
        assert bytes(secret).hex() not in said


def test_an_evaluation_without_a_verdict_is_no_verdict() -> None:
    numbers = ",".join(map(str, range(300)))
    slow = exported().append(
        ba.BlockBuilder(f"check if [{numbers}].all($x -> [{numbers}].all($y -> $x + $y >= 0));")
    )
    with pytest.raises(Fault, match="limits"):
        decide(authorizer_for(build.ask(), slow, now=NOW, max_time=1e-5, foreign=True))
    with pytest.raises(Fault, match="Overflow"):
        allows(exported().append(ba.BlockBuilder("check if 9223372036854775807 + 1 > 0;")), foreign=True)


def test_a_biscuit_of_another_root_is_no_lease() -> None:
    foreign = to_biscuit(build.lease(), RING, OTHER.private_key)
    assert lease_blocks(foreign)  # by its content it is one
    with pytest.raises(Untrusted, match="signature"):
        from_biscuit(foreign, RING, ROOT.public_key)
    assert from_biscuit(foreign, RING, OTHER.public_key).token
    for root in (None, "x", ROOT.private_key, lambda key_id: ROOT.public_key):
        with pytest.raises(TypeError, match="not a PublicKey"):
            read_biscuit(exported().to_base64(), root)
        with pytest.raises(TypeError, match="not a PublicKey"):
            from_biscuit(exported(), RING, root)
    for other in (ba.UnverifiedBiscuit.from_base64(exported().to_base64()), exported().to_base64(), None):
        with pytest.raises(TypeError, match="no verified"):
            from_biscuit(other, RING, ROOT.public_key)


def test_what_would_compute_for_long_is_refused() -> None:
    paths, hosts = ["a/b"] * 256, ["x.a.b"] * 256
    for limit, listed in ((under("a"), paths), (host("a.b"), hosts)):
        wide = narrow(
            exported(build.lease(allow=["*"])),
            now=NOW,
            allow=[grant("x", p=limit, z=one_of(1)) for _ in range(64)],
        )
        started = time.process_time()
        with pytest.raises(Malformed, match="regular expressions") as caught:
            allows(wide, build.ask("x", facts={"p": listed, "z": 2}))
        assert caught.value.code == "too_large"
        assert time.process_time() - started < 0.3
        few = build.ask("x", facts={"p": listed[: MAX_MATCHES // 128], "z": 2})
        started = time.process_time()
        assert not allows(wide, few)
        assert time.process_time() - started < 2  # about 0.3


def test_a_block_whose_datalog_is_long_is_refused() -> None:
    name = "a" * 3000 + "." * 32
    fields = {0: b"12345678", 8: {name: one_of("x", optional=True)}}
    assert refused(source, fields, 1) == "size"
    raw = codec.encode(wire(fields))
    bad = exported()
    for _ in range(7):
        bad = bad.append(ba.BlockBuilder(f"lease_block(hex:{raw.hex()});"))
    started = time.process_time()
    for _ in range(20):
        assert refused(lease_blocks, bad) == "size"
    assert time.process_time() - started < 0.3


def _appended(biscuit: Any, block: bytes) -> Any:
    """Return a biscuit with one more block as bytes, signed by hand with what its holder has."""
    *parts, (_, proof) = _parts(biscuit)
    secret, seed = dict(_fields(proof))[1], bytes(32)
    public = ed25519.public_of(seed)
    key = b"\x08\x00\x12" + _varint(len(public)) + public
    signature = ed25519.sign(secret, block + bytes(4) + public)
    said = [(1, block), (2, key), (3, signature)]
    signed = b"".join(_varint(number << 3 | 2) + _varint(len(part)) + part for number, part in said)
    return _joined([*parts, (3, signed), (4, b"\x0a" + _varint(len(seed)) + seed)])


def test_a_block_that_the_library_does_not_take_is_refused() -> None:
    good = framed(narrow(exported(), now=NOW, ttl=5)).blocks[1]
    assert allows(_appended(exported(), good))  # the control
    fact = b"\x22\x05\x0a\x03\x08\x8f\x4e"  # its name is a symbol that nobody has defined
    odd = _appended(exported(), b"\x18\x03" + fact)
    assert refused(allows, odd) == "lease_block"
    with pytest.raises(Malformed) as caught:
        allows(odd, foreign=True)
    assert caught.value.code == "shape"


def test_settings_are_looked_at() -> None:
    biscuit = exported()
    for wrong in (0, -1, float("nan"), float("inf"), 10**9, None, "1"):
        with pytest.raises(ValueError, match="max_time"):
            authorizer_for(build.ask(), biscuit, now=NOW, max_time=wrong)  # type: ignore[arg-type]
    assert decide(authorizer_for(build.ask(), biscuit, now=NOW, max_lifetime="15m"))
    assert not decide(authorizer_for(build.ask(), biscuit, now=NOW, max_lifetime="14m"))
