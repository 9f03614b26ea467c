"""A lease in the hands of its holder: read it, narrow it, seal it, present it; never verify it.

A holder needs no key and calls nobody. What a lease says is `unverified_…` until a verifier has
looked: a tool service uses `Verified`, never the blocks of a Lease.

    child = lease.narrow(run="agt_1@2/reader@1", ttl="5m", allow=[grant("repo.read", path=under("src"))])
    call = lease.present(call_binding("github", lease.run, "repo.read", args))
"""

from __future__ import annotations

import hmac
import os
from typing import NoReturn, Self, Unpack, final

from . import chain
from .block import Block
from .clear import run_of
from .fields import Terms, make_fields, moment
from .request import run_text
from .token import PROOFS, Token, read_token, split, write_token
from .words import steady


@final
class Lease:
    """A lease: a token that was parsed, with its approvals. Immutable; narrowing returns another.

    Its text is a secret: `token` is the only way to it. The repr is redacted, equality takes
    constant time, and it refuses to be pickled, copied into JSON or printed.
    """

    __slots__ = ("_approvals", "_token")

    _token: Token
    _approvals: tuple[str, ...]

    def __init__(self, token: Token, approvals: tuple[str, ...] = ()) -> None:
        if not isinstance(token, Token):
            raise TypeError("a Lease is made by KeyRing.mint or Lease.parse")
        self._token = token
        self._approvals = approvals

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the lease of a token's text, with its approvals, unverified; raises Malformed."""
        first, approvals = split(text)
        for approval in approvals:
            read_token(approval)
        return cls(read_token(first), approvals)

    @property
    def token(self) -> str:
        """The text: a bearer secret. Put it in a header, never in a URL, a prompt or a log."""
        return "~".join((write_token(self._token), *self._approvals))

    @property
    def key_id(self) -> str:
        """The key id that the header names."""
        return self._token.key_id

    @property
    def alg(self) -> int:
        """The COSE algorithm: 5 (hmac) or -19 (ed25519)."""
        return self._token.alg

    @property
    def proof(self) -> str:
        """The kind of proof: "bearer" (may be narrowed), "sealed", or "bound" (to one call)."""
        return PROOFS[self._token.proof.kind]

    @property
    def unverified_blocks(self) -> tuple[Block, ...]:
        """What the blocks say. Anyone can write a block; only a verifier can believe one."""
        return self._token.blocks

    @property
    def block_ids(self) -> tuple[str, ...]:
        """The id of each block, 32 hex digits: for revocation, budgets, approvals and the log."""
        hashes = chain.hash_chain(self._token.header, self._token.blocks)
        return tuple(h[: chain.ID_SIZE].hex() for h in hashes)

    @property
    def run(self) -> str:
        """The longest run that the blocks state, as text; empty where none does."""
        run = run_of(self._token.blocks)
        return "" if run is None else run_text(run)

    @property
    def approvals(self) -> tuple[tuple[str, ...], ...]:
        """The block ids of each approval that travels with it, as in `block_ids`."""
        return tuple(Lease.parse(text).block_ids for text in self._approvals)

    def narrow(self, *, now: int | None = None, **terms: Unpack[Terms]) -> Lease:
        """Return a lease with one more block, offline and without a key.

        terms: as for KeyRing.mint, all of them optional. The new block can only restrict: a later
        expiry or a wider allow in it changes nothing, because every block must hold.

        Raises Forbidden `structure` for a sealed or bound lease, TypeError or ValueError for terms.
        """
        fields = make_fields(terms, index=len(self._token.blocks), now=moment(now))
        return Lease(chain.extend(self._token, fields, os.urandom(32)), self._approvals)

    def seal(self) -> Lease:
        """Return the lease sealed: whoever gets it can use it and not narrow it further.

        Raises Forbidden `structure` for one that is sealed or bound already.
        """
        return Lease(chain.seal(self._token), self._approvals)

    def present(self, binding: bytes, *, now: int | None = None, nonce: bytes | None = None) -> Lease:
        """Return the lease bound to one call: stolen, it is good for that call and for a minute.

        binding: 32 bytes, from `call_binding` or `http_binding`. now: seconds since 1970. nonce:
        16 bytes, fresh for each try, random by default.
        Raises Forbidden `structure` for a lease that is sealed or bound, ValueError for sizes.
        """
        nonce = os.urandom(16) if nonce is None else nonce
        if type(binding) is not bytes or len(binding) != 32 or type(nonce) is not bytes or len(nonce) != 16:
            raise ValueError("a binding is 32 bytes, from call_binding or http_binding; a nonce is 16")
        return Lease(chain.use(self._token, moment(now), nonce, binding), self._approvals)

    def attach(self, *approvals: Lease) -> Lease:
        """Return the lease with these approvals travelling along, after those it has."""
        for approval in approvals:
            if not isinstance(approval, Lease):
                raise TypeError(f"a {type(approval).__name__} is no approval; give Lease.parse(text)")
        texts = tuple(write_token(approval._token) for approval in approvals)
        joined = (*self._approvals, *texts)
        split("~".join((write_token(self._token), *joined)))
        return Lease(self._token, joined)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lease):
            return NotImplemented
        return hmac.compare_digest(self.token, other.token)

    def __hash__(self) -> int:
        return hash(self.block_ids)

    @steady
    def __repr__(self) -> str:
        return f"<Lease {self.block_ids[-1]}, {self.proof}, {len(self._token.blocks)} block(s), key {self.key_id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Lease does not pickle; pass lease.token where a secret may go")

    def __copy__(self) -> Lease:
        return self

    def __deepcopy__(self, memo: object) -> Lease:
        return self
