"""V6 and V7 in their order: structure, times, actions, budgets, and what nobody knows."""

from __future__ import annotations

from builder import BASE, BINDING, BOTH, HMAC, NOW, Case, ask, mint, vector

ANY = [{0: ["*"]}]


@vector("forbidden structure 0", *BOTH)
def structure_no_run(alg: int) -> Case:
    """A block 0 without a run."""
    return ask(mint(alg, {2: ...}))


@vector("forbidden structure 0")
def structure_open_attempt(alg: int) -> Case:
    """A block 0 whose run leaves an attempt open."""
    return ask(mint(alg, {2: [["agt_1"]]}))


@vector("forbidden structure 0")
def structure_no_audience(alg: int) -> Case:
    """A block 0 without an audience."""
    return ask(mint(alg, {3: ...}))


@vector("forbidden structure 0")
def structure_no_expires(alg: int) -> Case:
    """A block 0 that never ends."""
    return ask(mint(alg, {5: ...}))


@vector("forbidden structure 0")
def structure_no_allow(alg: int) -> Case:
    """A block 0 without an allow, which is no leave to do everything."""
    return ask(mint(alg, {6: ...}))


@vector("forbidden structure 0")
def structure_no_issued_at(alg: int) -> Case:
    """A block 0 that does not say when it was issued."""
    return ask(mint(alg, {15: ...}))


@vector("forbidden structure 0")
def structure_expires_when_issued(alg: int) -> Case:
    """A block 0 that ends in the second in which it begins."""
    return ask(mint(alg, {5: NOW}), now=NOW - 1)


@vector("forbidden structure 0")
def structure_of_block_0_in_block_1(alg: int) -> Case:
    """A block 0 with nothing but a nonce: a later block cannot complete it."""
    return ask(mint(alg, dict.fromkeys(BASE, ...)).add(BASE))


@vector("forbidden structure 1", *BOTH)
def structure_issued_at_later(alg: int) -> Case:
    """An issued_at in a later block."""
    return ask(mint(alg).add({15: NOW}))


@vector("forbidden issued_at 0", *BOTH)
def issued_at_ahead(alg: int) -> Case:
    """A lease issued 61 seconds ahead: a long life would hide behind a short one."""
    return ask(mint(alg, {15: NOW + 61}))


@vector("ok")
def issued_at_just_ahead(alg: int) -> Case:
    """A lease issued 60 seconds ahead, by another clock."""
    return ask(mint(alg, {15: NOW + 60}))


@vector("forbidden issued_at 0")
def issued_at_without_leeway(alg: int) -> Case:
    """A lease issued 61 seconds ahead at a verifier with leeway, which is not for issued_at."""
    return ask(mint(alg, {15: NOW + 61}), options={"leeway": 60})


@vector("forbidden depth 0", *BOTH)
def depth_exceeded(alg: int) -> Case:
    """Two blocks after a block that takes one."""
    return ask(mint(alg, {11: 1}).add().add())


@vector("ok")
def depth_reached(alg: int) -> Case:
    """As many blocks as each block takes."""
    return ask(mint(alg, {11: 2}).add({11: 1}).add({11: 0}))


@vector("forbidden depth 1")
def depth_of_a_later_block(alg: int) -> Case:
    """One block after a later block that takes none; block 0 takes fifteen."""
    return ask(mint(alg, {11: 15}).add({11: 0}).add())


@vector("forbidden lifetime 0", *BOTH)
def lifetime_above_the_cap(alg: int) -> Case:
    """A lease of 900 seconds where 899 are the most."""
    return ask(mint(alg), options={"max_lifetime": 899})


@vector("ok")
def lifetime_at_the_cap(alg: int) -> Case:
    """A lease of 900 seconds where 900 are the most; a later block's expiry is not looked at."""
    return ask(mint(alg).add({5: NOW + 9000}), options={"max_lifetime": 900})


