"""A backup made into a task or project again, all at once or not at all. Only backups of a sandbox are read."""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from labelloop.sandbox.server import clock, media
from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.exports.backup import DATA
from labelloop.sandbox.server.rules import labels, organizations, status
from labelloop.sandbox.server.serializers.annotation import KINDS
from labelloop.sandbox.server.store import Row, Store


@dataclass(frozen=True)
class Restorer:
    """Restores tasks and projects in the background."""

    store: Store
    blobs: Blobs

    def __call__(self, request: Row, _: Callable[[str], None]) -> dict[str, Any]:
        """Restore the backup of a request and drop the uploaded file.

        Raises:
            ValueError: If the file is no backup of a task or project, whichever was asked for.
        """
        file = self.store.find("partial_files", id=request["payload"]["file"])[0]
        reading = _Reading(self.store, self.blobs, request["owner_id"], request["payload"].get("organization_id"))
        try:
            with zipfile.ZipFile(self.blobs.path(file["blob"])) as archive, self.store.transaction():
                restore = reading.project if request["operation"]["target"] == "project" else reading.task_alone
                result = restore(archive)
        except (zipfile.BadZipFile, LookupError, TypeError, json.JSONDecodeError) as error:
            self.blobs.delete(reading.made)
            raise ValueError("This is no backup that this server has made") from error
        except BaseException:
            self.blobs.delete(reading.made)
            raise
        finally:
            self.store.delete("partial_files", id=file["id"])
            self.blobs.delete([file["blob"]])
        return {"payload": {**request["payload"], "result_id": result}}


@dataclass
class _Reading:
    """One backup on its way in: what has another id now."""

    store: Store
    blobs: Blobs
    owner_id: int
    organization_id: int | None
    label_ids: dict[int, int] = field(default_factory=dict)
    spec_ids: dict[int, int] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def project(self, archive: zipfile.ZipFile) -> int:
        """A project with all tasks that had images."""
        body = _json(archive, "project.json")
        project_id = self.store.insert("projects", owner_id=self.owner_id, **_kept(body, "name", "bug_tracker"))
        organizations.put(self.store, "projects", project_id, self.organization_id)
        self._add_labels(body["labels"], project_id=project_id)
        for folder in _folders(archive):
            self._task(archive, folder, project_id)
        return project_id

    def task_alone(self, archive: zipfile.ZipFile) -> int:
        """A task in no project, with labels of its own."""
        task_id = self._task(archive, "", None)
        organizations.put(self.store, "tasks", task_id, self.organization_id)
        return task_id

    def _task(self, archive: zipfile.ZipFile, folder: str, project_id: int | None) -> int:
        body, drawn = _json(archive, f"{folder}task.json"), _json(archive, f"{folder}annotations.json")
        kept = _kept(body, "name", "bug_tracker", "subset", "segment_size", "overlap", "mode")
        data_id = self._data(archive, folder, body)
        task_id = self.store.insert("tasks", owner_id=self.owner_id, project_id=project_id, data_id=data_id, **kept)
        if project_id is None:
            self._add_labels(body["labels"], task_id=task_id)
        for job, annotations in zip(body["jobs"], drawn, strict=True):
            self._job(task_id, job, annotations)
        status.refresh_task(self.store, task_id)
        return task_id

    def _data(self, archive: zipfile.ZipFile, folder: str, body: Row) -> int:
        data = body["data"]
        data_id = self.store.insert(
            "data", size=len(data["frames"]), image_quality=body["image_quality"], chunk_size=body["data_chunk_size"],
            chunks_updated_date=clock.now(), **{name: data[name] for name in DATA},
        )  # fmt: skip
        for number, name in enumerate(data["frames"]):
            with archive.open(f"{folder}data/{name}") as source:
                blob = self.blobs.write(source)  # type: ignore[arg-type]  # an archive's member is a stream of bytes
            self.made.append(blob)
            picture = media.inspect(self.blobs.path(blob))
            shown = {"width": picture.width, "height": picture.height, "format": picture.format}
            self.store.insert("frames", data_id=data_id, number=number, name=name, blob=blob, **shown)
        return data_id

    def _job(self, task_id: int, body: Row, annotations: Row) -> None:
        moment = clock.now()
        wanted = {name: body[name] for name in ("start_frame", "stop_frame", "stage", "state", "type")}
        stamps = {"created_date": moment, "updated_date": moment, "chunks_updated_date": moment}
        job_id = self.store.insert("jobs", task_id=task_id, **wanted, **stamps)
        if body.get("included_frames") is not None:
            self.store.insert("ground_truth", id=job_id, task_id=task_id, frames=body["included_frames"])
        for kind in KINDS:
            for item in annotations[kind]:
                drawn = self._renumbered(item)
                place = {"label_id": drawn["label_id"], "frame": drawn["frame"]}
                self.store.insert(kind, job_id=job_id, body=drawn, **place)

    def _renumbered(self, item: Row) -> Row:
        """An annotation without its id, under the new ids of its label and attributes, down to its parts."""
        new = {key: value for key, value in item.items() if key != "id" or "label_id" not in item}
        if "label_id" in new:
            new["label_id"] = self.label_ids[new["label_id"]]
        if "attributes" in new:
            new["attributes"] = [{**value, "spec_id": self.spec_ids[value["spec_id"]]} for value in new["attributes"]]
        for part in ("elements", "shapes"):
            if part in new:
                new[part] = [self._renumbered(inner) for inner in new[part]]
        return new

    def _add_labels(self, items: list[Row], **owner: Any) -> None:
        """Make the labels and learn their new ids, from their places: within an owner names are unique."""
        bare = [_without_ids(item) for item in items]
        labels.apply(self.store, {"labels": bare}, **owner)
        for item in items:
            (top,) = self.store.find("labels", name=item["name"], parent_id=None, **owner)
            self._learn(item, top)
            for part in item["sublabels"]:
                (inner,) = self.store.find("labels", name=part["name"], parent_id=top["id"], **owner)
                self._learn(part, inner)

    def _learn(self, item: Row, made: Row) -> None:
        self.label_ids[item["id"]] = made["id"]
        specs = self.store.find("attributes", label_id=made["id"])
        self.spec_ids |= {old["id"]: new["id"] for old, new in zip(item["attributes"], specs, strict=True)}


def _kept(body: Row, *names: str) -> Row:
    moment = clock.now()
    return {**{name: body[name] for name in names}, "created_date": moment, "updated_date": moment}


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


def _folders(archive: zipfile.ZipFile) -> Iterator[str]:
    found = {PurePosixPath(name).parts[0] for name in archive.namelist() if name.endswith("/task.json")}
    yield from (f"{folder}/" for folder in sorted(found, key=lambda folder: int(folder.rpartition("_")[2])))


def _without_ids(item: Row) -> Row:
    bare = {key: value for key, value in item.items() if key != "id"}
    bare["attributes"] = [{key: value for key, value in spec.items() if key != "id"} for spec in item["attributes"]]
    return {**bare, "sublabels": [_without_ids(part) for part in item.get("sublabels", [])]}
