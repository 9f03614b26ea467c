"""pymacaroons at its best: a block's terms joined in one caveat, so n + 1 HMACs as in a lease.

peers.py has a caveat for each term, as macaroons are written and documented. This is the bound on
what a better use of the same library gives: one JSON text a block, one satisfier that reads it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

from pymacaroons import Macaroon, Verifier
from pymacaroons.exceptions import MacaroonInvalidSignatureException
from pymacaroons.serializers import JsonSerializer

from benchmarks.peers import ACTIONS, CHILD, EXPIRES, OWN, Request


def _holds(predicate: str, request: Request) -> bool:
    terms = json.loads(predicate)
    return (
        terms["run"] in request.runs
        and terms["attempt"] == request.attempt
        and request.action in terms["actions"]
        and request.now < terms["expires"]
        and terms.get("repo", request.repo) == request.repo
        and terms.get("audience", request.audience) == request.audience
        and ("under" not in terms or request.path.startswith(terms["under"] + "/"))
    )


def predicates(n: int) -> list[dict[str, object]]:
    """Return the terms of each of n blocks."""
    both = {"attempt": 2, "actions": ACTIONS, "expires": EXPIRES}
    first = {"run": "agt_1", **both, "repo": "clord", "audience": "github"}
    return [first, *[{"run": "agt_1/reader", **both, "under": "src"}] * (n - 1)]


def macaroon(n: int) -> Callable[[], object]:
    """Return the work on n caveats of a block each, from text to decision, allowed."""
    key, form, request = secrets.token_hex(16), JsonSerializer(), OWN if n == 1 else CHILD
    made = Macaroon("github", "k1", key)
    for terms in predicates(n):
        made.add_first_party_caveat(json.dumps(terms))
    text = form.serialize(made)

    def decide(asked: Request = request) -> object:
        verifier = Verifier()
        verifier.satisfy_general(lambda predicate: _holds(predicate, asked))
        return verifier.verify(Macaroon.deserialize(text, form), key)

    decide()
    try:
        decide(Request(runs=request.runs, action="repo.delete"))
    except MacaroonInvalidSignatureException:
        return decide
    raise AssertionError("an action outside was not refused")
