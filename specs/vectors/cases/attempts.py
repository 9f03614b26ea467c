"""V7, runs and attempts: whose lease it is, and which try of it."""

from __future__ import annotations

from builder import BOTH, HMAC, Case, Lease, ask, mint, vector


def child(alg: int = HMAC) -> Lease:
    """Return the lease that agt_1@2 gave to a reader, leaving the reader's attempt open."""
    return mint(alg).add({2: [["agt_1", 2], ["reader"]]})


@vector("ok", *BOTH)
def run_below(alg: int) -> Case:
    """A run that agt_1@2 started, under agt_1@2's own lease."""
    return ask(mint(alg), run=[["agt_1", 2], ["reader", 7], ["tool", 1]])


@vector("forbidden run 0", *BOTH)
def run_of_another(alg: int) -> Case:
    """Another agent."""
    return ask(mint(alg), run=[["agt_2", 2]])


@vector("forbidden attempt 0", *BOTH)
def run_of_an_earlier_attempt(alg: int) -> Case:
    """The same agent on its first attempt, under the lease of its second."""
    return ask(mint(alg), run=[["agt_1", 1]])


@vector("forbidden attempt 0")
def run_of_a_later_attempt(alg: int) -> Case:
    """The same agent on its third attempt."""
    return ask(mint(alg), run=[["agt_1", 3]])


@vector("forbidden run 1", *BOTH)
def run_of_the_parent(alg: int) -> Case:
    """The parent with its child's lease."""
    return ask(child(alg))


@vector("forbidden run 1")
def run_of_a_sibling(alg: int) -> Case:
    """The writer with the reader's lease."""
    return ask(child(), run=[["agt_1", 2], ["writer", 1]])


@vector("forbidden run 0")
def run_name_before_attempt(alg: int) -> Case:
    """A run that differs in an attempt and, deeper, in a name: the names are told first."""
    lease = mint(alg, {2: [["agt_1", 2], ["reader", 1]]})
    return ask(lease, run=[["agt_1", 1], ["writer", 1]])


@vector("ok", *BOTH)
def run_with_an_open_attempt(alg: int) -> Case:
    """Any attempt where the block leaves it open."""
    return ask(child(alg), run=[["agt_1", 2], ["reader", 9]])


@vector("forbidden attempt 0")
def run_open_in_the_request(alg: int) -> Case:
    """A request that leaves open what the lease states: open is not any."""
    return ask(mint(alg), run=[["agt_1", None]])


@vector("ok")
def run_open_in_both(alg: int) -> Case:
    """A request that leaves open what the lease leaves open."""
    return ask(child(), run=[["agt_1", 2], ["reader"]])


@vector("ok", *BOTH)
def run_of_the_blocks(alg: int) -> Case:
    """A service that knows no run: the longest of the blocks is taken."""
    return ask(child(alg), run=None)


@vector("ok")
def run_of_the_blocks_with_later_attempts(alg: int) -> Case:
    """A service that knows no run: an open attempt is filled from the first block that states it."""
    return ask(child().add({2: [["agt_1", 2], ["reader", 4]]}), run=None)


@vector("forbidden attempt 1")
def run_of_the_blocks_that_differ(alg: int) -> Case:
    """A service that knows no run, and blocks that state two attempts: the first one counts."""
    return ask(mint(alg).add({2: [["agt_1", 3], ["reader", 1]]}), run=None)


@vector("forbidden run 2")
def run_of_the_blocks_that_fork(alg: int) -> Case:
    """A service that knows no run, and two children of equal length: the first one is taken."""
    lease = mint(alg).add({2: [["agt_1"], ["writer"]]}).add({2: [["agt_1"], ["reader"]]})
    return ask(lease, run=None)
