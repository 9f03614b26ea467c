"""One key: an hmac secret, an ed25519 seed, or an ed25519 public key. None can pass for another.

The text forms begin with what they are, so a secret is found by any scanner and a public key is
never taken for a secret:

    attenuate_hmac_secret_…   attenuate_ed25519_secret_…   attenuate_ed25519_public_…

A secret is written only by `secret_text`; it is not in the repr, does not pickle, and compares in
constant time.
"""

from __future__ import annotations

import hmac
import os
from hashlib import sha256
from typing import Final, NoReturn, Self, final

from . import codec, ed25519
from .block import ED25519, HMAC

ALGORITHMS: Final = {"hmac": HMAC, "ed25519": ED25519}
_HMAC_SECRET = "attenuate_hmac_secret_"
_ED25519_SECRET = "attenuate_ed25519_secret_"
_ED25519_PUBLIC = "attenuate_ed25519_public_"


def algorithm(name: str) -> int:
    """Return the COSE number of "hmac" or "ed25519"; raises ValueError."""
    try:
        return ALGORITHMS[name]
    except (KeyError, TypeError):
        raise ValueError(f'algorithm {name!r:.40}; known: "hmac", "ed25519"') from None


@final
class Key:
    """A key of one algorithm.

    alg: COSE algorithm, 5 or -19. material: 32 bytes that verify, the secret for 5 and the public
    key for -19. fingerprint: 32 bytes that name the material and do not give it away.
    """

    __slots__ = ("_seed", "alg", "fingerprint", "material")

    alg: int
    material: bytes
    fingerprint: bytes
    _seed: bytes | None

    def __init__(self, alg: int, *, secret: bytes | None = None, public: bytes | None = None) -> None:
        given = secret if secret is not None else public
        if type(given) is not bytes or len(given) != 32:
            raise ValueError("a key is 32 bytes")
        if alg == HMAC and public is None:
            material = given
        elif alg == ED25519:
            derived = ed25519.public_of(secret) if secret is not None else None
            if derived is not None and public not in (None, derived):
                raise ValueError("the public key is not that of the secret")
            material = derived if derived is not None else given
        else:
            raise ValueError("an hmac key is a secret; only an ed25519 key has a public part")
        put = object.__setattr__
        put(self, "alg", alg)
        put(self, "material", material)
        put(self, "_seed", secret)
        put(self, "fingerprint", sha256(b"attenuate/1 key\0" + bytes((alg & 0xFF,)) + material).digest())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Key does not change; make another")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Key does not change; make another")

    @classmethod
    def generate(cls, alg: str = "hmac") -> Self:
        """Return a new key from the system's randomness."""
        return cls(algorithm(alg), secret=os.urandom(32))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the key of a text form; raises ValueError that never repeats the text."""
        for prefix, alg, part in (
            (_HMAC_SECRET, HMAC, "secret"),
            (_ED25519_SECRET, ED25519, "secret"),
            (_ED25519_PUBLIC, ED25519, "public"),
        ):
            if isinstance(text, str) and text.startswith(prefix):
                try:
                    data = codec.from_text(codec.PREFIX + text[len(prefix) :])
                    return cls(alg, secret=data) if part == "secret" else cls(alg, public=data)
                except Exception:
                    raise ValueError(f"a key that starts with {prefix} and is not well formed") from None
        raise ValueError(f"not a key; one starts with {_HMAC_SECRET}, {_ED25519_SECRET} or {_ED25519_PUBLIC}")

    @property
    def can_mint(self) -> bool:
        """Whether this key can make a lease: it is a secret."""
        return self._seed is not None

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes; raises ValueError for an hmac key, which has none."""
        if self.alg != ED25519:
            raise ValueError("an hmac key has no public part; make an ed25519 key, or an audience key")
        return self.material

    @property
    def key_id(self) -> str:
        """The key id of this key as an approver's: its public key in lower-case hex."""
        return self.public.hex()

    def seed(self) -> bytes:
        """Return the 32 secret bytes; raises ValueError for a public key."""
        if self._seed is None:
            raise ValueError("this key is public: it verifies, and cannot mint or sign")
        return self._seed

    def secret_text(self) -> str:
        """Return the text form of the secret. Whoever reads it can mint leases."""
        prefix = _HMAC_SECRET if self.alg == HMAC else _ED25519_SECRET
        return prefix + codec.to_text(self.seed())[len(codec.PREFIX) :]

    def public_text(self) -> str:
        """Return the text form of the public key; raises ValueError for an hmac key."""
        return _ED25519_PUBLIC + codec.to_text(self.public)[len(codec.PREFIX) :]

    def for_audience(self, audience: str) -> Key:
        """Return the key of one service (specs/token.md, audience keys); raises ValueError."""
        if self.alg != HMAC:
            raise ValueError("audience keys are derived from an hmac key; publish an ed25519 key instead")
        label = b"attenuate/1 audience\0"
        return Key(HMAC, secret=hmac.digest(self.seed(), label + audience.encode("utf-8"), "sha256"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        same = hmac.compare_digest(self.fingerprint, other.fingerprint)
        return same and self.can_mint == other.can_mint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        name = "hmac" if self.alg == HMAC else "ed25519"
        return f"<Key {name}, {'secret' if self.can_mint else 'public'}>"

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Key has no state to give away; write it with secret_text()")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Key does not pickle; write it with secret_text() where it must be kept")
