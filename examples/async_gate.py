"""A tool whose price is known afterwards, in asyncio: reserve, work, commit. What crashed stays charged."""

import asyncio
import tempfile
from pathlib import Path

from attenuate import AsyncGate, KeyRing, Refused, Verifier, open_store

ring = KeyRing.generate("k1")
lease = ring.mint(run="agt_1@1", audience="llm", ttl="5m", allow=["llm.chat"], budget={"tokens": 1000})


async def answer(gate: AsyncGate, number: int) -> str:
    """The tool. It reserves the most that an answer can take, and commits what it took."""
    cost = {"tokens": 300}
    granted = await gate.check(
        lease.token, action="llm.chat", run="agt_1@1", cost=cost, reserve=f"chat-{number}"
    )
    await asyncio.sleep(0.01)  # the model answers
    if number == 2:
        raise ConnectionError("the model hung up, and nobody knows what it took")
    await gate.commit(granted, {"tokens": 40})
    return f"answer {number}"


async def main(address: str) -> None:
    """Ask three times at once, then for more than is left."""
    with open_store(address) as store:
        gate = AsyncGate(Verifier(ring, audience="llm"), store)
        for each in await asyncio.gather(*[answer(gate, n) for n in range(3)], return_exceptions=True):
            print(f"{type(each).__name__}: {each}")
        try:
            await gate.check(lease.token, action="llm.chat", run="agt_1@1", cost={"tokens": 700})
        except Refused as refusal:
            print(refusal)
        after = await gate.check(lease.token, action="llm.chat", run="agt_1@1", cost={"tokens": 600})
        assert after.left == {"tokens": 1000 - 40 - 40 - 300 - 600}
        gate.close()


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(f"sqlite:{Path(folder) / 'state.db'}"))
