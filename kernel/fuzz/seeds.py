"""Write a corpus to start from: each vector's token in the forms that the target `decode` takes.

python kernel/fuzz/seeds.py        writes kernel/fuzz/corpus/decode, which git ignores
"""

import base64
import hashlib
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent.parent / "specs" / "vectors"


def main() -> None:
    folder = HERE / "corpus" / "decode"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = set()
    for path in (*VECTORS.glob("*.json"), *VECTORS.glob("independent/*.json")):
        token = json.loads(path.read_text(encoding="utf-8"))["token"]
        seeds.add(b"\x00" + token.encode("utf-8", "surrogatepass"))
        for part in token.split("~"):
            try:
                frame = base64.urlsafe_b64decode(
                    part.removeprefix("lease1_") + "=" * (-len(part.encode()) % 4)
                )
            except ValueError:
                continue
            seeds.add(b"\x01" + frame)
            at = 0
            while (at := frame.find(b"\x58", at) + 1) > 0:  # what is in byte strings: blocks, mostly
                raw = frame[at + 1 : at + 1 + frame[at]] if at < len(frame) else b""
                if raw[:1] >= b"\xa1" and raw[1:2] == b"\x00":
                    seeds.update((b"\x02" + raw, b"\x05" + raw))
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    print(f"{len(seeds)} seeds in {folder.relative_to(HERE.parent.parent)}")


if __name__ == "__main__":
    main()
