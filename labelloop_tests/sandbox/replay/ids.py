"""Ids of a recording and those of the server it is replayed against."""

import re
from collections import defaultdict
from typing import Any

from labelloop_tests.sandbox.replay.shrink import STAND_IN

REFERENCES = {
    "task_id": "tasks", "project_id": "projects", "job_id": "jobs", "label_id": "labels", "spec_id": "attributes",
    "webhook_id": "webhooks", "parent_id": "labels", "assignee": "users", "data": "data", "user_id": "users",
}  # fmt: skip
ADDRESS = re.compile(r"/api/(projects|tasks|jobs|labels|webhooks|users|auth/access_tokens)/(\d+)")
QUERY = re.compile(r"\b(task|project|job|user)_id(=|%3D)(\d+)")
TARGET = re.compile(r"(target(?:=|%3D))(task|project|job)((?:&|%26)target_id(?:=|%3D))(\d+)")
FILE_NAME = re.compile(r"\b(task|project|job)_(\d+)_(?=annotations|dataset|backup)")
TUS_FILE = re.compile(r"\d+_[0-9a-f]{8}-[0-9a-f-]{27}")


class Ids:
    """What stands for what: learned from each answer, used in each later request and answer.

    Args:
        url: The address of the real server.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: dict[str, dict[Any, Any]] = defaultdict(dict)

    def learn(self, recorded: Any, actual: Any, holder: str = "") -> None:
        """Pair the ids of an answer with those at the same places of a recorded one; the first pairing stays."""
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key, value in recorded.items():
                kind = _kind(recorded, holder) if key == "id" else REFERENCES.get(key)
                if kind and isinstance(value, int) and isinstance(actual.get(key), int):
                    self._known[kind].setdefault(value, actual[key])
                self.learn(value, actual.get(key), key)
        elif isinstance(recorded, list) and isinstance(actual, list):
            for one, other in zip(recorded, actual, strict=False):
                self.learn(one, other, holder)

    def learn_file(self, recorded: str, actual: str) -> None:
        """Pair the ids of files that are uploaded in pieces, from the addresses they were given."""
        self._known["files"].setdefault(recorded.rsplit("/", 1)[-1], actual.rsplit("/", 1)[-1])

    def translated(self, value: Any, holder: str = "") -> Any:
        """A recorded value with the ids and addresses of the real server."""
        if isinstance(value, dict):
            return {key: self._field(value, key, holder) for key in value}
        if isinstance(value, list) and _is_term(value):
            return [value[0], self._id(REFERENCES[value[0]["var"]], value[1])]
        if isinstance(value, list):
            return [self.translated(item, holder) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """A recorded text, such as an address or the id of a request, for the real server."""
        text = text.replace(STAND_IN, self._url)
        text = ADDRESS.sub(lambda m: f"/api/{m[1]}/{self._id(m[1].rsplit('/', 1)[-1], int(m[2]))}", text)
        text = TARGET.sub(lambda m: f"{m[1]}{m[2]}{m[3]}{self._id(m[2] + 's', int(m[4]))}", text)
        text = QUERY.sub(lambda m: f"{m[1]}_id{m[2]}{self._id(m[1] + 's', int(m[3]))}", text)
        text = FILE_NAME.sub(lambda m: f"{m[1]}_{self._id(m[1] + 's', int(m[2]))}_", text)
        return TUS_FILE.sub(lambda m: str(self._id("files", m[0])), text)

    def parameter(self, name: str, value: str) -> str:
        """A query parameter of a recorded request."""
        kind = REFERENCES.get(name)
        return str(self._id(kind, int(value))) if kind and value.isdecimal() else self.text(value)

    def _field(self, holding: dict[str, Any], key: str, holder: str) -> Any:
        value = holding[key]
        kind = _kind(holding, holder) if key == "id" else REFERENCES.get(key)
        if kind and isinstance(value, int):
            return self._id(kind, value)
        return self.translated(value, key)

    def _id(self, kind: str, value: Any) -> Any:
        """One that was never seen, such as that of a task that does not exist, stays as it is."""
        return self._known[kind].get(value, value)


def _kind(holding: dict[str, Any], holder: str) -> str:
    """Of what noun the `id` of an object is."""
    address = ADDRESS.search(str(holding.get("url") or ""))
    if address:
        return address[1]
    marks = {"color": "labels", "input_type": "attributes", "read_only": "access_tokens", "username": "users"}
    for mark, kind in marks.items():
        if mark in holding:
            return kind
    return holder if holder != "shapes" or "label_id" in holding else "keyframes"


def _is_term(value: list[Any]) -> bool:
    """Whether a list is the two sides of a comparison by id in JSON logic."""
    return len(value) == 2 and isinstance(value[0], dict) and value[0].get("var") in REFERENCES
