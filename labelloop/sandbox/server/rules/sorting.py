"""The order of a task's frames. Unless a client says otherwise, it is not the order of the upload."""

import random
import re

from labelloop.sandbox.server.store import Row

METHODS = ("lexicographical", "natural", "predefined", "random")


def arranged(names: list[str], options: Row) -> list[str]:
    """Names in the order that `sorting_method` asks for.

    Raises:
        ValueError: If `upload_file_order` does not name exactly the uploaded pictures.
    """
    method = options.get("sorting_method") or "lexicographical"
    if method == "predefined":
        return _predefined(names, options.get("upload_file_order"))
    if method == "natural":
        return sorted(names, key=_natural_key)
    if method == "random":
        return random.sample(sorted(names), len(names))
    return sorted(names)


def _predefined(names: list[str], order: list[str] | None) -> list[str]:
    if not order:
        return names
    wanted = [name for name in order if name in set(names)]
    if len(wanted) != len(names):
        raise ValueError("Uploaded files do no match the 'upload_file_order' field contents")
    return wanted


def _natural_key(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
