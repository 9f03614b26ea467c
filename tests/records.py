"""What a campaign leaves: a record as JSON, in a file or on standard output."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any


def today() -> str:
    """Return the date that a record says."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def write(record: dict[str, Any], out: Path | None) -> int:
    """Write a record and return the exit code that its `ok` asks for."""
    written = json.dumps(record, indent=1) + "\n"
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(written, encoding="utf-8")
    else:
        print(written, end="")
    return 0 if record["ok"] else 1
