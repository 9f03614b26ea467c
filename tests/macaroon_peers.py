"""Macaroon libraries that nobody here wrote: in Go and in JavaScript by interop/peers, in C by ctypes.

A peer answers questions: {"macaroon", "key", "holds"} with {"ok", "caveats"}, and {"op": "narrow",
"macaroon", "caveat"} with {"ok", "macaroon"}. What is missing skips, and fails where
ATTENUATE_INTEROP=all is set.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, byref, c_char, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import pymacaroons
from interop_base import missing

HERE = Path(__file__).resolve().parent.parent / "interop" / "peers" / "macaroon"
Asks = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def _run(tool: str, *command: str, cwd: Path) -> None:
    if shutil.which(tool) is None:
        missing(f"{tool} is not installed")
    done = subprocess.run([tool, *command], cwd=cwd, capture_output=True, text=True, timeout=300)
    if done.returncode:
        missing(f"{tool} {command[0]} failed, perhaps for want of a registry: {done.stderr[-300:]}")


def _asks(*command: str) -> Asks:
    def ask(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        given = "".join(f"{json.dumps(question)}\n" for question in questions)
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(questions)
        return answers

    return ask


def go(folder: Path) -> Asks:
    """Return gopkg.in/macaroon.v2, built into a folder."""
    _run("go", "build", "-o", str(folder / "peer"), ".", cwd=HERE / "go")
    return _asks(str(folder / "peer"))


def javascript(folder: Path) -> Asks:
    """Return npm's macaroon, installed into a folder."""
    for name in ("main.js", "package.json", "package-lock.json"):
        shutil.copy(HERE / "js" / name, folder)
    if shutil.which("node") is None:
        missing("node is not installed")
    _run("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
    return _asks("node", str(folder / "main.js"))


# --- C --------------------------------------------------------------------------------------------
_CHECK = CFUNCTYPE(c_int, c_void_p, POINTER(c_char), c_size_t)


def in_c(macaroon: pymacaroons.Macaroon, key: bytes, holds: Callable[[str], bool]) -> bool:
    """Verify with libmacaroons, which reads version 1 and asks our satisfier from C."""
    try:
        library = ctypes.CDLL("libmacaroons.so.0")
    except OSError:
        missing("libmacaroons is not installed")
    for name in ("macaroon_deserialize", "macaroon_verifier_create"):
        getattr(library, name).restype = c_void_p
    first = pymacaroons.Macaroon(
        location=macaroon.location,
        identifier=macaroon.identifier_bytes,
        caveats=macaroon.caveats,
        signature=macaroon.signature,
        version=pymacaroons.MACAROON_V1,
    )
    text, error = first.serialize().encode(), c_int()
    check = _CHECK(lambda _, line, size: 0 if holds(ctypes.string_at(line, size).decode()) else -1)
    token = c_void_p(library.macaroon_deserialize(text, byref(error)))
    verifier = c_void_p(library.macaroon_verifier_create())
    assert token
    assert library.macaroon_verifier_satisfy_general(verifier, check, None, byref(error)) == 0
    size = c_size_t(len(key))
    answer = library.macaroon_verify(verifier, token, key, size, None, c_size_t(0), byref(error))
    library.macaroon_verifier_destroy(verifier)
    library.macaroon_destroy(token)
    return bool(answer == 0)
