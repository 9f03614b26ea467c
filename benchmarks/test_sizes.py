"""How many characters a token of 1, 3 and 8 blocks has. Nothing is timed here."""

from __future__ import annotations

import pytest

from benchmarks import ours, peers

SIZES = (1, 3, 8)


def sizes() -> dict[str, dict[int, int]]:
    """Return characters by name, then by blocks; a JWT has one block."""
    out: dict[str, dict[int, int]] = {}
    for n in SIZES:
        for alg in ("hmac", "ed25519"):
            out.setdefault(f"attenuate {alg}", {})[n] = len(ours.chain(n, alg).lease.token)
        for peer in (peers.macaroon(n), peers.biscuit(n), peers.tenuo(n)):
            out.setdefault(peer.name, {})[n] = len(peer.text)
    for peer in (peers.jwt_hs256(), peers.jwt_eddsa()):
        out[peer.name] = {1: len(peer.text)}
    return out


@pytest.mark.parametrize(
    ("mine", "other"),
    [("attenuate hmac", "macaroon"), ("attenuate ed25519", "biscuit"), ("attenuate ed25519", "tenuo")],
)
def test_sizes(mine: str, other: str) -> None:
    found = sizes()
    assert all(found[mine][n] < found[other][n] for n in SIZES)
