"""Builders for the server's tests: raw HTTP, pictures, uploads."""

import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from PIL import Image

FINAL = ("finished", "failed")


@dataclass(frozen=True)
class Api:
    """HTTP as a script would speak it."""

    url: str
    token: str

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def new_task(self, **spec: Any) -> int:
        body = {"name": "raw", "labels": [{"name": "a"}], **spec}
        return int(self.call("POST", "/api/tasks", json=body).json()["id"])

    def send(self, task_id: int, files: dict[str, bytes] | list[tuple[str, bytes]]) -> requests.Response:
        pairs = list(files.items()) if isinstance(files, dict) else files
        parts = [(f"client_files[{n}]", (name, content, "image/jpeg")) for n, (name, content) in enumerate(pairs)]
        headers = {"Upload-Multiple": ""}
        return self.call("POST", f"/api/tasks/{task_id}/data", headers=headers, files=parts, data={"image_quality": 70})

    def finish(self, task_id: int, **options: Any) -> dict[str, Any]:
        body = {"image_quality": 70, **options}
        reply = self.call("POST", f"/api/tasks/{task_id}/data", headers={"Upload-Finish": ""}, json=body)
        assert reply.status_code == 202, reply.text
        return self.wait(reply.json()["rq_id"])

    def upload(self, task_id: int, files: dict[str, bytes], **options: Any) -> dict[str, Any]:
        assert self.send(task_id, files).status_code == 200
        return self.finish(task_id, **options)

    def wait(self, rq_id: str) -> dict[str, Any]:
        path = f"/api/requests/{requests.utils.quote(rq_id, safe='')}"
        for _ in range(400):
            request = self.get(path).json()
            if request["status"] in FINAL:
                return dict(request)
            time.sleep(0.02)
        raise AssertionError(f"{rq_id} did not end")

    def names(self, task_id: int) -> list[str]:
        return [frame["name"] for frame in self.get(f"/api/tasks/{task_id}/data/meta").json()["frames"]]

    def export(self, path: str, name: str, *, images: bool) -> bytes:
        query = {"format": name, "save_images": str(images)}
        rq_id = self.call("POST", f"{path}/dataset/export", params=query).json()["rq_id"]
        address = self.wait(rq_id)["result_url"].removeprefix(self.url)
        return self.get(address).content


def get(url: str, **options: Any) -> requests.Response:
    """A GET by nobody in particular."""
    return requests.get(url, timeout=30, **options)


def post(url: str, **options: Any) -> requests.Response:
    """A POST by nobody in particular."""
    return requests.post(url, timeout=30, **options)


def encoded(kind: str = "JPEG", size: tuple[int, int] = (32, 24), red: int = 90, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (red, 40, 10)).save(buffer, kind, **options)
    return buffer.getvalue()


def picture(path: Path, red: int = 90) -> Path:
    path.write_bytes(encoded(red=red))
    return path


def rectangle(label: int, frame: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "rectangle", "label_id": label, "frame": frame, "points": [1.5, 2.25, 20.0, 18.125], **more}
