"""Key rings: which key a key id names, and minting.

    ring = KeyRing.generate("k1")                    # hmac; or KeyRing.generate("e1", "ed25519")
    ring = ring.rotate("k2")                         # k2 mints, k1 still verifies
    ring.for_audience("github").save("github.keys")  # for the service: verifies its own leases
    ring.publish().save("public.keys")               # ed25519 only: for everyone

The key decides the algorithm. A key id is unique in a ring, and a root's has no "/": the first "/"
of a key id ends the root's and begins the audience that a derived key serves.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, NoReturn, Self, Unpack, final

from . import chain
from .block import ED25519, HMAC
from .fields import Terms, make_fields, moment
from .keys import Key
from .lease import Lease
from .token import KEY_ID
from .words import steady

_DERIVED: Final = 256
"""Derived keys that a ring keeps: a verifier has few names, and who exports leases meets those of holders."""


@final
class KeyRing:
    """Keys by id, and the one that mints. Immutable: rotating and retiring return another ring.

    keys: key id -> Key. active: id of the minting key; by default the last that can mint.
    Raises ValueError for a malformed key id, or for a root's that has a "/".
    """

    __slots__ = ("_active", "_derived", "_keys", "prepared")

    prepared: object
    """What an engine made of this ring, so that nothing is converted twice."""

    def __init__(self, keys: Mapping[str, Key], active: str | None = None) -> None:
        for key_id, key in keys.items():
            _check_id(key_id, key)
        minting = [key_id for key_id, key in keys.items() if key.can_mint]
        if active is not None and active not in minting:
            raise ValueError(
                f"no key {active!r:.80} that can mint; the ring has: {', '.join(minting) or 'none'}"
            )
        self._keys = dict(keys)
        self._active = active or (minting[-1] if minting else None)
        self._derived: dict[str, Key] = {}
        self.prepared = None

    @classmethod
    def generate(cls, key_id: str, alg: str = "hmac") -> Self:
        """Return a ring of one new root key. alg: "hmac" or "ed25519"."""
        _check_root(key_id)
        return cls({key_id: Key.generate(alg)})

    @property
    def active(self) -> str | None:
        """The id of the key that mints; None for a ring that only verifies."""
        return self._active

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, key_id: str) -> Key:
        return self._keys[key_id]

    def find(self, key_id: str, audience: str) -> tuple[Key, str | None] | None:
        """Return the key that a key id names and the audience it serves, None for any (V3).

        A ring that holds KID answers for KID/AUDIENCE; the key is derived only for `audience`, the
        verifier's own, so nobody can make a verifier derive keys without end.
        """
        root, slash, served = key_id.partition("/")
        key = self._keys.get(key_id)
        if key is not None:
            return key, served if slash else None
        parent = self._keys.get(root) if slash else None
        if parent is None or parent.alg != HMAC:
            return None
        if served != audience:
            return parent, served  # refused for its audience before any byte is checked against it
        derived = self._derived.get(key_id)
        if derived is None:
            derived = parent.for_audience(audience)
            if len(self._derived) < _DERIVED:
                self._derived[key_id] = derived
        return derived, served

    def mint(self, *, now: int | None = None, **terms: Unpack[Terms]) -> Lease:
        """Return a new bearer lease, signed by the active key.

        terms: run (with every attempt), audience, ttl or expires, and allow are required; the rest
        are optional (see `Terms` in fields.py). now: seconds since 1970, by default the clock's.

        Raises TypeError or ValueError for terms that are missing or of another type.
        """
        if self._active is None:
            raise ValueError("this ring only verifies; mint with the ring that holds the secret")
        fields = make_fields(terms, index=0, now=moment(now))
        key = self._keys[self._active]
        return Lease(chain.start(key, self._active, fields, os.urandom(32)))

    def rotate(self, key_id: str, alg: str | None = None) -> KeyRing:
        """Return a ring with a new key that mints; the others go on verifying."""
        _check_root(key_id)
        if key_id in self._keys:
            raise ValueError(f"key id {key_id!r:.80} is taken; key ids are unique in a ring")
        current = self._keys[self._active] if self._active else None
        name = alg or ("ed25519" if current is not None and current.alg == ED25519 else "hmac")
        return KeyRing({**self._keys, key_id: Key.generate(name)}, key_id)

    def retire(self, key_id: str) -> KeyRing:
        """Return a ring without this key: every lease under it is refused. Not for the active one."""
        if key_id == self._active:
            raise ValueError(f"{key_id!r:.80} mints; rotate first")
        return KeyRing({k: key for k, key in self._keys.items() if k != key_id}, self._active)

    def for_audience(self, audience: str) -> KeyRing:
        """Return the ring for one service: an audience key for each hmac root, public keys as such."""
        keys: dict[str, Key] = {}
        for key_id, key in self._keys.items():
            if key.alg == HMAC and "/" not in key_id:
                keys[f"{key_id}/{audience}"] = key.for_audience(audience)
            elif key.alg == ED25519:
                keys[key_id] = Key(ED25519, public=key.public)
        if not keys:
            raise ValueError("no root key to derive from: an audience key derives no further keys")
        return KeyRing(keys)

    def publish(self) -> KeyRing:
        """Return the public keys. Raises ValueError for a ring of hmac keys, which has none."""
        keys = {k: Key(ED25519, public=key.public) for k, key in self._keys.items() if key.alg == ED25519}
        if not keys:
            raise ValueError("an hmac ring has no public keys; give each service for_audience(name)")
        return KeyRing(keys)

    def to_json(self) -> dict[str, object]:
        """Return the ring as JSON data, secrets included where it has them: keep it like a key."""
        rows = []
        for key_id, key in self._keys.items():
            text = key.secret_text() if key.can_mint else key.public_text()
            rows.append({"id": key_id, "key": text, **({"active": True} if key_id == self._active else {})})
        return {"keys": rows}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return the ring of `to_json`'s data; raises ValueError that repeats no key."""
        rows = data.get("keys") if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise ValueError('a key ring is {"keys": [{"id": …, "key": …}, …]}')
        keys: dict[str, Key] = {}
        active = None
        for row in rows:
            if not isinstance(row, dict) or not isinstance(row.get("id"), str):
                raise ValueError('a key is {"id": …, "key": …}')
            if row["id"] in keys:
                raise ValueError(f"key id {row['id']!r:.80} twice; key ids are unique in a ring")
            keys[row["id"]] = Key.from_text(row.get("key", ""))
            active = row["id"] if row.get("active") is True else active
        return cls(keys, active)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the ring to a file that only its owner can read, whole or not at all.

        Raises FileExistsError for a file that is there, unless `overwrite`.
        """
        target = os.fspath(path)
        folder, name = os.path.split(target)
        fresh = os.path.join(folder, f".{name}.{os.urandom(4).hex()}")
        text = json.dumps(self.to_json(), indent=1) + "\n"
        if not overwrite:  # take the name first: nobody can slip a file in between
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, target)
        except BaseException:
            for left in (fresh,) if overwrite else (fresh, target):
                with suppress(FileNotFoundError):
                    os.unlink(left)
            raise

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, allow_open_file: bool = False) -> Self:
        """Return the ring of a file that `save` wrote.

        Raises PermissionError where others than the owner can read a file with secrets in it,
        unless `allow_open_file`; ValueError for another content.
        """
        with open(path, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            try:
                ring = cls.from_json(json.load(file))
            except ValueError as fault:  # JSONDecodeError is one; its words would show the content
                why = "it is not JSON" if isinstance(fault, json.JSONDecodeError) else str(fault)
                raise ValueError(f"{os.fspath(path)} is no key ring: {why}") from None
        if any(key.can_mint for key in ring._keys.values()) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            if not allow_open_file:
                why = f"it holds secrets and others can read it; chmod 600 {os.fspath(path)}"
                raise PermissionError(errno.EACCES, why, os.fspath(path))
        return ring

    @steady
    def __repr__(self) -> str:
        return f"<KeyRing {', '.join(self._keys)}; mints with {self._active}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyRing does not pickle; save() it where keys may be kept")


def _check_root(key_id: object) -> None:
    if isinstance(key_id, str) and "/" in key_id:
        raise ValueError(f'key id {key_id!r:.80}: a root has no "/"; for_audience derives keys that have')


def _check_id(key_id: object, key: object) -> None:
    if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id):
        raise ValueError(f"key id {key_id!r:.80}; give 1 to 128 printable ASCII characters")
    if not isinstance(key, Key):
        raise TypeError(f"key {key_id}: a {type(key).__name__}, not a Key")
    if "/" in key_id and key.alg != HMAC:
        raise ValueError(f'key id {key_id!r:.80}: only an audience key has a "/", and it is an hmac key')
