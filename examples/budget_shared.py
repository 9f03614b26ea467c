"""A parent and two child agents spend one budget, from three processes that share a store."""

import multiprocessing
import tempfile
import time
from pathlib import Path

from attenuate import Gate, KeyRing, Refused, Verifier, open_store


def spend(address: str, keys: dict[str, object], token: str, run: str) -> int:
    """One process of the service: ask until the budget is spent, and return how often it was granted."""
    with open_store(address) as store:
        gate = Gate(Verifier(KeyRing.from_json(keys), audience="llm"), store)
        for granted in range(1000):
            try:
                gate.check(token, action="llm.chat", run=run, cost={"usd_cents": 3})
            except Refused as refusal:
                print(f"{run}: {granted} granted, then {refusal}", flush=True)
                return granted
            time.sleep(0.02)  # the work
    raise AssertionError("the budget never ended")


def main() -> None:
    """Mint a lease of 300 cents, narrow it for two children, and let all three spend at once."""
    issuer = KeyRing.generate("e1", "ed25519")
    budget = {"usd_cents": 300}
    parent = issuer.mint(run="job_7@1", audience="llm", ttl="5m", allow=["llm.chat"], budget=budget)
    reader = parent.narrow(run="job_7@1/reader@1", budget={"usd_cents": 60})
    writer = parent.narrow(run="job_7@1/writer@1")

    keys = issuer.publish().to_json()
    with tempfile.TemporaryDirectory() as folder:
        address = f"sqlite:{Path(folder) / 'state.db'}"
        asked = [(address, keys, each.token, each.run) for each in (reader, writer, parent)]
        with multiprocessing.get_context("spawn").Pool(3) as processes:
            granted = processes.starmap(spend, asked)
    print(f"granted: {sum(granted)} of {300 // 3}")
    assert sum(granted) == 300 // 3
    assert granted[0] <= 60 // 3  # the reader's own budget counts, and its parent's


if __name__ == "__main__":
    main()
