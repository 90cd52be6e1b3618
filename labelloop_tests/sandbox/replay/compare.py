"""What of an answer has to be as it was recorded: everything but times, names of people, secrets and colours."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
FILE_TIME = re.compile(r"\d{4}(_\d\d){5}")
SECRET = "***"
OF_THIS_SERVER = frozenset({"username", "email", "first_name", "last_name", "description", "subtitle", "color"})

# Headers a client may act upon; any other may differ.
COMPARED = (
    "content-type", "allow", "vary", "location", "retry-after", "cache-control", "content-disposition",
    "www-authenticate", "tus-resumable", "upload-offset", "upload-length", "upload-filename", "accept-ranges",
    "content-encoding", "x-checksum", "x-updated-date", "etag", "last-modified", "set-cookie",
)  # fmt: skip
UNEXPECTED = ("retry-after", "location", "www-authenticate", "set-cookie")  # must not be there when not recorded
SETS = ("allow", "vary", "set-cookie")
CHANGING = ("etag", "last-modified", "x-checksum", "x-updated-date")


def bodies(expected: Any, actual: Any, path: str = "$") -> Iterator[str]:
    """How an answer differs from the one that was recorded, in words."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if set(expected) != set(actual):
            yield f"{path}: keys {sorted(set(expected) ^ set(actual))}"
        for key in expected.keys() & actual.keys():
            yield from _field(key, expected, actual, f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _items_in_order(expected, actual, path)
    elif type(expected) is not type(actual) or expected != actual:
        yield f"{path}: {actual!r} instead of {expected!r}"


def _items_in_order(expected: list[Any], actual: list[Any], path: str) -> Iterator[str]:
    if all(isinstance(one, dict) and {"id", "frame"} <= one.keys() for one in [*expected, *actual]):
        # Within a frame CVAT promises no order: what was updated, and what was not, may trade places.
        expected, actual = sorted(expected, key=_place), sorted(actual, key=_place)
    if len(expected) != len(actual):
        yield f"{path}: {len(actual)} items instead of {len(expected)}"
    for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
        yield from bodies(one, other, f"{path}[{number}]")


def _place(item: dict[str, Any]) -> tuple[int, int]:
    return item["frame"], item["id"]


def _field(key: str, expected: dict[str, Any], actual: dict[str, Any], path: str) -> Iterator[str]:
    one, other = expected[key], actual[key]
    under_way = key == "message" and (expected.get("status") == "started" or str(one).startswith("Traceback"))
    throttled = key == "detail" and str(one).startswith("Request was throttled.")  # in so many seconds
    if key in OF_THIS_SERVER or one == SECRET or under_way or throttled:
        if type(one) is not type(other):
            yield f"{path}: {other!r} is not like {one!r}"
    elif isinstance(one, str) and TIME.fullmatch(one):
        if not (isinstance(other, str) and TIME.fullmatch(other)):
            yield f"{path}: {other!r} is no time"
    else:
        yield from bodies(one, other, path)


def headers(expected: Mapping[str, Any], actual: Mapping[str, str], cookies: set[str]) -> Iterator[str]:
    """How the headers differ that a client may act upon."""
    told = {key.lower(): value for key, value in actual.items()}
    for name in COMPARED:
        one, other = expected.get(name), told.get(name)
        if name == "set-cookie":
            one, other = {item.split("=")[0] for item in one or ()} or None, cookies or None
        surprising = one is None and other is not None and name in UNEXPECTED
        missing = one is not None and (other is None or not _same_header(name, one, other))
        if surprising or missing:
            yield f"header {name}: {other!r} instead of {one!r}"


def _same_header(name: str, one: Any, other: Any) -> bool:
    if name in CHANGING:
        return True
    if name == "retry-after":
        return other.isdecimal() and 0 < int(other) <= 60  # seconds of a real minute that is going by
    if name in SETS:
        return _items(one) == _items(other)
    return FILE_TIME.sub("", one) == FILE_TIME.sub("", other)


def _items(value: Any) -> set[str]:
    return {item.strip().lower() for item in value.split(",")} if isinstance(value, str) else set(value)


def binaries(expected: dict[str, Any], actual: bytes, uploads: Mapping[str, bytes]) -> Iterator[str]:
    """How a file differs: one that was uploaded comes back as it went, any other is of its kind."""
    uploaded = uploads.get(expected["sha256"])
    if uploaded is not None and actual != uploaded:
        yield "these are not the bytes that were uploaded"
    if expected["type"] == "application/zip" and not zipfile.is_zipfile(io.BytesIO(actual)):
        yield "this is no zip"
    if expected["type"] == "image/jpeg" and not actual.startswith(b"\xff\xd8"):
        yield "this is no JPEG"
