"""V3: which key, which algorithm, which service."""

from __future__ import annotations

import hmac

from builder import BASE, BOTH, E1, ED25519, HMAC, K1, RING, Case, ask, empty, mint, public_of, vector


def audience_key(audience: str) -> bytes:
    """Return the key that k1 gives one service."""
    return hmac.digest(K1, b"attenuate/1 audience\0" + audience.encode(), "sha256")


GITHUB = (("k1/github", HMAC, audience_key("github")),)


def served(audience: str, key_id: str = "", allowed: str = "") -> Case:
    """Return the case of a lease under the audience key of a service, asked for at github."""
    start = empty(HMAC, key_id or f"k1/{audience}", audience_key(audience))
    return ask(start.add({**BASE, 3: [allowed or audience]}))


@vector("untrusted unknown_key", *BOTH)
def unknown_key(alg: int) -> Case:
    """A ring without the key that the header names."""
    return ask(mint(alg), ring=(("other", HMAC, K1),))


@vector("untrusted unknown_key")
def key_id_in_other_case(alg: int) -> Case:
    """K1 for k1: ids are compared by code point."""
    return ask(empty(HMAC, "K1", K1).add(BASE))


@vector("untrusted algorithm")
def algorithm_hmac_with_a_public_key(alg: int) -> Case:
    """An hmac chain made with the public key of e1 as its secret: the key decides, not the header."""
    return ask(empty(HMAC, "e1", public_of(E1)).add(BASE))


@vector("untrusted algorithm")
def algorithm_ed25519_with_a_secret(alg: int) -> Case:
    """An ed25519 chain that names the secret k1."""
    return ask(empty(ED25519, "k1", K1).add(BASE))


@vector("untrusted algorithm")
def algorithm_before_links(alg: int) -> Case:
    """An honest ed25519 token at a ring that holds e1 as a secret."""
    return ask(mint(ED25519), ring=(("e1", HMAC, public_of(E1)),))


@vector("ok")
def audience_key_serves(alg: int) -> Case:
    """A lease under k1/github at a service that holds that key only."""
    case = served("github")
    return case._replace(ring=GITHUB)


@vector("ok")
def audience_key_derived(alg: int) -> Case:
    """A lease under k1/github at a ring that holds k1."""
    return served("github")._replace(ring=RING[:1])


@vector("ok")
def audience_key_with_a_slash(alg: int) -> Case:
    """A service whose name has a slash: the first one ends the root's id."""
    case = served("git/hub")
    return case._replace(request={**case.request, "audience": "git/hub"})


@vector("forbidden audience 0")
def audience_key_of_another_service(alg: int) -> Case:
    """A lease under k1/mail that names github in its audience: its key serves mail only."""
    return served("mail", allowed="github")


@vector("forbidden audience 0")
def audience_key_refused_before_links(alg: int) -> Case:
    """A lease that says k1/mail and is made with another key: the service is told first."""
    return ask(empty(HMAC, "k1/mail", audience_key("github")).add(BASE))


@vector("untrusted proof")
def audience_key_says_the_root(alg: int) -> Case:
    """A lease made with the key of k1/github that says k1: a service cannot mint for others."""
    return served("github", key_id="k1")


@vector("untrusted unknown_key")
def audience_key_of_an_unknown_root(alg: int) -> Case:
    """A lease under k2/github at a ring that holds k1 and e1."""
    return served("github", key_id="k2/github")


@vector("untrusted unknown_key")
def audience_key_of_a_public_key(alg: int) -> Case:
    """A lease under e1/github: only an hmac root has audience keys."""
    return served("github", key_id="e1/github")


@vector("untrusted unknown_key")
def audience_key_is_not_its_root(alg: int) -> Case:
    """A lease under k1 at a service that holds k1/github only."""
    return ask(mint(HMAC), ring=GITHUB)


@vector("forbidden audience 0")
def audience_key_and_another_audience(alg: int) -> Case:
    """A lease under k1/github whose block 0 names mail."""
    return served("github", allowed="mail")
