"""V8: leases that approvers sign for a block that asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builder import (
    APPROVERS,
    BINDING,
    BOTH,
    ED25519,
    HMAC,
    NOW,
    Case,
    Lease,
    ask,
    cbor,
    mint,
    public_of,
    secret,
    vector,
)

KEYS = [public_of(seed) for seed in APPROVERS]
FIELDS: Mapping[int | str, Any] = {
    2: [["agt_1", 2]],
    3: ["github"],
    5: NOW + 120,
    6: [{0: ["repo.read"], 1: {"repo": [0, ["clord"]]}}],
    9: {"calls": 1},
    15: NOW,
}


def asking(alg: int, quorum: int = 1, *demands: list[Any]) -> Lease:
    """Return a lease whose block 0 asks for approvals of everything under repo."""
    return mint(alg, {10: list(demands) or [[["repo.*"], KEYS, quorum]]})


def yes(lease: Lease, who: int = 0, block: int = 0, **changes: Any) -> Lease:
    """Return an approver's lease for a block, with changed fields such as k9=…."""
    seed = APPROVERS[who]
    start = Lease(ED25519, cbor([1, ED25519, public_of(seed).hex()]), secret=seed, root=seed)
    fields: dict[int | str, Any] = {**FIELDS, 14: bytes.fromhex(lease.ids[block])}
    fields.update((int(name[1:]), value) for name, value in changes.items())
    return start.add(fields, seed=secret(f"approval next {who}"))


def sealed(approval: Lease) -> str:
    """Return an approval's text."""
    return approval.text(approval.seal())


@vector("ok", *BOTH)
def approved(alg: int) -> Case:
    """One of three approvers said yes."""
    lease = asking(alg)
    return ask(lease, approvals=(sealed(yes(lease)),))


@vector("ok")
def approved_and_bound(alg: int) -> Case:
    """An approval that is bound to the call."""
    lease = asking(alg)
    approval = yes(lease)
    return ask(lease, approvals=(approval.text(approval.use()),), binding=BINDING.hex())


@vector("ok")
def approved_and_narrowed(alg: int) -> Case:
    """An approval of two blocks."""
    lease = asking(alg)
    return ask(lease, approvals=(sealed(yes(lease).add({8: {"repo": [4, ["c"]]}})),))


@vector("ok", *BOTH)
def approved_for_a_descendant(alg: int) -> Case:
    """An approval for block 0, used by a child."""
    lease = asking(alg).add({11: 0})
    return ask(lease, approvals=(sealed(yes(lease)),))


@vector("ok")
def approved_twice_over(alg: int) -> Case:
    """Two demands of one block, met by one approval."""
    lease = asking(alg, 1, [["*"], KEYS[:1], 1], [["repo.*"], KEYS, 1])
    return ask(lease, approvals=(sealed(yes(lease)),))


@vector("ok", *BOTH)
def approved_by_two(alg: int) -> Case:
    """A quorum of two."""
    lease = asking(alg, 2)
    return ask(lease, approvals=(sealed(yes(lease, 2)), sealed(yes(lease, 0))))


@vector("ok")
def approved_by_the_second_try(alg: int) -> Case:
    """An approval that does not count, and one by the same key that does."""
    lease = asking(alg)
    return ask(lease, approvals=(sealed(yes(lease, k5=NOW)), sealed(yes(lease, k5=NOW + 60))))


@vector("ok")
def approved_by_two_with_one_to_spare(alg: int) -> Case:
    """A quorum of two, and two approvals by the first: the earlier one counts."""
    lease = asking(alg, 2)
    spare = sealed(yes(lease, k5=NOW + 60))
    return ask(lease, approvals=(sealed(yes(lease)), spare, sealed(yes(lease, 1))))


@vector("ok")
def approval_not_asked_for(alg: int) -> Case:
    """A demand for other actions, and an approval that is ignored."""
    lease = asking(alg, 1, [["repo.delete"], KEYS, 1])
    return ask(lease, approvals=(sealed(yes(lease, k9={"usd": 1})),))


@vector("forbidden approval 0", *BOTH)
def approval_missing(alg: int) -> Case:
    """Nobody said yes."""
    return ask(asking(alg))


@vector("forbidden approval 0", *BOTH)
def approval_by_one_twice(alg: int) -> Case:
    """A quorum of two, and two approvals by one key."""
    lease = asking(alg, 2)
    return ask(lease, approvals=(sealed(yes(lease)), sealed(yes(lease, k5=NOW + 60))))


@vector("forbidden approval 1")
def approval_of_the_later_block(alg: int) -> Case:
    """Two blocks that ask, and an approval for the first: the second is told."""
    lease = asking(alg).add({10: [[["*"], KEYS, 1]]})
    return ask(lease, approvals=(sealed(yes(lease)),))


def against(lease: Lease, approval: Lease) -> Case:
    """Return the case of a sealed approval that does not count."""
    return ask(lease, approvals=(sealed(approval),))


@vector("forbidden approval 0")
def approval_by_a_stranger(alg: int) -> Case:
    """An approval by a key that is not in the demand."""
    lease = asking(alg, 1, [["*"], KEYS[1:], 1])
    return against(lease, yes(lease, 0))


