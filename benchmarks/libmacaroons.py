"""The peer libmacaroons, in C, where the library is installed (Debian: libmacaroons0).

The token is made with pymacaroons, so both must agree on it, in binary V1, which the library writes too.
Two uses:

prepared: the verifier is at hand and holds every caveat as it is written, so that nothing is decided but
whether two texts are equal. A call is macaroon_deserialize, macaroon_verify, macaroon_destroy: the least
that this library can do, and three calls by ctypes.
else: the verifier is made in the time, with exact and general satisfiers as in peers.py; the general ones
are Python functions, which the library calls back.
"""

from __future__ import annotations

import ctypes
import json
import secrets
import subprocess
from collections.abc import Callable, Iterable
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_size_t, c_void_p

from pymacaroons import Macaroon

from benchmarks.joined import predicates as joined
from benchmarks.peers import ACTIONS, CHILD, EXPIRES, OWN, Request

_CHECK = CFUNCTYPE(c_int, c_void_p, POINTER(ctypes.c_char), c_size_t)


def _load() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libmacaroons.so.0")
    except OSError:
        return None
    error = POINTER(c_int)
    for name, returns, *takes in (
        ("macaroon_deserialize", c_void_p, c_char_p, error),
        ("macaroon_destroy", None, c_void_p),
        ("macaroon_verifier_create", c_void_p),
        ("macaroon_verifier_destroy", None, c_void_p),
        ("macaroon_verifier_satisfy_exact", c_int, c_void_p, c_char_p, c_size_t, error),
        ("macaroon_verifier_satisfy_general", c_int, c_void_p, _CHECK, c_void_p, error),
        ("macaroon_verify", c_int, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p, c_size_t, error),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    return library


LIBRARY = _load()


def version() -> str:
    """Return the version of Debian's package, "found" where it came from elsewhere, "missing" without it."""
    if LIBRARY is None:
        return "missing"
    try:
        asked = ["dpkg-query", "--show", "--showformat=${Version}", "libmacaroons0"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "found"


def _terms(n: int) -> list[str]:
    """Return the caveats of peers.py: one for each term."""
    both = ["attempt = 2", "action in " + ",".join(ACTIONS), f"expires < {EXPIRES}"]
    first = ["run = agt_1", *both, "repo = clord", "audience = github"]
    return first + ["run = agt_1/reader", *both, "path under src"] * (n - 1)


def _exactly(library: ctypes.CDLL, predicates: Iterable[str]) -> int:
    """Return a verifier that is satisfied by these texts."""
    verifier, error = library.macaroon_verifier_create(), c_int()
    for text in {each.encode() for each in predicates}:
        assert not library.macaroon_verifier_satisfy_exact(verifier, text, len(text), byref(error))
    return int(verifier)


def _check(predicate: Callable[[bytes], bool]) -> object:
    """Return a function for C: 0 where a caveat holds."""
    return _CHECK(lambda _, text, size: 0 if predicate(ctypes.string_at(text, size)) else -1)


def _asking(library: ctypes.CDLL, request: Request) -> int:
    """Return a verifier for a request, as in peers.py."""
    exact = [f"run = {run}" for run in request.runs]
    exact += [f"attempt = {request.attempt}", f"repo = {request.repo}", f"audience = {request.audience}"]
    verifier, error = _exactly(library, exact), c_int()
    action, path, now = request.action.encode(), request.path.encode(), request.now
    for check in (
        _check(lambda p: p[:10] == b"action in " and action in p[10:].split(b",")),
        _check(lambda p: p[:11] == b"path under " and path.startswith(p[11:] + b"/")),
        _check(lambda p: p[:10] == b"expires < " and now < int(p[10:])),
    ):
        library.macaroon_verifier_satisfy_general(verifier, check, None, byref(error))
        _KEPT[verifier] = [*_KEPT.get(verifier, []), check]
    return verifier


_KEPT: dict[int, list[object]] = {}
"""Functions that C will call, by the verifier that has them."""


def three_calls() -> None:
    """Call C three times for nothing: what ctypes adds to a prepared use."""
    assert LIBRARY is not None
    destroy = LIBRARY.macaroon_destroy
    destroy(None)
    destroy(None)
    destroy(None)


def macaroon(n: int, *, one_caveat: bool = False, prepared: bool = True) -> Callable[[], object]:
    """Return the work on a token of n blocks, from text to decision, allowed. one_caveat: for each block."""
    assert LIBRARY is not None
    library, error, key = LIBRARY, byref(c_int()), secrets.token_hex(16).encode()
    assert prepared or not one_caveat
    predicates = [json.dumps(each) for each in joined(n)] if one_caveat else _terms(n)
    made = Macaroon("github", "k1", key)
    for predicate in predicates:
        made.add_first_party_caveat(predicate)
    text: bytes = made.serialize().encode()
    read, verify, destroy = library.macaroon_deserialize, library.macaroon_verify, library.macaroon_destroy

    def decide(verifier: int, text: bytes = text) -> int:
        token = read(text, error)
        answer: int = verify(verifier, token, key, len(key), None, 0, error)
        destroy(token)
        return answer

    def anew(request: Request = OWN if n == 1 else CHILD) -> int:
        verifier = _asking(library, request)
        try:
            return decide(verifier)
        finally:
            library.macaroon_verifier_destroy(verifier)
            del _KEPT[verifier]

    at_hand = _exactly(library, predicates)
    less = _exactly(library, predicates[1:] if one_caveat else (p for p in predicates if "action" not in p))
    forged = Macaroon.deserialize(text.decode())
    forged.signature = "0" * 64
    assert decide(at_hand) == 0
    assert 0 not in (decide(less), decide(at_hand, forged.serialize().encode()))
    if not one_caveat:
        assert anew() == 0
        assert anew(Request(runs=CHILD.runs, action="repo.delete")) != 0
    return (lambda: decide(at_hand)) if prepared else anew
