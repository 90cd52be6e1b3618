"""A project on disk that can be sent to a CVAT, and nothing more (images, classes, a batch); a server with people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from labelloop.adapters.cvat.access import CvatAccess, access_from_file
from labelloop.adapters.cvat.client import CvatServer, connect
from labelloop.adapters.cvat.jobs import jobs_of_task
from labelloop.adapters.images import inspect
from labelloop.core.registry import SAMPLE_COLUMNS
from labelloop.core.schema import Schema
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project
from labelloop.sandbox.server.running import SandboxServer
from labelloop.settings.yaml_file import CONFIG_NAME
from labelloop_tests.cvat_world import write_image
from labelloop_tests.sandbox.server.controls import Controls

PEOPLE = ["kim", "lee"]


def project_to_send(
    folder: Path, images: Sequence[str], classes: Sequence[str] = ("cat", "dog"), **annotation: Any
) -> Project:
    """Images of noise that are registered, and settings with these keys under `annotation`."""
    (folder / ".labelloop").mkdir(parents=True)
    configure(folder, **annotation)
    project = Project(folder / CONFIG_NAME)
    for name in images:
        write_image(folder / name)
    found = [inspect(folder / name) for name in images]
    rows = [
        (file.sample_id, project.home.relative(file.path), file.width, file.height, file.dhash, None, False)
        for file in found
    ]
    project.ledger.save_samples(pd.DataFrame(rows, columns=SAMPLE_COLUMNS).astype({"dhash": "uint64"}))
    project.ledger.save_schema(Schema.first(classes))
    return project


def configure(folder: Path, **annotation: Any) -> Project | None:
    """Write `labelloop.yaml` with these keys under `annotation`, which may be read where there is a home."""
    content = {"name": "sent", "annotation": {"push": True, **annotation}}
    (folder / CONFIG_NAME).write_text(yaml.safe_dump(content), encoding="utf-8")
    return Project(folder / CONFIG_NAME)


def batch_of(project: Project, batch: str = "v0", source: str = "coverage") -> pd.DataFrame:
    """A manifest of all images, the last path first."""
    samples = project.ledger.samples().sort_values("path", ascending=False)
    rows = [
        {"rank": rank, "sample_id": sample_id, "source": source, "score": 0.0, "reason": "test"}
        for rank, sample_id in enumerate(samples["sample_id"], start=1)
    ]
    project.ledger.write("batches", batch, {"rows": rows})
    return project.ledger.manifest(batch)


def through(server: CvatServer) -> CvatResource:
    """The resource of the stages, over a connection of the test's own."""

    class Connected(CvatResource):
        def server(self, project: Project) -> CvatServer:
            return server

    return Connected()


def send(project: Project, server: CvatServer, batch: str = "v0", **rows: Any) -> dict:
    """What the asset `batch` does with CVAT."""
    return through(server).send(project, batch, batch_of(project, batch, **rows), lambda _: None)


@dataclass(frozen=True)
class Place:
    """A server with people, and an account that may do everything."""

    access: CvatAccess
    server: CvatServer

    def listed(self, what: str, **query: Any) -> list[dict[str, Any]]:
        return self.server.list_all(f"/api/{what}", f"looking at {what}", **query)

    def assignees(self, sent: dict) -> list[str]:
        jobs = [job for task in sent["tasks"] for job in jobs_of_task(self.server, task["task_id"])]
        raw = {job["id"]: job for job in self.listed("jobs")}
        return [(raw[job.job_id]["assignee"] or {}).get("username", "") for job in jobs]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("send")
    with SandboxServer(data, anonymous_limit=0, fault_key="send") as running:
        for name in PEOPLE:
            Controls(running).register(name, "a-password")
        access = access_from_file(data / "credentials.json")
        yield Place(access, connect(access))