@vector("forbidden lifetime 0")
def lifetime_not_cured_by_a_child(alg: int) -> Case:
    """A lease of 900 seconds whose child lives for 60: the cap is on what the issuer gave."""
    return ask(mint(alg).add({5: NOW + 60}), options={"max_lifetime": 600})


@vector("forbidden for 0", *BOTH)
def for_in_a_lease(alg: int) -> Case:
    """An approval shown as a lease."""
    return ask(mint(alg, {14: bytes(16)}))


@vector("forbidden for 1", *BOTH)
def for_in_a_later_block(alg: int) -> Case:
    """A `for` appended to a lease, to make an approval of it."""
    return ask(mint(alg).add({14: bytes(16)}))


@vector("forbidden bound 1", *BOTH)
def bound_and_a_bearer(alg: int) -> Case:
    """A bearer token whose later block takes bound proofs only."""
    return ask(mint(alg).add({13: True}))


@vector("forbidden bound 0")
def bound_and_a_seal(alg: int) -> Case:
    """A sealed token whose block takes bound proofs only."""
    lease = mint(alg, {13: True})
    return ask(lease, lease.seal())


@vector("ok", *BOTH)
def bound_and_a_bound_proof(alg: int) -> Case:
    """A bound token whose block asks for it."""
    lease = mint(alg, {13: True})
    return ask(lease, lease.use(), binding=BINDING.hex())


@vector("forbidden not_before 1", *BOTH)
def not_before_its_time(alg: int) -> Case:
    """A second too early for a later block."""
    return ask(mint(alg).add({4: NOW + 1}))


@vector("ok")
def not_before_to_the_second(alg: int) -> Case:
    """The first second."""
    return ask(mint(alg).add({4: NOW}))


@vector("ok")
def not_before_with_leeway(alg: int) -> Case:
    """Five seconds early where five are allowed."""
    return ask(mint(alg).add({4: NOW + 5}), options={"leeway": 5})


@vector("forbidden expires 0", *BOTH)
def expires_to_the_second(alg: int) -> Case:
    """The second at which it ends is not in it."""
    return ask(mint(alg), now=NOW + 900)


@vector("ok", *BOTH)
def expires_a_second_later(alg: int) -> Case:
    """The last second."""
    return ask(mint(alg), now=NOW + 899)


@vector("forbidden expires 1")
def expires_at_the_earliest(alg: int) -> Case:
    """A child that ended; that its own child says later changes nothing."""
    return ask(mint(alg).add({5: NOW}).add({5: NOW + 9000}))


@vector("ok")
def expires_with_leeway(alg: int) -> Case:
    """Four seconds late where five are allowed."""
    return ask(mint(alg), now=NOW + 904, options={"leeway": 5})


@vector("forbidden expires 0")
def expires_after_the_leeway(alg: int) -> Case:
    """Five seconds late where five are allowed: the end is not in it."""
    return ask(mint(alg), now=NOW + 905, options={"leeway": 5})


@vector("forbidden audience 1", *BOTH)
def audience_of_a_later_block(alg: int) -> Case:
    """A service that block 0 names and a later block does not."""
    return ask(mint(alg, {3: ["github", "mail"]}).add({3: ["mail"]}))


@vector("forbidden audience 0")
def audience_in_other_case(alg: int) -> Case:
    """GitHub for github: text is compared by code point."""
    return ask(mint(alg, {3: ["GitHub"]}))


@vector("forbidden allow 0", *BOTH)
def allow_another_action(alg: int) -> Case:
    """An action that no grant names."""
    return ask(mint(alg), action="repo.delete")


@vector("forbidden allow 1", *BOTH)
def allow_is_not_widened(alg: int) -> Case:
    """A later block that allows everything and one that allows something else: both must hold."""
    return ask(mint(alg).add({6: [{0: ["issue.*"]}]}).add({6: ANY}))


@vector("forbidden allow 0")
def allow_is_not_joined(alg: int) -> Case:
    """The action of one grant with the facts of another."""
    grants = [{0: ["repo.read"], 1: {"repo": [0, ["a"]]}}, {0: ["repo.list"], 1: {"repo": [0, ["clord"]]}}]
    return ask(mint(alg, {6: grants}))


