"""doctor: whether this installation, its clock and its key files are fit for use."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cryptography.hazmat.backends.openssl import backend

from .. import Forbidden, KeyRing, Verifier, __version__, _engine
from ..errors import LeaseError
from ..keys import ALGORITHMS
from .output import FAILED, OK, CommandError, Console
from .stores import STORE, opened, shown_address
from .values import ring_fault

_LASTING = {
    "redis": "appendonly yes, appendfsync always: docs/how-to/choose-a-store.md",
    "postgresql": "fsync on: docs/how-to/choose-a-store.md",
}
"""What makes a store durable, by its name."""


@dataclass(frozen=True)
class Check:
    """One thing looked at. ok: False where it must be mended; hint: how."""

    name: str
    ok: bool
    value: str
    hint: str = ""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "doctor", help="look at engine, versions, clock and key files", parents=[common]
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="key files to look at")
    parser.set_defaults(handler=doctor)


def doctor(args: argparse.Namespace, out: Console) -> int:
    """Look at everything; the exit code is 1 where something must be mended."""
    checks = [*_versions(), _chosen(), _kernel(), *_works(), _clock(), *_stores()]
    checks += [*map(_key_file, args.files), _git()]
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        mark = out.paint("ok  ", "green") if check.ok else out.paint("BAD ", "red bold")
        lines.append(f"{mark} {check.name.ljust(width)}  {out.paint(check.value, '')}")
        if check.hint:
            lines.append(f"     {' ' * width}  {out.paint(check.hint, 'cyan')}")
    ok = all(check.ok for check in checks)
    out.show({"ok": ok, "checks": [asdict(check) for check in checks]}, "\n".join(lines))
    return OK if ok else FAILED


def _versions() -> Iterator[Check]:
    yield Check("attenuate", True, __version__)
    yield Check("python", True, f"{platform.python_version()} ({platform.python_implementation()})")
    for package in ("cryptography", "cbor2"):
        yield Check(package, True, importlib.metadata.version(package))
    yield Check("openssl", True, backend.openssl_version_text())


def _chosen() -> Check:
    value = f"{_engine.NAME} (of {', '.join(_engine.AVAILABLE)})"
    if _engine.NAME in _engine.AVAILABLE:
        return Check("engine", True, value)
    return Check(
        "engine", False, value, f"unset ATTENUATE_ENGINE, or set it to {' or '.join(_engine.AVAILABLE)}"
    )


def _kernel() -> Check:
    """No kernel is no fault, since Python does the same; one that cannot be used is."""
    if not _engine.WHY:
        return Check("kernel", True, __version__)
    if find_spec("attenuate_kernel") is None:
        return Check("kernel", True, _engine.WHY, "faster with it: pip install ./kernel, in a checkout")
    return Check("kernel", False, _engine.WHY, f"pip install ./kernel, in a checkout of {__version__}")


def _works() -> Iterator[Check]:
    """Mint, narrow, verify and refuse under each algorithm."""
    if _engine.NAME not in _engine.AVAILABLE:
        return
    for alg in ALGORITHMS:
        try:
            value, ok = _self_test(alg)
        except Exception as fault:
            value, ok = f"{type(fault).__name__}: {fault}", False
        yield Check(f"{alg} chain", ok, value, "" if ok else "install attenuate again")


def _self_test(alg: str) -> tuple[str, bool]:
    """Return what came of it, and whether it is right."""
    ring = KeyRing.generate("self", alg)
    lease = ring.mint(run="doctor@1", audience="self", ttl=60, allow=["look"]).narrow(ttl=60)
    verifier = Verifier(ring, audience="self", cache=0)
    began = time.perf_counter()
    verifier.verify(lease.token, action="look", run="doctor@1")
    micros = (time.perf_counter() - began) * 1e6
    try:
        verifier.verify(lease.token, action="touch", run="doctor@1")
    except Forbidden:
        return f"mints, narrows, verifies and refuses (cold: {micros:.0f} µs)", True
    return "allows an action that the lease does not", False


def _clock() -> Check:
    """A clock behind the files of this package is wrong: leases would seem to come from the future."""
    now = int(time.time())
    installed = int(max(file.stat().st_mtime for file in Path(__file__).parents[1].glob("*.py")))
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    if now < installed:
        value = f"{shown}, {installed - now} s behind the installed files"
        return Check("clock", False, value, "set the clock (NTP): expiry depends on it")
    return Check("clock", True, shown)


def _stores() -> Iterator[Check]:
    """A library that is not there is a fault only where the store needs it."""
    for package, kind, name in (("redis", "redis", "redis"), ("psycopg", "postgresql", "'psycopg[binary]'")):
        if find_spec(package) is None:
            hint = f"for a store at {kind}://…: pip install {name}"
            yield Check(package, True, "not installed", hint)
        else:
            yield Check(package, True, importlib.metadata.version(package))
    address = os.environ.get(STORE)
    if address:
        yield _store(address)


def _store(address: str) -> Check:
    try:
        with opened(address) as store:
            store.entries(0, limit=1)  # connects
            began = time.perf_counter()
            head, _ = store.entries(0, limit=1)
            millis = (time.perf_counter() - began) * 1e3
    except LeaseError as fault:
        return Check("store", False, fault.finding.asked, f"start it, or look at {STORE}")
    except CommandError as fault:
        return Check("store", False, str(fault), fault.hint or f"look at {STORE}")
    lasts = "durable" if store.durable else "NOT durable"
    value = f"{shown_address(address)} answers in {millis:.1f} ms, {lasts}, ledger at {head}"
    return Check("store", True, value, "" if store.durable else f"set {_LASTING[store.name]}")


def _key_file(name: str) -> Check:
    try:
        ring = KeyRing.load(name, allow_open_file=True)
        mode = stat.S_IMODE(Path(name).stat().st_mode)
    except OSError as fault:
        return Check("key file", False, f"{name}: {fault.strerror}", "attenuate keys new KEYID makes one")
    except (ValueError, RecursionError) as fault:
        return Check("key file", False, ring_fault(name, fault), "attenuate keys new KEYID makes a key ring")
    secret = any(ring[key_id].can_mint for key_id in ring)
    value = f"{name}: mode {mode:04o}, {len(ring)} key(s), {'secret' if secret else 'public'}"
    if secret and mode & 0o077:
        return Check("key file", False, f"{value}, others can read it", f"chmod 600 {name}")
    return Check("key file", True, value)


def _git() -> Check:
    """Git is for the demo alone, so its absence is no fault."""
    git = shutil.which("git")
    if git is None:
        return Check("git", True, "not found", "only `attenuate demo` needs it")
    done = subprocess.run([git, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    return Check("git", True, done.stdout.strip().removeprefix("git version "))
