"""What a result says about where it was made: enough to judge it, nothing that names the place."""

from __future__ import annotations

import platform
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

from benchmarks import libmacaroons

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "cbor2", "cryptography", "pymacaroons", "biscuit-python", "tenuo", "PyJWT", "pytest-benchmark",
)  # fmt: skip


def machine() -> dict[str, object]:
    """Return CPU brand, Python, platform, OpenSSL and package versions."""
    import cpuinfo  # type: ignore[import-untyped]  # slow: it starts processes

    return {
        "cpu": cpuinfo.get_cpu_info().get("brand_raw", "unknown"),
        "python": f"{platform.python_implementation()} {platform.python_version()}{_build()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "openssl": backend.openssl_version_text(),
        "packages": {name: version(name) for name in PACKAGES} | {"libmacaroons": libmacaroons.version()},
    }


def _build() -> str:
    """Say where the interpreter was built without what distributions build it with."""
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return ""
    return ", built without --enable-optimizations"


def commit() -> dict[str, object]:
    """Return the commit that was measured, and whether the package differs from it."""

    def git(*args: str) -> str:
        done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return {
        "id": git("rev-parse", "HEAD") or "unknown",
        "dirty": bool(git("status", "--porcelain", "attenuate", "kernel")),
    }