def action(pattern: str, asked: str) -> Case:
    """Return the case of a grant of one pattern and a request for one action."""
    return ask(mint(HMAC, {6: [{0: [pattern]}]}), action=asked)


@vector("ok")
def pattern_below(alg: int) -> Case:
    """The action repo.write.file under repo.*."""
    return action("repo.*", "repo.write.file")


@vector("forbidden allow 0")
def pattern_not_itself(alg: int) -> Case:
    """The action repo. under repo.*: one more character must follow."""
    return action("repo.*", "repo.")


@vector("forbidden allow 0")
def pattern_of_a_sibling(alg: int) -> Case:
    """The action repository.read under repo.*."""
    return action("repo.*", "repository.read")


@vector("ok")
def pattern_of_everything(alg: int) -> Case:
    """Any action under *."""
    return action("*", "x")


@vector("ok")
def pattern_after_a_slash(alg: int) -> Case:
    """The action GET:/v1/users under GET:/v1/*."""
    return action("GET:/v1/*", "GET:/v1/users")


@vector("forbidden deny 1", *BOTH)
def deny_in_a_later_block(alg: int) -> Case:
    """An action that block 0 allows and a later block denies."""
    return ask(mint(alg).add({7: [{0: ["repo.*"]}]}))


@vector("forbidden budget 0", *BOTH)
def budget_cost_not_stated(alg: int) -> Case:
    """A budget in a unit whose cost the guard did not state."""
    return ask(mint(alg, {9: {"calls": 5, "usd": 100}}))


@vector("ok")
def budget_cost_stated(alg: int) -> Case:
    """A cost of 0 is a cost; what is left is for the gate to look at."""
    return ask(mint(alg, {9: {"calls": 0, "usd": 100}}), cost={"usd": 0, "tokens": 7})


@vector("forbidden unknown_caveat 1", *BOTH)
def unknown_extension(alg: int) -> Case:
    """An extension without a handler: what is not understood forbids."""
    return ask(mint(alg).add({"acme/region": ["eu", {"zone": 1}]}))


@vector("forbidden unknown_caveat 0", *BOTH)
def unknown_number(alg: int) -> Case:
    """A number that a later version may define."""
    return ask(mint(alg, {17: True}))


@vector("forbidden unknown_caveat 0")
def unknown_negative_number(alg: int) -> Case:
    """A number below 0."""
    return ask(mint(alg, {-1: True}))


@vector("forbidden unknown_caveat 0")
def unknown_value_of_any_shape(alg: int) -> Case:
    """A number nobody knows with bytes, null and empty collections: read, then refused."""
    return ask(mint(alg, {99: [b"", None, [], {}, {1: {"a": -1}}]}))


@vector("forbidden structure 0")
def order_structure_before_caveats(alg: int) -> Case:
    """A lease without an allow at another service: V6 is before V7."""
    return ask(mint(alg, {6: ..., 3: ["mail"]}))


@vector("forbidden bound 1")
def order_later_structure_before_earlier_caveats(alg: int) -> Case:
    """V6 of every block is before V7 of any."""
    return ask(mint(alg, {3: ["mail"]}).add({13: True}))


@vector("forbidden audience 0")
def order_blocks_before_keys(alg: int) -> Case:
    """A later key of block 0 is before an earlier key of block 1."""
    return ask(mint(alg, {3: ["mail"]}).add({2: [["other", 1]]}))


@vector("forbidden run 0")
def order_keys_within_a_block(alg: int) -> Case:
    """The run, key 2, is before the audience and the expiry."""
    return ask(mint(alg, {2: [["other", 1]], 3: ["mail"]}), now=NOW + 900)


@vector("malformed facts")
def order_request_before_trust(alg: int) -> Case:
    """A request that is none, with a token under a key that nobody has."""
    return ask(mint(alg), ring=(), action="two words")
