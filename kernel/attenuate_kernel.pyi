"""What the native engine offers to attenuate/native.py; it is no interface for others."""

from collections.abc import Callable
from typing import Any, final

__version__: str

@final
class Request:
    @staticmethod
    def make(
        action: object,
        audience: object,
        run: object,
        facts: object,
        cost: object,
        binding: object,
        opaque: object,
    ) -> Request | None: ...
    @property
    def audience(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def cost(self) -> dict[str, int]: ...
    def parts(self, opaque: object) -> tuple[str, str, Any, dict[str, Any], dict[str, int], bytes | None]: ...

@final
class Ring:
    def __new__(cls, keys: list[tuple[str, int, bytes]]) -> Ring: ...

@final
class Cache:
    def __new__(cls, max_bytes: int) -> Cache: ...
    def info(self) -> tuple[int, int, int, int, int]: ...

@final
class Chain:
    def parts(self) -> tuple[int, str, tuple[bytes, ...], tuple[bytes, ...], bytes, int]: ...

@final
class Allowed:
    def parts(self) -> tuple[tuple[Chain, Any], tuple[tuple[Chain, Any], ...]]: ...
    def tips(self) -> tuple[tuple[bytes, int, int, bytes], ...]: ...

@final
class Denied:
    def parts(self) -> tuple[tuple[Chain, Any], list[Any], list[Any]]: ...

def verify(
    text: object,
    request: Request | None,
    ring: Ring,
    now: int,
    leeway: int,
    max_lifetime: int | None,
    cache: Cache | None,
    ask: Callable[[Chain, int, str], bool | None] | None,
    all: bool,
) -> Any: ...
def verify_many(
    asked: list[tuple[str, Request]],
    ring: Ring,
    now: int,
    leeway: int,
    max_lifetime: int | None,
    cache: Cache | None,
) -> list[Any]: ...
def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool: ...
