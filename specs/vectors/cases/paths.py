"""V7, `under` and `host`: well formed or not told, and told by segment and label."""

from __future__ import annotations

from builder import Case, vector

from .constraints import deny, where

SRC = [3, ["src"]]
SECRETS = [3, ["/secrets", "/etc/keys"]]
EXAMPLE = [5, ["example.com"]]
METADATA = [5, ["169.254.169.254"]]


@vector("ok")
def under_holds(alg: int) -> Case:
    """The operand itself, and what is below it."""
    return where(SRC, ["src", "src/a.py", "src/b/c.py", "src/...", "src/.git"])


@vector("forbidden where 0")
def under_sibling(alg: int) -> Case:
    """The folder src2, which starts with src."""
    return where(SRC, "src2/a.py")


@vector("ok")
def under_fails_in_a_deny(alg: int) -> Case:
    """A path elsewhere, in a deny: ruled out."""
    return deny(SECRETS, "/srv/secrets")


@vector("ok")
def under_slash(alg: int) -> Case:
    """Every absolute path under /."""
    return where([3, ["/"]], "/etc/hosts")


@vector("ok")
def under_dot(alg: int) -> Case:
    """Every relative path under the dot."""
    return where([3, ["."]], ["a", ".github/x"])


@vector("forbidden where 0")
def under_slash_itself(alg: int) -> Case:
    """The fact /: it stands for everything as an operand, and is no path."""
    return where([3, ["/"]], "/")


@vector("forbidden deny 0")
def under_relative_where_absolute_is_denied(alg: int) -> Case:
    """A relative path, in a deny of absolute ones: nobody knows where it starts."""
    return deny(SECRETS, "secrets/key")


@vector("forbidden deny 0")
def under_mixed_operands(alg: int) -> Case:
    """Operands of both beginnings, in a deny: a path that is not below one cannot be told from all."""
    return deny([3, ["/secrets", "keys"]], "/srv")


@vector("ok")
def under_mixed_operands_hold(alg: int) -> Case:
    """Operands of both beginnings, and a path below each."""
    return where([3, ["/srv", "src"]], ["/srv/a", "src/a"])


@vector("forbidden where 0")
def under_dot_dot(alg: int) -> Case:
    """A path that goes up and elsewhere."""
    return where(SRC, "src/../etc/passwd")


@vector("forbidden deny 0")
def under_dot_segment(alg: int) -> Case:
    """A segment that is a dot, in a deny."""
    return deny(SECRETS, "/srv/./a")


@vector("forbidden deny 0")
def under_double_slash(alg: int) -> Case:
    """Two slashes, in a deny."""
    return deny(SECRETS, "//secrets/key")


@vector("forbidden deny 0")
def under_trailing_slash(alg: int) -> Case:
    """A slash at the end, in a deny."""
    return deny(SECRETS, "/srv/")


@vector("forbidden deny 0")
def under_percent(alg: int) -> Case:
    """A percent sign before two hex digits, in a deny: somebody may decode it."""
    return deny(SECRETS, "/%73ecrets/key")


@vector("ok")
def under_percent_alone(alg: int) -> Case:
    """A percent sign that is no escape."""
    return where(SRC, "src/100%")


@vector("forbidden deny 0")
def under_backslash(alg: int) -> Case:
    """A backslash, in a deny: some systems separate with it."""
    return deny(SECRETS, "/srv/..\\secrets")


@vector("forbidden deny 0")
def under_control_character(alg: int) -> Case:
    """A zero byte, in a deny: some systems end there."""
    return deny(SECRETS, "/srv/a\x00b")


@vector("forbidden deny 0")
def under_c1_control_character(alg: int) -> Case:
    """The control character U+0085, in a deny."""
    return deny(SECRETS, "/srv/a\x85b")


@vector("forbidden deny 0")
def under_home(alg: int) -> Case:
    """A tilde at the start, in a deny of relative paths: shells read a folder into it."""
    return deny([3, ["keys"]], "~/keys")


@vector("forbidden deny 0")
def under_empty(alg: int) -> Case:
    """A path of no characters, in a deny."""
    return deny(SECRETS, "")


@vector("ok")
def host_holds(alg: int) -> Case:
    """The host itself and its subdomains."""
    return where(EXAMPLE, ["example.com", "api.example.com", "a_b.c-d.example.com"])


@vector("forbidden where 0")
def host_lookalike(alg: int) -> Case:
    """A host that ends in the same letters."""
    return where(EXAMPLE, "evilexample.com")


@vector("forbidden where 0")
def host_suffix(alg: int) -> Case:
    """A host that begins with the operand."""
    return where(EXAMPLE, "example.com.evil.org")


@vector("ok")
def host_fails_in_a_deny(alg: int) -> Case:
    """Another host, in a deny: ruled out."""
    return deny(METADATA, "api.example.com")


@vector("forbidden where 0")
def host_in_capitals(alg: int) -> Case:
    """A host in capitals: guards write it in small letters first."""
    return where(EXAMPLE, "Example.com")


@vector("forbidden deny 0")
def host_with_a_final_dot(alg: int) -> Case:
    """A final dot, in a deny."""
    return deny(EXAMPLE, "example.com.")


@vector("forbidden deny 0")
def host_with_an_empty_label(alg: int) -> Case:
    """Two dots, in a deny."""
    return deny(EXAMPLE, "a..org")


@vector("forbidden deny 0")
def host_of_64(alg: int) -> Case:
    """A label one character too long, in a deny."""
    return deny(EXAMPLE, "a" * 64 + ".org")


@vector("forbidden deny 0")
def host_of_254(alg: int) -> Case:
    """A host one character too long, in a deny."""
    return deny(EXAMPLE, "a." * 126 + "bc")


@vector("ok")
def host_address(alg: int) -> Case:
    """An address that is the operand."""
    return where(METADATA, "169.254.169.254")


@vector("forbidden where 0")
def host_below_an_address(alg: int) -> Case:
    """A label before an address, which is no host."""
    return where(METADATA, "a.169.254.169.254")


@vector("forbidden deny 0")
def host_decimal_address(alg: int) -> Case:
    """An address as one decimal number, in a deny of it."""
    return deny(METADATA, "2852039166")


@vector("forbidden deny 0")
def host_hexadecimal_address(alg: int) -> Case:
    """An address as one hexadecimal number, in a deny of it."""
    return deny(METADATA, "0xa9fea9fe")


@vector("forbidden deny 0")
def host_address_of_three_parts(alg: int) -> Case:
    """An address in three parts, in a deny of it."""
    return deny(METADATA, "169.254.43518")


@vector("forbidden deny 0")
def host_octal_address(alg: int) -> Case:
    """An address in octal, in a deny of it."""
    return deny(METADATA, "0251.0376.0251.0376")


@vector("forbidden deny 0")
def host_address_of_six(alg: int) -> Case:
    """An address of IPv6 with one of IPv4 inside, in a deny of that: it is no host here."""
    return deny(METADATA, "::ffff:169.254.169.254")
