"""Blocks as JSON, both ways (that all of them round-trip is in test_properties.py)."""

from __future__ import annotations

import json
from typing import Any

import build
import pytest
import wire

from attenuate import Lease
from attenuate.block import make_block
from attenuate.blockjson import block_to_json, fields_from_json, grant_from_json, where_from_json

SPEC = {
    "nonce": "e3284c3dc22c872ceb067846f9e3c531", "run": "agt_1@2", "audience": ["github"], "expires": 1800000900, "issued_at": 1800000000,
    "allow": [{"actions": ["repo.read", "repo.write.*"], "where": {"repo": {"one_of": ["clord"]}}}, {"actions": ["pull_request.create"]}],
    "budget": {"calls": 30}, "notes": {"agent": "repo-maintenance-agent", "purpose": "update a dependency"},
}  # fmt: skip
"""The example of the specification."""


def made(data: dict[str, Any], index: int = 0, alg: int = 5) -> Any:
    return make_block(fields_from_json(data), index, alg)


def test_the_example_of_the_specification() -> None:
    block = made(SPEC)
    assert block_to_json(block) == SPEC
    assert wire.cbor2.loads(block.raw) == {
        0: bytes.fromhex(str(SPEC["nonce"])), 2: [["agt_1", 2]], 3: ["github"], 5: 1800000900,
        6: [{0: ["repo.read", "repo.write.*"], 1: {"repo": [0, ["clord"]]}}, {0: ["pull_request.create"]}],
        9: {"calls": 30}, 15: 1800000000, 16: {"agent": "repo-maintenance-agent", "purpose": "update a dependency"},
    }  # fmt: skip


KEY = build.APPROVERS[0].public
NONCE = "00" * 8
FIELDS: list[tuple[Any, Any, dict[str, Any]]] = [
    (1, KEY, {"next_key": KEY.hex()}),
    (2, [["a"], ["b", 1]], {"run": "a/b@1"}),
    (4, 7, {"not_before": 7}),
    (7, [{0: ["x"]}], {"deny": [{"actions": ["x"]}]}),
    (8, {"n": [2, [None, 9], True]}, {"where": {"n": {"max": 9, "optional": True}}}),
    (8, {"n": [6, True]}, {"where": {"n": {"any": True}}}),
    (10, [[["x"], [KEY], 1]], {"approval": [{"actions": ["x"], "keys": [KEY.hex()], "quorum": 1}]}),
    (11, 3, {"depth": 3}),
    (12, ["x", "y.*"], {"final": ["x", "y.*"]}),
    (13, True, {"bound": True}),
    (14, b"i" * 16, {"for": "69" * 16}),
    (16, {}, {"notes": {}}),
    (17, [1, {"a": "b"}], {"17": [1, {"a": "b"}]}),
    (-5, "x", {"-5": "x"}),
    ("acme/x", [True, {"a": 1}], {"acme/x": [True, {"a": 1}]}),
]


@pytest.mark.parametrize(("key", "value", "data"), FIELDS, ids=lambda value: repr(value)[:40])
def test_each_field_by_its_name(key: Any, value: Any, data: dict[str, Any]) -> None:
    alg = -19 if key == 1 else 5
    block = made({"nonce": NONCE, **data}, 1, alg)
    assert block.raw == wire.encode({0: bytes(8), key: value})
    assert json.loads(json.dumps(block_to_json(block))) == {"nonce": NONCE, **data}


def test_a_demand_is_for_one_by_default() -> None:
    block = made({"nonce": NONCE, "approval": [{"actions": ["x"], "keys": [KEY.hex()]}]}, 1)
    assert block_to_json(block)["approval"][0]["quorum"] == 1


def test_bytes_in_an_unknown_field_are_shown_as_hex() -> None:
    block = Lease.parse(
        build.raw(build.root(), {0: bytes(8), 99: [b"\xff", {1: b"\x00"}]}).text
    ).unverified_blocks[1]
    assert block_to_json(block) == {"nonce": NONCE, "99": ["ff", {"1": "00"}]}


WRONG: list[tuple[Any, str]] = [
    ([], "an object"), (None, "an object"), ({"what": 1}, "'what' is no caveat"), ({"Nonce": NONCE}, "no caveat"), ({"6": []}, "write 'allow'"),
    ({"0": NONCE}, "write 'nonce'"), ({"007": 1}, "no caveat"), ({"-0": 1}, "no caveat"), ({"1" * 30: 1}, "no caveat"), ({17: 1}, "no caveat"),
    ({"nonce": "AB" * 8}, "lower-case hex"), ({"nonce": "abc"}, "lower-case hex"), ({"nonce": 7}, "lower-case hex"), ({"nonce": "ab\n"}, "hex"),
    ({"run": ["a"]}, "text, not a list"), ({"run": "a@0"}, "run"), ({"audience": "x"}, "a list"), ({"audience": []}, "a list"),
    ({"audience": [1]}, "text, not a int"), ({"allow": {}}, "a list"), ({"allow": ["x"]}, "an object with"), ({"allow": [{}]}, "an object with"),
    ({"allow": [{"actions": ["x"], "what": 1}]}, "an object with"), ({"allow": [{"actions": ["x"], "only": False}]}, '"only"'),
    ({"allow": [{"actions": "x"}]}, "a list"), ({"allow": [{"actions": ["re*"]}]}, "pattern"),
    ({"allow": [{"actions": ["x"], "where": {}}]}, "an object of fact"), ({"where": {"f": {"what": 1}}}, "known"), ({"where": []}, "an object"),
    ({"budget": []}, "an object"), ({"notes": "x"}, "an object"), ({"approval": [{"actions": ["x"]}]}, "an object with"),
    ({"approval": [{"keys": [KEY.hex()]}]}, "a list"), ({"approval": [{"actions": ["x"], "keys": ["zz"]}]}, "hex"),
    ({"approval": [{"actions": ["x"], "keys": [KEY.hex()], "quorum": 2}]}, "quorum"), ({"final": []}, "a list"), ({"for": "x"}, "hex"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), WRONG, ids=lambda value: repr(value)[:50])
def test_other_json_says_what_was_expected(data: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fields_from_json(data)


@pytest.mark.parametrize(
    "data",
    [
        {"nonce": "00" * 7}, {}, {"nonce": NONCE, "expires": -1}, {"nonce": NONCE, "bound": False}, {"nonce": NONCE, "depth": 16},
        {"nonce": NONCE, "budget": {}}, {"nonce": NONCE, "notes": {"a": None}}, {"nonce": NONCE, "next_key": "00" * 32},
        {"nonce": NONCE, "deny": [{"actions": ["x"], "only": True}]}, {"nonce": NONCE, "acme/x": None}, {"nonce": NONCE, "99999999999999999999": 1},
        {"nonce": NONCE, "expires": 2**64}, {"nonce": NONCE, "notes": {"a": "y" * 5000}},
    ],
    ids=lambda data: repr(data)[:60],
)  # fmt: skip
def test_what_only_the_bytes_show_is_refused_too(data: dict[str, Any]) -> None:
    assert made({"nonce": NONCE}, 1)
    with pytest.raises(ValueError, match=r"."):
        made(data, 1)


def test_a_float_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="float"):
        made({"nonce": NONCE, "expires": 1.5}, 1)


def test_grants_and_wheres_by_themselves() -> None:
    grant = grant_from_json({"actions": ["x"], "where": {"f": {"min": 1}}, "only": True})
    assert grant.to_json() == {"actions": ["x"], "where": {"f": {"min": 1}}, "only": True}
    assert list(where_from_json({"f": {"any": True}})) == ["f"]
