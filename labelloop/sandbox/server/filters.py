"""Which rows of a list a client wants: simple filters, `search`, `sort`, and `filter` in JSON logic."""

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.errors import crash, invalid
from labelloop.sandbox.server.store import Row

Getter = Callable[[Row], Any]
Test = Callable[[Row], bool]

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class Terms:
    """What the lists of one noun can be filtered and sorted by.

    Args:
        getters: The value of each term in a row.
        simple: Terms that may stand in the query by themselves.
        searched: Terms that `search` looks into.
    """

    getters: Mapping[str, Getter]
    simple: frozenset[str]
    searched: frozenset[str]
    default_sort: str = "-id"


def select(rows: Sequence[Row], query: Mapping[str, str], terms: Terms) -> list[Row]:
    """The rows that pass every filter of a query, sorted. Names that are no filter are ignored, as by CVAT.

    Raises:
        Refusal: 400, when a filter cannot be understood.
    """
    tests = [_equals(terms.getters[name], value) for name, value in query.items() if name in terms.simple]
    if query.get("search"):
        tests.append(_contains([terms.getters[name] for name in terms.searched], query["search"]))
    if query.get("filter"):
        tests.append(_logic(_parsed(query["filter"]), terms))
    chosen = [row for row in rows if all(test(row) for test in tests)]
    return _sorted(chosen, query.get("sort") or terms.default_sort, terms)


def _sorted(rows: list[Row], order: str, terms: Terms) -> list[Row]:
    for name in reversed(order.split(",")):
        term = name.strip().removeprefix("-")
        if term in terms.getters:
            getter = terms.getters[term]
            rows = sorted(rows, key=lambda row: _sortable(getter(row)), reverse=name.strip().startswith("-"))
    return rows


def _sortable(value: Any) -> tuple[bool, Any]:
    return value is not None, 0 if value is None else value


def _equals(getter: Getter, value: str) -> Test:
    return lambda row: str("" if getter(row) is None else getter(row)) == value


def _contains(getters: list[Getter], text: str) -> Test:
    wanted = text.lower()
    return lambda row: any(wanted in str(getter(row) or "").lower() for getter in getters)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise invalid(f"filter: can't parse filter expression: {error}") from error


def _logic(rule: Any, terms: Terms) -> Test:
    """A JSON logic rule as a test of rows; terms and types are checked before any row is seen."""
    if not isinstance(rule, dict) or len(rule) != 1:
        raise invalid(f"filter: rule should have one operator: {json.dumps(rule)}")
    ((name, arguments),) = rule.items()
    arguments = arguments if isinstance(arguments, list) else [arguments]
    if name in ("and", "or"):
        tests = [_logic(argument, terms) for argument in arguments]
        return (lambda row: all(test(row) for test in tests)) if name == "and" else _any(tests)
    if name in ("!", "not"):
        inner = _logic(arguments[0], terms)
        return lambda row: not inner(row)
    if name == "var":
        getter = _getter({"var": arguments[0]}, terms)
        return lambda row: bool(getter(row))
    return _comparison(name, arguments, terms)


def _any(tests: list[Test]) -> Test:
    return lambda row: any(test(row) for test in tests)


def _comparison(name: str, arguments: list[Any], terms: Terms) -> Test:
    if name == "in" and len(arguments) == 2 and isinstance(arguments[1], list):
        tests = [_comparison("==", [arguments[0], value], terms) for value in arguments[1]]
        return _any(tests)
    if name == "in" and len(arguments) == 2:
        wanted, getter = str(arguments[0]).lower(), _getter(arguments[1], terms)
        return lambda row: wanted in str(getter(row) or "").lower()
    if name == "<=" and len(arguments) == 3:
        low, middle, high = arguments
        above, below = _comparison(">=", [middle, low], terms), _comparison("<=", [middle, high], terms)
        return lambda row: above(row) and below(row)
    if name not in COMPARISONS or len(arguments) != 2:
        raise invalid(f"filter: '{name}' operation with {json.dumps(arguments)} arguments is not implemented")
    getter = _getter(arguments[0], terms)
    value = _comparable(arguments[0]["var"], arguments[1])
    return lambda row: _compare(COMPARISONS[name], getter(row), value)


def _compare(test: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """Compare as a database does: nothing is smaller or larger than a missing value."""
    if isinstance(left, int) and isinstance(right, str) and right.lstrip("-").isdecimal():
        right = int(right)
    if test in (operator.eq, operator.ne):
        return test(left, right)
    return type(left) is type(right) and test(left, right)


def _getter(argument: Any, terms: Terms) -> Getter:
    term = argument.get("var") if isinstance(argument, dict) else None
    if not isinstance(term, str) or term not in terms.getters:
        raise invalid(f"filter: term '{term}' is not supported")
    return terms.getters[term]


def _comparable(term: str, value: Any) -> Any:
    """A moment is brought into the form of the rows; CVAT falls over one that is none."""
    if not term.endswith("_date"):
        return value
    try:
        return clock.stamp(clock.parse(str(value)))
    except ValueError as error:
        raise crash() from error
