"""Say in one line which engine runs here, and where from.

python .ci/engine.py                # engine: native 0.1.0 (kernel built by cargo 1.95.0)
python .ci/engine.py tests.xml      # fail unless these results of pytest are of both engines
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter

from attenuate import __version__, _engine


def main(results: list[str]) -> int:
    """Print the line, or look at the results."""
    if results:
        passed = [case.get("name", "") for case in ET.parse(results[0]).iter("testcase") if not [*case]]  # noqa: S314
        ran = Counter(engine for name in passed for engine in re.findall(r"[\[-](python|native)[\]-]", name))
        print(f"tests that passed over python: {ran['python']}, over native: {ran['native']}")
        return int(not ran["native"])
    try:
        _engine.require()
    except ImportError as missing:
        sys.exit(f"error: {missing}")
    if _engine.NAME == "native":
        why = f"kernel built by {cargo()}" if cargo() else "kernel installed earlier; no cargo here"
        print(f"engine: native {__version__} ({why})")
    else:
        why = f"{_engine.WHY if cargo() else 'no cargo here, so no native kernel'}; everything works, slower"
        if os.environ.get("ATTENUATE_ENGINE"):
            why = "asked for by ATTENUATE_ENGINE"
        print(f"engine: python ({why})")
    return 0


def cargo() -> str:
    """Return cargo and its version, or nothing."""
    found = shutil.which("cargo")
    done = found and subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return " ".join(done.stdout.split()[:2]) if done else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
