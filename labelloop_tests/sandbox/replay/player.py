"""Plays recorded exchanges against a server, one after the other, and says how the answers differ."""

import base64
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import requests
from PIL import Image

from labelloop_tests.sandbox.replay import compare
from labelloop_tests.sandbox.replay.ids import Ids
from labelloop_tests.sandbox.server.controls import Controls

FOLDER = Path(__file__).parents[1] / "recordings"
DAMAGED = b"\xff\xd8\xff\xe0garbage"  # a JPEG that ends after its first bytes
SMALLEST_PICTURE = 100  # bytes; what is smaller was damaged
PATIENCE_SECONDS = 5.0
UNFINISHED = ("queued", "started")

Exchange = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Who asks."""

    name: str
    password: str


@dataclass
class Player:
    """One replay: what it has learned from the answers so far."""

    url: str
    controls: Controls
    people: dict[str, Person]  # "admin" and "other"
    ids: Ids = field(init=False)
    uploads: dict[str, bytes] = field(default_factory=dict)  # our bytes, by the recorded hash
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.ids = Ids(self.url)
        self.session.trust_env = False

    def play(self, scenario: str) -> list[list[str]]:
        """Replay a scenario.

        Returns:
            For each exchange how the answer differed, in words.
        """
        if not self.cookies:
            self._log_in()
        exchanges = load(scenario)["exchanges"]
        return [self._step(number, exchanges) for number in range(len(exchanges))]

    def _step(self, number: int, exchanges: list[Exchange]) -> list[str]:
        exchange = exchanges[number]
        if (seconds := exchange["request"].get("waited")) is not None:
            self.controls.advance(seconds)
        point = _held_at(exchanges[number + 1]) if number + 1 < len(exchanges) else None
        if point and exchange["request"]["method"] == "POST":
            self.controls.hold(point)
        differences = list(self._differences(exchange))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while differences and exchange["request"]["method"] == "GET" and time.monotonic() < deadline:
            time.sleep(0.05)
            differences = list(self._differences(exchange))
        if exchange["request"]["method"] == "GET" and _held_at(exchange):
            self.controls.release()
        return differences

    def _differences(self, exchange: Exchange) -> Iterator[str]:
        reply = self._send(exchange["request"])
        expected = exchange["response"]
        if reply.status_code != expected["status"]:
            yield f"status {reply.status_code} instead of {expected['status']}: {reply.text[:200]}"
            return
        if "location" in expected["headers"] and "location" in reply.headers:
            self.ids.learn_file(expected["headers"]["location"], reply.headers["location"])
        body, wanted = _body(reply), expected["body"]
        self._keep_secrets(reply, body, wanted)
        if isinstance(wanted, dict) and wanted.get("_binary"):
            yield from compare.binaries(wanted, reply.content, self.uploads)
        else:
            self.ids.learn(wanted, body)
            yield from compare.bodies(self.ids.translated(wanted), body)
        headers = {key: self.ids.text(value) if isinstance(value, str) else value
                   for key, value in expected["headers"].items()}  # fmt: skip
        yield from compare.headers(headers, reply.headers, set(reply.cookies.keys()) | _dropped(reply))

    def _send(self, request: dict[str, Any]) -> requests.Response:
        path = (
            self.ids.text(unquote(request["path"]))
            if "/requests/" in request["path"]
            else self.ids.text(request["path"])
        )
        if "%3D" in request["path"]:
            head, _, rq_id = path.rpartition("/requests/")
            path = f"{head}/requests/{quote(rq_id, safe='')}"
        query = [(name, self._parameter(name, value)) for name, value in request["query"]]
        options = {"params": query, "headers": self._headers(request), "timeout": 30, "allow_redirects": False}
        self.session.cookies.clear()
        return self.session.request(request["method"], self.url + path, **options, **self._content(request))

    def _parameter(self, name: str, value: str) -> str:
        if name != "filter":
            return self.ids.parameter(name, value)
        try:
            return json.dumps(self.ids.translated(json.loads(value)))
        except ValueError:
            return value

    def _headers(self, request: dict[str, Any]) -> dict[str, str]:
        headers = dict(request["headers"])
        headers.setdefault("accept-encoding", "identity")
        if "cookie" in headers:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if "x-csrftoken" in headers:
            headers["x-csrftoken"] = self.cookies.get("csrftoken", "")
        scheme = headers.get("authorization", "").partition(" ")[0]
        if scheme == "Basic":
            person = self.people[request.get("as", "admin")]
            headers["authorization"] = "Basic " + base64.b64encode(f"{person.name}:{person.password}".encode()).decode()
        if scheme == "Bearer":
            headers["authorization"] = f"Bearer {self.token or 'wrong'}"
        if "_multipart" in str(request.get("body"))[:20]:
            del headers["content-type"]
        return headers

    def _content(self, request: dict[str, Any]) -> dict[str, Any]:
        body = request.get("body")
        if isinstance(body, dict) and "_multipart" in body:
            fields = [(part["name"], part["value"]) for part in body["_multipart"] if "value" in part]
            files = [
                (part["name"], (part["filename"], self._file(part), part["content_type"]))
                for part in body["_multipart"] if "filename" in part
            ]  # fmt: skip
            return {"data": fields, "files": files}
        if isinstance(body, dict) and body.get("_binary"):
            return {"data": self._piece(request, body)}
        if body is None:
            return {}
        if request["path"] == "/api/auth/login":
            body = {**body, "username": self.people["admin"].name, "password": self._password(request)}
        return {"data": json.dumps(self.ids.translated(body)).encode()}

    def _password(self, request: dict[str, Any]) -> str:
        return "wrong" if request.get("wrong") else self.people["admin"].password

    def _file(self, part: dict[str, Any]) -> bytes:
        """A file of the recorded length, the same for the same recorded hash."""
        if "members" in part:
            return _zip(part["members"])
        size = (120, 90) if part["length"] < 10_000 else (640, 480)
        return self.uploads.setdefault(part["sha256"], _picture(part["length"], size, part["sha256"]))

    def _piece(self, request: dict[str, Any], body: dict[str, Any]) -> bytes:
        """A piece of a file that is sent in several: what is left of it after the offset, or less."""
        whole = 7495 if body["length"] < 10_000 else body["length"]
        content = self.uploads.get(body["sha256"]) or _picture(whole, (120, 90), str(whole))
        offset = whole - body["length"] if body["length"] > whole // 2 else 0
        return content[offset : offset + body["length"]]

    def _keep_secrets(self, reply: requests.Response, body: Any, wanted: Any) -> None:
        if "sessionid" in reply.cookies and reply.cookies["sessionid"].strip('"'):
            self.cookies = dict(reply.cookies.items())
        if isinstance(wanted, dict) and wanted.get("value") == compare.SECRET and isinstance(body, dict):
            self.token = body.get("value", "")

    def _log_in(self) -> None:
        person = self.people["admin"]
        body = {"username": person.name, "password": person.password}
        reply = self.session.post(f"{self.url}/api/auth/login", json=body, timeout=30)
        self.cookies = dict(reply.cookies.items())


def load(scenario: str) -> dict[str, Any]:
    """A recording, with the requests marked that were meant to fail at the gate."""
    content: dict[str, Any] = json.loads((FOLDER / f"{scenario}.json").read_text(encoding="utf-8"))
    for exchange in content.get("exchanges", ()):
        exchange["request"]["wrong"] = exchange["response"]["status"] == 400
    return content


def _held_at(exchange: Exchange) -> str | None:
    """Where the work of the server stood still when this was answered; None when it was done."""
    body = exchange["response"]["body"]
    if not isinstance(body, dict):
        return None
    if body.get("status") in UNFINISHED or (exchange["request"]["path"] == "/api/jobs" and body.get("count") == 0):
        return "started"
    return "failing" if body.get("status") == "failed" and body.get("finished_date") is None else None


def _body(reply: requests.Response) -> Any:
    if not reply.content:
        return None
    if "json" in reply.headers.get("content-type", ""):
        return reply.json()
    return reply.text


def _dropped(reply: requests.Response) -> set[str]:
    """The cookies that an answer takes back; requests forgets them at once."""
    raw = reply.raw.headers.getlist("set-cookie")
    return {cookie.split("=")[0] for cookie in raw}


def _picture(length: int, size: tuple[int, int], seed: str) -> bytes:
    """A JPEG of exactly this many bytes; a damaged one where it would be too small for any."""
    if length < SMALLEST_PICTURE:
        return DAMAGED
    colour = hashlib.sha256(seed.encode()).digest()
    pixels = np.full((size[1], size[0], 3), list(colour[:3]), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=50)
    content = buffer.getvalue()
    return content + bytes(length - len(content))


def _zip(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, _picture(7000, (120, 90), name))
    return buffer.getvalue()
