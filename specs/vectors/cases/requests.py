"""V2, requests: what is none is malformed, whatever the token says."""

from __future__ import annotations

from typing import Any

from builder import HMAC, Case, ask, mint, vector


def request(**changes: Any) -> Case:
    """Return the case of a good token and a request with these members."""
    return ask(mint(HMAC), **changes)


def fact(value: Any) -> Case:
    """Return the case of a request with this fact."""
    return request(facts={"repo": "clord", "x": value})


@vector("malformed facts")
def request_action_empty(alg: int) -> Case:
    """An action of no characters."""
    return request(action="")


@vector("malformed facts")
def request_action_star(alg: int) -> Case:
    """The action *, which is a pattern."""
    return request(action="*")


@vector("malformed facts")
def request_action_with_a_space(alg: int) -> Case:
    """An action of two words."""
    return request(action="repo read")


@vector("malformed facts")
def request_action_of_129(alg: int) -> Case:
    """An action one character too long."""
    return request(action="a" * 129)


@vector("malformed facts")
def request_action_not_ascii(alg: int) -> Case:
    """An action with a letter outside ASCII."""
    return request(action="repo.r\u00e9ad")


@vector("malformed facts")
def request_fact_float(alg: int) -> Case:
    """A fact of 1.5; flattening makes such an argument opaque, a guard's own is an error."""
    return fact(1.5)


@vector("malformed facts")
def request_fact_float_with_integer_value(alg: int) -> Case:
    """A fact of 1.0, which is no integer until somebody makes it one."""
    return fact(1.0)


@vector("malformed facts")
def request_fact_object(alg: int) -> Case:
    """A fact that is an object."""
    return fact({"a": 1})


@vector("malformed facts")
def request_fact_list_in_a_list(alg: int) -> Case:
    """A list in a list."""
    return fact([["a"]])


@vector("malformed facts")
def request_fact_2_to_the_63(alg: int) -> Case:
    """An integer beyond 64 bits signed."""
    return fact(2**63)


@vector("malformed facts")
def request_fact_surrogate(alg: int) -> Case:
    """A text with half a surrogate pair, which is no Unicode text."""
    return fact("\ud800")


@vector("malformed facts")
def request_run_empty(alg: int) -> Case:
    """A run of no segments."""
    return request(run=[])


@vector("malformed facts")
def request_run_of_nine(alg: int) -> Case:
    """A run one segment too long."""
    return request(run=[["r", 1]] * 9)


@vector("malformed facts")
def request_run_attempt_zero(alg: int) -> Case:
    """An attempt of 0."""
    return request(run=[["agt_1", 0]])


@vector("malformed facts")
def request_run_attempt_float(alg: int) -> Case:
    """An attempt of 2.0."""
    return request(run=[["agt_1", 2.0]])


@vector("malformed facts")
def request_run_name_with_an_at(alg: int) -> Case:
    """A name that would read as name and attempt in text."""
    return request(run=[["agt_1@2", None]])


@vector("malformed facts")
def request_cost_negative(alg: int) -> Case:
    """A cost below 0, which would give budget back."""
    return request(cost={"usd": -1})


@vector("malformed facts")
def request_cost_2_to_the_53(alg: int) -> Case:
    """A cost that some JSON readers do not keep."""
    return request(cost={"usd": 2**53})


@vector("malformed facts")
def request_cost_true(alg: int) -> Case:
    """A cost of true."""
    return request(cost={"usd": True})


@vector("malformed facts")
def request_cost_of_two_calls(alg: int) -> Case:
    """A request that says it is two calls."""
    return request(cost={"calls": 2})


@vector("ok")
def request_cost_of_one_call(alg: int) -> Case:
    """A request that says it is one call, which it is anyway."""
    return request(cost={"calls": 1})


@vector("malformed facts")
def request_binding_of_31(alg: int) -> Case:
    """A binding one byte short."""
    return request(binding="00" * 31)
