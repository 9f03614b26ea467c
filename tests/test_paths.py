"""What is a path, and what is a host: one spelling, nothing that leads out."""

from __future__ import annotations

import build
import model
import pytest

from attenuate import host, under
from attenuate.constraints import is_host, is_path

YES, UNTOLD = True, None
GOOD_PATHS = [
    "a",
    "/a",
    "a/b",
    "/a/b",
    "a.b",
    "...",
    ".a",
    "a..",
    "a b",
    "a%2",
    "a%zz",
    "%",
    "ü/ß",
    "a~",
    "a/~",
    "é",
    "a:b",
]
BAD_PATHS = [
    "", "/", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "//a", "a//b", "a/", "/a/", "~", "~a", "~root/x",
    "/~", "a\\b", "a%2e", "a%2F", "%41", "a\x00", "a\nb", "a\x1f", "a\x7f", "a\x80", "a\x9f", "\n", "a\n", "/../a", "/.",
]  # fmt: skip
GOOD_HOSTS = [
    "a",
    "a.b",
    "a-b.c_d",
    "localhost",
    "1.2.3.4",
    "0.0.0.0",
    "255.255.255.255",
    "1.2.3.4.com",
    "0x.com",
    "a" * 63,
]
BAD_HOSTS = [
    "", ".", "a.", ".a", "a..b", "A", "a b", "a/b", "a:80", "[::1]", "ü", "a" * 64, "1.2.3", "1.2.3.4.5", "256.1.1.1",
    "1.2.3.04", "01.2.3.4", "2852039166", "0xa9fea9fe", "a.0x1", "0x", "169.254.43518", "1.2.3.4.", "a.1", "a\n", "1.2.3.4\n",
]  # fmt: skip


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_a_well_formed_path(path: str) -> None:
    assert is_path(path)
    assert model.is_path(path)
    assert build.told(under(path), path) is YES


@pytest.mark.parametrize("path", BAD_PATHS)
def test_another_path(path: str) -> None:
    assert not is_path(path)
    assert not model.is_path(path)
    assert build.told(under("/", "."), path) is UNTOLD
    if path not in ("/", "."):
        with pytest.raises(ValueError, match="not a well-formed path"):
            under(path)


@pytest.mark.parametrize("name", [*GOOD_HOSTS, ".".join(["a" * 63] * 3 + ["a" * 61])])
def test_a_well_formed_host(name: str) -> None:
    assert is_host(name)
    assert model.is_host(name)
    assert build.told(host(name), name) is YES


@pytest.mark.parametrize("name", [*BAD_HOSTS, ".".join(["a" * 63] * 3 + ["a" * 62])])
def test_another_host(name: str) -> None:
    assert not is_host(name)
    assert not model.is_host(name)
    assert build.told(host("a"), name) is UNTOLD
    with pytest.raises(ValueError, match="not a well-formed host"):
        host(name)


def test_every_code_point_in_a_path_is_as_the_model_says() -> None:
    for code in (*range(0x200), 0x2028, 0xFEFF, 0xFFFD, 0x10FFFF):
        for text in (chr(code), f"a{chr(code)}", f"{chr(code)}a", f"a/{chr(code)}/b"):
            assert is_path(text) == model.is_path(text), text
            assert is_host(text) == model.is_host(text), text