@vector("forbidden approval 0")
def approval_forged(alg: int) -> Case:
    """An approval that names an approver and is signed by another key."""
    lease = asking(alg)
    start = Lease(ED25519, cbor([1, ED25519, KEYS[0].hex()]), secret=APPROVERS[1])
    return against(lease, start.add({**FIELDS, 14: bytes.fromhex(lease.ids[0])}))


@vector("forbidden approval 0")
def approval_key_id_in_capitals(alg: int) -> Case:
    """An approval whose key id is the approver's key in upper-case hex."""
    lease = asking(alg)
    start = Lease(ED25519, cbor([1, ED25519, KEYS[0].hex().upper()]), secret=APPROVERS[0])
    return against(lease, start.add({**FIELDS, 14: bytes.fromhex(lease.ids[0])}))


@vector("forbidden approval 0")
def approval_by_hmac(alg: int) -> Case:
    """An approval in the hmac chain, with the approver's public key for a secret."""
    lease = asking(alg)
    start = Lease(HMAC, cbor([1, HMAC, KEYS[0].hex()]), secret=KEYS[0])
    return against(lease, start.add({**FIELDS, 14: bytes.fromhex(lease.ids[0])}))


@vector("forbidden approval 0", *BOTH)
def approval_as_a_bearer(alg: int) -> Case:
    """An approval that is neither sealed nor bound: whoever has it could narrow it, or mint on."""
    lease = asking(alg)
    return ask(lease, approvals=(yes(lease).text(),))


@vector("forbidden approval 0", *BOTH)
def approval_for_another_lease(alg: int) -> Case:
    """An approval for block 0 of another lease."""
    return against(asking(alg), yes(mint(alg)))


@vector("forbidden approval 1")
def approval_for_another_block(alg: int) -> Case:
    """An approval for block 0 where block 1 asks."""
    lease = mint(alg).add({10: [[["*"], KEYS, 1]]})
    return against(lease, yes(lease, block=0))


@vector("forbidden approval 0")
def approval_without_for(alg: int) -> Case:
    """An approval that does not say what it is for."""
    lease = asking(alg)
    return against(lease, yes(lease, k14=...))


@vector("forbidden approval 0")
def approval_for_appended(alg: int) -> Case:
    """A lease that an approver signed for something else, with a `for` in a block appended to it."""
    lease = asking(alg)
    return against(lease, yes(lease, k14=...).add({14: bytes.fromhex(lease.ids[0])}))


@vector("forbidden approval 0")
def approval_for_twice(alg: int) -> Case:
    """An approval with a `for` in a later block too."""
    lease = asking(alg)
    return against(lease, yes(lease).add({14: bytes.fromhex(lease.ids[0])}))


@vector("forbidden approval 0")
def approval_without_calls(alg: int) -> Case:
    """An approval without a number of calls: it would be good for ever."""
    lease = asking(alg)
    return against(lease, yes(lease, k9=...))


@vector("forbidden approval 0")
def approval_with_another_unit(alg: int) -> Case:
    """An approval with a budget in money and none of calls."""
    lease = asking(alg)
    approval = sealed(yes(lease, k9={"usd": 1}))
    return ask(lease, approvals=(approval,), cost={"usd": 1})


@vector("forbidden approval 0")
def approval_that_asks_itself(alg: int) -> Case:
    """An approval with a demand of its own."""
    lease = asking(alg)
    return against(lease, yes(lease, k10=[[["*"], KEYS[1:], 1]]))


@vector("forbidden approval 0")
def approval_of_another_call(alg: int) -> Case:
    """An approval that names other facts."""
    lease = asking(alg)
    return against(lease, yes(lease, k6=[{0: ["repo.read"], 1: {"repo": [0, ["other"]]}}]))


@vector("forbidden approval 0")
def approval_of_another_run(alg: int) -> Case:
    """An approval for another attempt."""
    lease = asking(alg)
    return against(lease, yes(lease, k2=[["agt_1", 1]]))


@vector("forbidden approval 0")
def approval_expired(alg: int) -> Case:
    """An approval whose time is over."""
    lease = asking(alg)
    return against(lease, yes(lease, k5=NOW, k15=NOW - 60))


@vector("forbidden approval 0")
def approval_incomplete(alg: int) -> Case:
    """An approval without an audience: V6 holds for approvals too."""
    lease = asking(alg)
    return against(lease, yes(lease, k3=...))


@vector("forbidden approval 0")
def approval_above_the_cap(alg: int) -> Case:
    """An approval that lives longer than this verifier takes, for a lease that does not."""
    lease = mint(alg, {5: NOW + 300, 10: [[["*"], KEYS, 1]]})
    case = against(lease, yes(lease, k5=NOW + 301))
    return case._replace(options={"max_lifetime": 300})


@vector("malformed cbor")
def approval_malformed(alg: int) -> Case:
    """An approval that is no token, beside a lease that needs none: the whole is malformed."""
    return ask(mint(alg), approvals=("lease1_hEA",))


@vector("forbidden expires 0", *BOTH)
def approval_after_all_else(alg: int) -> Case:
    """An expired lease whose approval is missing too: V7 is before V8."""
    return ask(asking(alg), now=NOW + 900)
