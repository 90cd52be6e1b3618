"""What a replay lets pass, found by trying: each recorded value is changed, and the comparison asked about it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from labelloop.sandbox.server.exports.formats import WRITTEN
from labelloop_tests.sandbox.replay import compare, player
from labelloop_tests.sandbox.replay.shrink import SILENT_HEADERS

TIMES = ("2001-01-01T01:01:01.000001Z", "2001_01_01_01_01_01")
BY_KIND = {"application/zip": b"PK\x05\x06" + bytes(18), "image/jpeg": b"\xff\xd8"}  # smallest of their kind
GROUPS = ("admin", "user", "worker")  # that CVAT's policies know

Tried = Iterable[tuple[str, bool]]  # what was changed, and whether that was let pass


def relaxed() -> set[str]:
    """Names of all that may be otherwise than recorded; "at times" where it must be as recorded elsewhere."""
    exchanges = [one for path in sorted(player.FOLDER.glob("*.json")) for one in recorded(path.stem)]
    answers = [one["response"] for one in exchanges]
    tried: defaultdict[str, set[bool]] = defaultdict(set)
    for name, passes in (
        one for answer in answers for one in (*_in_body(answer["body"]), *_in_headers(answer["headers"]))
    ):
        tried[name].add(passes)
    found = {name + (", at times" if False in passes else "") for name, passes in tried.items() if True in passes}
    if not list(compare.headers({}, {"x-new": "1"}, set())):
        found.add("header that was not recorded")
    if player.PATIENCE_SECONDS:
        found.add("how long the server's work takes")
    found |= {f"header {name}" for name in SILENT_HEADERS} | _formats(answers) | _policies(exchanges)
    return found - {f"order in {name}" for name in found}


def recorded(scenario: str) -> list[dict[str, Any]]:
    """Exchanges of a recording; a delivery is an exchange whose answer is what was delivered."""
    content = player.load(scenario)
    deliveries = [
        {"request": {"headers": {}}, "response": {"status": 0, "headers": {}, "body": json.loads(one["raw_body"])}}
        for one in content.get("deliveries", ())
    ]
    return content.get("exchanges", deliveries)


def _in_body(body: Any) -> Iterator[tuple[str, bool]]:
    if isinstance(body, dict) and body.get("_binary"):
        for name, content in ((f"file {body['type']}", BY_KIND[body["type"]]), ("file of another kind", b"other")):
            yield name, not list(compare.binaries(body, content, {}))
    elif isinstance(body, dict):
        yield from _in_fields({key: value for key, value in body.items() if not isinstance(value, (dict, list))})
        for value in body.values():
            yield from _in_body(value)
    elif isinstance(body, list):
        if body != body[::-1]:
            yield "order of items", not list(compare.bodies(body, body[::-1]))
        for value in body:
            yield from _in_body(value)


def _in_fields(plain: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    for key, value in plain.items():
        for name, other in _otherwise(key, value):
            yield name, not list(compare.bodies(plain, {**plain, key: other}))


def _otherwise(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if value == compare.SECRET:
        yield "field that is a secret", "other"
    elif isinstance(value, str) and compare.TIME.fullmatch(value):
        yield "field that is a time", TIMES[0]
    elif isinstance(value, bool):
        yield f"field {key}", not value
    elif isinstance(value, (int, float)):
        yield f"field {key}", value + 1
    else:
        yield f"field {key}", f"{value or ''}x"


def _in_headers(headers: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    for name, value in headers.items():
        if name == "set-cookie":
            yield "value of a cookie", not list(compare.headers({name: value}, {}, _names(value)))
            continue
        changed = {f"header {name}": "7" if value.isdecimal() else f"{value}x"}
        if value != (turned := ", ".join(value.split(", ")[::-1])):
            changed[f"order in header {name}"] = turned
        if value != (later := compare.FILE_TIME.sub(TIMES[1], value)):
            changed["time in a file name"] = later
        for what, other in changed.items():
            yield what, not list(compare.headers({name: value}, {name: other}, set()))


def _names(cookies: list[str]) -> set[str]:
    return {cookie.split("=")[0] for cookie in cookies}


def _formats(answers: list[dict[str, Any]]) -> set[str]:
    """Formats that the recorded server listed and the sandbox cannot write or read."""
    (listed,) = [one["body"] for one in answers if isinstance(one["body"], dict) and "exporters" in one["body"]]
    exports = {f"export {one['name']}" for one in listed["exporters"] if one["name"] not in WRITTEN}
    return exports | {f"import {one['name']}" for one in listed["importers"]}


def _policies(exchanges: list[dict[str, Any]]) -> set[str]:
    """Of what CVAT asks its policy agent (OPA), what no recorded answer shows."""
    groups = {
        group
        for one in exchanges
        if isinstance(one["response"]["body"], dict)
        for group in one["response"]["body"].get("groups", ())
    }
    inside = any(
        one["request"]["headers"].get("x-organization") and one["response"]["status"] < 400 for one in exchanges
    )
    return {f"OPA group {group}" for group in GROUPS if group not in groups} | (
        set() if inside else {"OPA organizations"}
    )
