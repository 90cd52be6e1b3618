"""Recorded exchanges made small enough to keep: `python -m labelloop_tests.sandbox.replay.shrink FROM TO`.

Pictures were never in them. Left out here are headers that say nothing, times taken, and the name of the server. What
a replay cannot see in a recording is added: who asked, how long the client had waited, what was inside an archive.
"""

import json
import sys
from pathlib import Path
from typing import Any

SERVER = "http://127.0.0.1:8080"
STAND_IN = "http://cvat.test"
REQUEST_HEADERS = ("accept", "authorization", "content-type", "cookie", "x-csrftoken", "x-organization")
SILENT_HEADERS = ("date", "server", "connection", "content-length", "keep-alive", "transfer-encoding")

# Basic *** hides who asked; in status_and_permissions some exchanges are those of a user who is no admin.
OTHER_USER = {"status_and_permissions": (28, 29, 30, 31, 33, 34, 35)}
WAITED_SECONDS = {("rate_limit", 7): 60}  # the client slept Retry-After and asked again


def main(source: Path, target: Path) -> None:
    """Shrink every recording of a folder into another."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.json")):
        recording = json.loads(path.read_text(encoding="utf-8").replace(SERVER, STAND_IN))
        name = recording["scenario"]
        kept = {"scenario": name, "client": recording.get("client", "")}
        if "exchanges" in recording:
            kept["exchanges"] = [_exchange(name, n, one) for n, one in enumerate(recording["exchanges"])]
            _name_members(kept["exchanges"])
        else:
            kept["deliveries"] = recording["deliveries"]
        (target / path.name).write_text(_lines(kept), encoding="utf-8")


def _lines(kept: dict[str, Any]) -> str:
    """JSON with one exchange a line, so that a change to one is seen as that."""
    (many,) = [key for key in ("exchanges", "deliveries") if key in kept]
    head = json.dumps({key: value for key, value in kept.items() if key != many}, ensure_ascii=False)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in kept[many])
    return f'{head[:-1]}, "{many}": [\n{rows}\n]}}\n'


def _exchange(scenario: str, number: int, exchange: dict[str, Any]) -> dict[str, Any]:
    request, response = exchange["request"], exchange["response"]
    given = request["headers"]
    headers = {
        key: value for key, value in given.items() if key in REQUEST_HEADERS or key.startswith(("upload-", "tus"))
    }
    if not given.get("user-agent", "").startswith("cvat_sdk"):
        headers["accept-encoding"] = "gzip"  # requests asks for it, the SDK does not
    kept = {
        "method": request["method"],
        "path": request["path"],
        "query": request.get("query") or [],
        "headers": headers,
    }
    if request.get("body") is not None:
        kept["body"] = request["body"]
    if number in OTHER_USER.get(scenario, ()):
        kept["as"] = "other"
    if (scenario, number) in WAITED_SECONDS:
        kept["waited"] = WAITED_SECONDS[scenario, number]
    told = {key: value for key, value in response["headers"].items() if key not in SILENT_HEADERS}
    return {"request": kept, "response": {"status": response["status"], "headers": told, "body": response.get("body")}}


def _name_members(exchanges: list[dict[str, Any]]) -> None:
    """Say what was inside an uploaded zip: the frames that its task has in the end."""
    for exchange in exchanges:
        body = exchange["request"].get("body")
        parts = body.get("_multipart", []) if isinstance(body, dict) else []
        for part in parts:
            if part.get("filename", "").endswith(".zip"):
                meta = exchange["request"]["path"].rstrip("/") + "/meta"
                (frames,) = [one["response"]["body"]["frames"] for one in exchanges if one["request"]["path"] == meta]
                part["members"] = [frame["name"] for frame in frames]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
