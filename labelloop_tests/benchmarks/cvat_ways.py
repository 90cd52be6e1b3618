"""The ways to and from CVAT that are compared: labelloop's, FiftyOne's, and one frame at a time by the SDK."""

import hashlib
import importlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from cvat_sdk.core.client import AccessTokenCredentials, Client
from defusedxml import ElementTree
from PIL import Image

from labelloop.adapters.cvat.access import CvatAccess
from labelloop.adapters.cvat.client import CvatServer, connect
from labelloop.adapters.cvat.frames import download_frames
from labelloop.adapters.cvat.jobs import complete_job, jobs_of_task, put_job_annotations, rectangle
from labelloop.adapters.cvat.names import upload_names
from labelloop.adapters.cvat.prefill import prefill
from labelloop.adapters.cvat.projects import find_or_create_project, find_project
from labelloop.adapters.cvat.pull import content, finished_tasks, tasks_of_project
from labelloop.adapters.cvat.push import push_task, retire_task
from labelloop.core.annotation import TaskSpec, UploadImage
from labelloop.definitions import defs
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.detector import DetectorResource
from labelloop.resources.project import Project, ProjectResource
from labelloop.sandbox.server.credentials import Credentials
from labelloop_tests import fiftyone_world

fiftyone_world.database()  # FiftyOne takes its address when it is imported
fo: Any = importlib.import_module("fiftyone")
fouc: Any = importlib.import_module("fiftyone.utils.cvat")

CLASSES = ("RBC", "WBC", "Platelets")
SEGMENT = 100
PEOPLE, OURS, THEIRS = "people", "ours", "theirs"


@dataclass(frozen=True)
class Picture:
    """An image and its boxes: class and `x1 y1 x2 y2` in pixels."""

    path: Path
    size: tuple[int, int]
    boxes: Sequence[tuple[str, tuple[float, float, float, float]]]

    @property
    def sample_id(self) -> str:
        return hashlib.sha256(self.path.name.encode()).hexdigest()


def read_pictures(folder: Path) -> list[Picture]:
    """BCCD as it was published, without boxes that have no area."""
    return [
        _picture(path, folder / "annotations" / f"{path.stem}.xml") for path in sorted((folder / "images").iterdir())
    ]


