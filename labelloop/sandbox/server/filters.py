"""Which rows of a list a client wants: simple filters, `search`, `sort`, and `filter` in JSON logic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.sandbox.server import json_logic
from labelloop.sandbox.server.json_logic import Getter, Test
from labelloop.sandbox.server.store import Row


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
        tests.append(json_logic.compiled(query["filter"], terms.getters))
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
