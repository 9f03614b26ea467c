"""The WebAssembly build of biscuits says the same, fills in the template and appends blocks."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import biscuit_auth as ba
import biscuits
import build
import interop_base  # first: it skips
from attenuate_interop.biscuit import (
    AUTHORIZER,
    authorizer_source,
    read_biscuit,
)  # fmt: skip
from attenuate_interop.biscuit.blocks import source
from biscuits import INJECTED, ROOT, USUAL, allows, back, exported, refused

from attenuate import grant, one_of

PEER = Path(__file__).resolve().parent.parent / "interop" / "peers" / "biscuit"
OTHER = ba.KeyPair()


def peer(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the peer's answers; skips where it cannot run."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if not missing and not (PEER / "node_modules").is_dir():
        got = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=PEER, capture_output=True, timeout=120
        )
        missing = ["biscuit-wasm"] * (got.returncode != 0)
    if missing:
        interop_base.missing(f"the biscuit peer needs {', '.join(missing)}")
    done = subprocess.run(
        ["node", "--experimental-wasm-modules", "peer.js"], cwd=PEER, text=True, capture_output=True, timeout=120,
        input="".join(json.dumps({"root": ROOT.public_key.to_bytes().hex(), **line}) + "\n" for line in lines),
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert len(answers) == len(lines), done.stderr
    return answers


def _line(case: biscuits.Drawn, biscuit: Any = None) -> dict[str, Any]:
    biscuit = biscuit or biscuits.exact.signed(case.blocks, case.signer, ROOT.private_key)
    _, _, request, now, rules = case.case
    text = authorizer_source(
        request, biscuit.block_count(), now=now, max_lifetime=rules.max_lifetime, leeway=rules.leeway
    )
    return {"biscuit": biscuit.to_base64(), "authorizer": text}


def _differ(among: list[biscuits.Drawn], answers: list[dict[str, Any]]) -> int:
    for answer in answers:
        assert answer["ok"] or "FailedLogic" in answer["error"], answer
    return sum(answer["ok"] is not case.allowed for case, answer in zip(among, answers, strict=True))


def test_the_peer_says_the_same() -> None:
    among = biscuits.pool(400, 7) + biscuits.edges()[::10]
    assert _differ(among, peer([_line(case) for case in among])) == 0
    with biscuits.FAULTS["under is starts_with"]:
        assert _differ(among, peer([_line(case) for case in among])) > 0  # the control


def test_the_peer_fills_in_the_template_and_checks_the_root() -> None:
    line = {"biscuit": exported().to_base64(), "authorizer": AUTHORIZER, "request": json.loads(USUAL)}
    odd = exported(build.lease(allow=[grant("*", where={text: one_of(text) for text in INJECTED})]))
    facts = {f"fact:{text}": [text] for text in INJECTED}
    answers = peer([
        line,
        {**line, "request": {**line["request"], "action": "repo.delete"}},
        {**line, "root": OTHER.public_key.to_bytes().hex()},
        {**line, "biscuit": odd.to_base64(), "request": {**line["request"], **facts}},
        {**line, "biscuit": odd.to_base64(), "request": {**line["request"], **facts, "fact:;": ["x"]}},
    ])  # fmt: skip
    assert [answer["ok"] for answer in answers] == [True, False, False, True, False]
    assert "Signature" in answers[2]["error"]


def test_what_the_peer_appends_is_enforced_here() -> None:
    text, fields = exported().to_base64(), {0: b"12345678", 6: (grant("repo.read"),)}
    plain, lease = peer([
        {"op": "append", "biscuit": text, "block": 'check if request($r), $r.get("action") == "repo.read";'},
        {"op": "append", "biscuit": text, "block": source(fields, 1)},
    ])  # fmt: skip
    there = read_biscuit(plain["biscuit"], ROOT.public_key)
    assert allows(there, foreign=True)
    assert not allows(there, build.ask("repo.write.x"), foreign=True)
    assert refused(allows, there) == "lease_block"
    there = read_biscuit(lease["biscuit"], ROOT.public_key)
    assert allows(there)
    assert not allows(there, build.ask("repo.write.x"))
    assert back(there).unverified_blocks[1].get("allow") == fields[6]