def _picture(path: Path, labels: Path) -> Picture:
    boxes = []
    for found in ElementTree.parse(labels).getroot().findall("object"):
        x1, y1, x2, y2 = (float(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
        if x2 > x1 and y2 > y1:
            boxes.append((str(found.findtext("name")), (x1, y1, x2, y2)))
    with Image.open(path) as image:
        return Picture(path, image.size, boxes)


def spec_of(pictures: Sequence[Picture], key: str) -> tuple[TaskSpec, dict[str, Picture]]:
    """A task of the pictures, and the picture of each frame name."""
    names = upload_names([(picture.sample_id, str(picture.path)) for picture in pictures])
    images = tuple(UploadImage(picture.sample_id, picture.path, names[picture.sample_id]) for picture in pictures)
    spec = TaskSpec(key, "benchmark", "", images, SEGMENT, 95)
    return spec, {names[picture.sample_id]: picture for picture in pictures}


def let_people_finish(server: CvatServer, pictures: Sequence[Picture]) -> None:
    """A finished task that labelloop did not make, with every box drawn."""
    project = find_or_create_project(server, PEOPLE, CLASSES)
    spec, picture_of = spec_of(pictures, "people")
    task = push_task(server, project, spec)
    retire_task(server, task.task_id, "work of people")
    name_of = {frame: name for name, frame in task.frame_of.items()}
    for job in jobs_of_task(server, task.task_id):
        frames = range(job.start_frame, job.stop_frame + 1)
        shapes = [
            rectangle(project.label_ids[label], frame, box)
            for frame in frames
            for label, box in picture_of[name_of[frame]].boxes
        ]
        put_job_annotations(server, job.job_id, shapes)
        complete_job(server, job.job_id)


@dataclass
class Place:
    """Where one round of one way happens: a server's address, who we are there, and an empty folder."""

    url: str
    people: Credentials
    folder: Path
    pictures: Sequence[Picture]

    @property
    def access(self) -> CvatAccess:
        return CvatAccess(self.url, self.people.token)

    @property
    def login(self) -> dict[str, str]:
        return {"url": self.url, "username": self.people.username, "password": self.people.password}


class Asset:
    """`cvat_pull` as people run it: media, label files and FiftyOne. Nothing is left out."""

    name = "labelloop, the asset: files and FiftyOne"

    def __init__(self, place: Place) -> None:
        self.home = place.folder
        os.environ |= {"CVAT_URL": place.url, "CVAT_ACCESS_TOKEN": place.people.token}
        settings = {
            "name": f"benchmark-{place.folder.name}",
            "sandbox": "off",
            "source": {"type": "none"},
            "annotation": {"pull_project": PEOPLE},
        }
        (self.home / "labelloop.yaml").write_text(yaml.safe_dump(settings))
        (self.home / ".labelloop").mkdir()
        self.job = dg.define_asset_job("only_pull", ["cvat_pull"]).resolve(asset_graph=defs.resolve_asset_graph())
        self.instance = dg.DagsterInstance.ephemeral()
        connect(place.access)  # a code server has its connection already

    def pull(self) -> None:
        resources = {
            "project": ProjectResource(config_path=str(self.home / "labelloop.yaml")),
            "dataset": DatasetResource(),
            "cvat": CvatResource(),
            "detector": DetectorResource(),
        }
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        self.job.execute_in_process(instance=self.instance, resources=resources, run_config=quiet)

    def boxes(self) -> int:
        version = Project(self.home / "labelloop.yaml").ledger.label_version("source")
        return len(version.boxes) + len(version.quarantined)

    def close(self) -> None:
        _drop(f"benchmark-{self.home.name}")


class Adapter:
    """Our adapter alone: labels as typed frames, images under the names of their content."""

    name = "labelloop, the adapter: images and labels"

    def __init__(self, place: Place) -> None:
        self.folder, self.server = place.folder, connect(place.access)

    def pull(self) -> None:
        self.contents = []
        for task in finished_tasks(self.server, find_project(self.server, PEOPLE).id):
            download_frames(self.server, task.task_id, self.folder)
            self.contents.append(content(self.server, task.task_id))

    def boxes(self) -> int:
        return sum(len(frame.shapes) for content in self.contents for frame in content.frames)

    def close(self) -> None:
        pass


class Importer:
    """FiftyOne's own importer, media included. Asked again it finds the media on disk, but would add every box twice."""

    name = "FiftyOne, import_annotations"

    def __init__(self, place: Place) -> None:
        self.dataset, self.place = fo.Dataset(), place

    def pull(self) -> None:
        self.dataset.clear()
        data_path = str(self.place.folder)
        fouc.import_annotations(
            self.dataset, project_name=PEOPLE, data_path=data_path, download_media=True, **self.place.login
        )

    def boxes(self) -> int:
        fields = self.dataset.get_field_schema(embedded_doc_type=fo.Detections)
        return sum(int(self.dataset.count(f"{field}.detections")) for field in fields)

    def close(self) -> None:
        self.dataset.delete()


class Frames:
    """The SDK, a request for each image."""

    name = "cvat-sdk, one frame at a time"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client = Client(place.url, check_server_version=False)
        self.client.login(AccessTokenCredentials(place.people.token))

    def pull(self) -> None:
        (project,) = [one for one in self.client.projects.list() if one.name == PEOPLE]
        self.drawn = 0
        for task in project.get_tasks():
            for number, frame in enumerate(task.get_meta().frames):
                (self.place.folder / frame.name).write_bytes(task.get_frame(number, quality="original").read())
            self.drawn += len(task.get_annotations().shapes)

    def boxes(self) -> int:
        return self.drawn

    def close(self) -> None:
        self.client.close()


class OurPush:
    """A task of the images with all boxes drawn beforehand."""

    name = "labelloop, push and prefill"

    def __init__(self, place: Place) -> None:
        self.server = connect(place.access)
        self.spec, picture_of = spec_of(place.pictures, "benchmark")
        self.known: dict[str, list[Mapping[str, Any]]] = {
            name: [{"type": "rectangle", "label": label, "points": list(box)} for label, box in picture.boxes]
            for name, picture in picture_of.items()
        }

    def push(self) -> None:
        project = find_or_create_project(self.server, OURS, CLASSES)
        task = push_task(self.server, project, self.spec)
        self.drawn = sum(job.drawn for job in prefill(self.server, task.task_id, self.known, project.label_ids))

    def boxes(self) -> int:
        return self.drawn

    def close(self) -> None:
        _delete(self.server, OURS)


class TheirPush:
    """`fiftyone.annotate` with the same images, boxes and jobs."""

    name = "FiftyOne, annotate"

    def __init__(self, place: Place) -> None:
        self.place, self.server = place, connect(place.access)
        self.dataset = fo.Dataset()
        self.dataset.add_samples([_sample(picture) for picture in place.pictures])

    def push(self) -> None:
        self.dataset.annotate(
            "benchmark", backend="cvat", label_field="found", label_type="detections", classes=list(CLASSES),
            attributes=False, segment_size=SEGMENT, image_quality=95, project_name=THEIRS, **self.place.login,
        )  # fmt: skip

    def boxes(self) -> int:
        project = find_project(self.server, THEIRS)
        (task,) = tasks_of_project(self.server, project.id)
        return sum(len(frame.shapes) for frame in content(self.server, task.task_id).frames)

    def close(self) -> None:
        self.dataset.delete()
        _delete(self.server, THEIRS)


def _sample(picture: Picture) -> Any:

    width, height = picture.size
    by_label: dict[str, list[Any]] = defaultdict(list)
    for label, (x1, y1, x2, y2) in picture.boxes:
        box = [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]
        by_label["found"].append(fo.Detection(label=label, bounding_box=box))
    sample = fo.Sample(str(picture.path), metadata=fo.ImageMetadata(width=width, height=height))
    sample["found"] = fo.Detections(detections=by_label["found"])
    return sample


def _drop(dataset: str) -> None:

    if fo.dataset_exists(dataset):
        fo.delete_dataset(dataset)


def _delete(server: CvatServer, project: str) -> None:
    server.write("DELETE", f"/api/projects/{find_project(server, project).id}", "cleaning up")
