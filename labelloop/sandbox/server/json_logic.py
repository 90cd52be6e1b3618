"""Filters in JSON logic, such as `{"and": [{"==": [{"var": "status"}, "completed"]}]}`, as tests of rows."""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.errors import crash, invalid
from labelloop.sandbox.server.store import Row

Getter = Callable[[Row], Any]
Getters = Mapping[str, Getter]  # the value of each term in a row
Test = Callable[[Row], bool]

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def compiled(text: str, getters: Getters) -> Test:
    """The test that a filter stands for.

    Raises:
        Refusal: 400, when it is no JSON, or has a term or an operation that is not known.
    """
    try:
        rule = json.loads(text)
    except ValueError as error:
        raise invalid(f"filter: can't parse filter expression: {error}") from error
    return _rule(rule, getters)


def _rule(rule: Any, getters: Getters) -> Test:
    """A JSON logic rule as a test of rows; terms and types are checked before any row is seen."""
    if not isinstance(rule, dict) or len(rule) != 1:
        raise invalid(f"filter: rule should have one operator: {json.dumps(rule)}")
    ((name, arguments),) = rule.items()
    arguments = arguments if isinstance(arguments, list) else [arguments]
    if name in ("and", "or"):
        tests = [_rule(argument, getters) for argument in arguments]
        return _all(tests) if name == "and" else _any(tests)
    if name in ("!", "not") and arguments:
        inner = _rule(arguments[0], getters)
        return lambda row: not inner(row)
    if name == "var" and arguments:
        getter = _getter({"var": arguments[0]}, getters)
        return lambda row: bool(getter(row))
    return _comparison(name, arguments, getters)


def _all(tests: list[Test]) -> Test:
    return lambda row: all(test(row) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda row: any(test(row) for test in tests)


def _comparison(name: str, arguments: list[Any], getters: Getters) -> Test:
    if name == "in" and len(arguments) == 2 and isinstance(arguments[1], list):
        tests = [_comparison("==", [arguments[0], value], getters) for value in arguments[1]]
        return _any(tests)
    if name == "in" and len(arguments) == 2:
        wanted, getter = str(arguments[0]).lower(), _getter(arguments[1], getters)
        return lambda row: wanted in str(getter(row) or "").lower()
    if name == "<=" and len(arguments) == 3:
        low, middle, high = arguments
        above, below = _comparison(">=", [middle, low], getters), _comparison("<=", [middle, high], getters)
        return _all([above, below])
    if name not in COMPARISONS or len(arguments) != 2:
        raise invalid(f"filter: '{name}' operation with {json.dumps(arguments)} arguments is not implemented")
    getter = _getter(arguments[0], getters)
    value = _comparable(arguments[0]["var"], arguments[1])
    return lambda row: _compare(COMPARISONS[name], getter(row), value)


def _compare(test: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """Compare as a database does: nothing is smaller or larger than a missing value."""
    if isinstance(left, int) and isinstance(right, str) and right.lstrip("-").isdecimal():
        right = int(right)
    if test in (operator.eq, operator.ne):
        return test(left, right)
    return type(left) is type(right) and test(left, right)


def _getter(argument: Any, getters: Getters) -> Getter:
    term = argument.get("var") if isinstance(argument, dict) else None
    if not isinstance(term, str) or term not in getters:
        raise invalid(f"filter: term '{term}' is not supported")
    return getters[term]


def _comparable(term: str, value: Any) -> Any:
    """A moment is brought into the form of the rows; CVAT falls over one that is none."""
    if not term.endswith("_date"):
        return value
    try:
        return clock.stamp(clock.parse(str(value)))
    except ValueError as error:
        raise crash() from error
