"""A macaroon's text, both ways: version 2, binary in base64url or JSON.

pymacaroons' own serializers do the work. Around them: sizes are looked at first, one spelling is taken,
and what they raise does not get out.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

from pymacaroons import MACAROON_V2, Macaroon
from pymacaroons.serializers import BinarySerializer, JsonSerializer

from attenuate import LeaseError, Malformed
from attenuate.errors import bare

from .lines import MAX_LINE

MAX_TEXT: Final = 64 * 1024
"""Characters of a macaroon's text."""
MAX_CAVEATS: Final = 512
"""Caveats of one macaroon."""
MAX_HINT: Final = 1024
"""Bytes of an identifier or a location."""

_BASE64: Final = re.compile(r"[A-Za-z0-9_-]+")
_MEMBERS: Final = frozenset(("v", "l", "i", "i64", "s", "s64", "c"))
_NO_LOCATION: Final = b"\x01\x00"
_END, _ID = 0, 2
_PACKETS: Final = frozenset((1, _ID, 4, 6))  # location, identifier, third-party key, signature


def write(macaroon: Macaroon, form: str = "binary") -> str:
    """Return a macaroon's text: a secret. Put it in a header, never in a URL, a prompt or a log.

    form: "binary", version 2 in base64url without padding, or "json", version 2.
    Raises ValueError for another form, Malformed for a macaroon that `read` would not take.
    """
    if form not in ("binary", "json"):
        raise ValueError(f'form {form!r:.40}; known: "binary", "json"')
    check(macaroon)
    text = str((BinarySerializer() if form == "binary" else JsonSerializer()).serialize(macaroon))
    if len(text) > MAX_TEXT:
        del text
        raise _too_large("characters", MAX_TEXT)
    return text


def read(text: str) -> Macaroon:
    """Return the macaroon of a text in either form; nothing of it is verified.

    Raises Malformed: `too_large`; `text` for what is no macaroon of version 2, or another spelling of
    one; `shape` for third-party caveats.
    """
    try:
        if not isinstance(text, str):
            raise Malformed("text", f"a {type(text).__name__}", allowed="a str")
        if len(text) > MAX_TEXT:
            raise _too_large("characters", MAX_TEXT)
        macaroon = _json(text) if text[:1] == "{" else _binary(text)
        check(macaroon)
        return macaroon
    except LeaseError as error:
        fault = bare(error)
    except Exception:  # of a serializer: it may hold the text
        fault = _unlike()
    del text
    try:
        raise fault  # out here, so that it has no context: that would be the serializer's error
    finally:
        del fault


def check(macaroon: Macaroon) -> None:
    """Refuse, by Malformed, a macaroon that is too large, of version 1, or not of first-party text alone."""
    if not isinstance(macaroon, Macaroon):
        raise TypeError(f"a {type(macaroon).__name__} is no pymacaroons.Macaroon")
    if macaroon.version != MACAROON_V2:
        raise Malformed("text", "a macaroon of version 1", allowed="version 2")
    if len(macaroon.caveats) > MAX_CAVEATS:
        raise _too_large("caveats", MAX_CAVEATS)
    if max(len(macaroon.identifier_bytes), _location_size(macaroon)) > MAX_HINT:
        raise _too_large("bytes of an identifier or location", MAX_HINT)
    for caveat in macaroon.caveats:
        if caveat.third_party():
            raise Malformed("shape", "a third-party caveat", allowed="first-party caveats")
        if len(caveat.caveat_id_bytes) > MAX_LINE:
            raise _too_large("bytes of a caveat", MAX_LINE)
        if not caveat.caveat_id_bytes.isascii():  # pymacaroons fails on what is not UTF-8
            raise Malformed("shape", "a caveat that is not ASCII", allowed="the lines of the grammar")
    if not re.fullmatch(rb"[0-9a-f]{64}", macaroon.signature_bytes):
        raise _unlike()


def _location_size(macaroon: Macaroon) -> int:
    """Return the bytes of a location, which pymacaroons reads as UTF-8 only when it is asked for."""
    try:
        return len(macaroon.location.encode())
    except UnicodeError:
        pass
    raise Malformed("shape", "a location that is not UTF-8", allowed="a hint in UTF-8")


def _binary(text: str) -> Macaroon:
    data = _base64(text)
    if data[:1] != b"\x02":
        raise Malformed("text", "a macaroon of another version or form", allowed="version 2")
    _check_packets(data)
    macaroon = BinarySerializer().deserialize_raw(data)
    again = BinarySerializer().serialize_raw(macaroon)
    if macaroon.location == "" and data[1:3] != _NO_LOCATION:
        again = again[:1] + again[3:]  # other libraries leave an empty location out
    if again != data:
        raise _unlike()
    return macaroon


def _check_packets(data: bytes) -> None:
    """Count the packets and add up their lengths once: pymacaroons copies the rest for each of them."""
    at, ids, ends = 1, 0, 0
    while at < len(data):
        kind, at = data[at], at + 1
        if kind == _END:
            ends += 1
        elif kind in _PACKETS:
            size, at = _length(data, at)
            at += size
            ids += kind == _ID
        else:
            raise _unlike()
        if ids > MAX_CAVEATS + 1 or ends > MAX_CAVEATS + 2:  # the macaroon's own; and one after all caveats
            raise _too_large("caveats", MAX_CAVEATS)
    if at != len(data):
        raise _unlike()


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint of at most three bytes, which is more than a text here has, and where it ends."""
    value = 0
    for count, byte in enumerate(data[at : at + 3]):
        value |= (byte & 127) << 7 * count
        if byte < 128:
            return value, at + count + 1
    raise _unlike()


def _json(text: str) -> Macaroon:
    value = json.loads(text, object_pairs_hook=_once)
    if not _strings(value, _MEMBERS) or value.get("v", 2) != 2 or type(value.get("v", 2)) is not int:
        raise _unlike()
    caveats = value.get("c", [])
    if type(caveats) is not list or len(caveats) > MAX_CAVEATS:
        raise _too_large("caveats", MAX_CAVEATS)
    for caveat in caveats:
        if type(caveat) is dict and caveat.keys() & {"v", "v64", "cl", "l"}:
            raise Malformed("shape", "a third-party caveat", allowed="first-party caveats")
        if type(caveat) is not dict or not _strings(caveat, frozenset(("i", "i64"))) or len(caveat) != 1:
            raise _unlike()
    if ("i" in value) is ("i64" in value) or ("s" in value) is ("s64" in value):
        raise _unlike()
    return JsonSerializer().deserialize(text)


def _strings(members: Any, known: frozenset[str]) -> bool:
    """Say whether a map has known members, of text, those in base64 in its one spelling."""
    if type(members) is not dict or not members.keys() <= known:
        return False
    for name, value in members.items():
        if name not in ("c", "v") and type(value) is not str:
            return False
        if name.endswith("64") and value:
            _base64(value)
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _unlike()
    return members


def _base64(text: str) -> bytes:
    """Return the bytes of base64url without padding, of its one spelling."""
    if not _BASE64.fullmatch(text):
        raise _unlike()
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text.encode():
        raise _unlike()
    return data


def _too_large(what: str, most: int) -> Malformed:
    return Malformed("too_large", f"more {what}", allowed=str(most))


def _unlike() -> Malformed:
    return Malformed("text", "another text", allowed="a macaroon of version 2: base64url, or JSON")
