"""How a batch is cut into tasks: once. What is on the server stays as it was cut, whatever the settings say later."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from labelloop.adapters.cvat import names, pull
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.projects import ProjectRef, look_for_project
from labelloop.adapters.cvat.push import find_whole
from labelloop.adapters.files.home import way_back
from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.core.annotation import TaskSpec, UploadImage, content_hash
from labelloop.core.errors import CvatError, LabelError
from labelloop.core.vocabulary import TEST, Split, is_by_split
from labelloop.resources import outgoing
from labelloop.resources.project import Project

MEBIBYTE = 1 << 20

Images = Mapping[str, UploadImage]  # by sample id, in the order of the manifest
Noted = Mapping[str, tuple[str, set[str]]]  # name and images of a task by its key


@dataclass(frozen=True)
class _Part:
    """Images that share a task; its name and key are known where it was made before."""

    images: tuple[UploadImage, ...]
    key: str
    name: str = ""


def task_specs(
    project: Project, server: CvatServer, destination: ProjectRef, batch: str, manifest: pd.DataFrame
) -> list[TaskSpec]:
    """A batch cut into tasks: the hold-out by split, since a CVAT task has one subset, then by count and size.

    A cut is noted before anything of it is sent, and stays: only what is in none is cut. Where the notes were lost,
    the tasks that are on the server say how it was cut. What was added to the hold-out later (rows of another `part`)
    is in tasks of its own. A golden image that is hidden in a batch travels like any other image of it.
    """
    samples = project.ledger.samples().set_index("sample_id")["path"]
    before, strays = _noted(project, batch), _Strays(project, server, destination)
    specs = []
    for split, label, rows in _groups(project, batch, manifest):
        paths = {sample_id: project.home.locate(samples[sample_id]) for sample_id in rows["sample_id"]}
        name_of = names.upload_names([(sample_id, path.name) for sample_id, path in paths.items()])
        images = {sample_id: UploadImage(sample_id, path, name_of[sample_id]) for sample_id, path in paths.items()}
        parts = _parts(project, batch, images, before, strays)
        specs += _specs(project, parts, f"{project.settings.name} {label}", outgoing.subset_of(project, split))
    cut = {spec.key: {"name": spec.name, "sample_ids": _ids(spec.images)} for spec in specs}
    if project.ledger.read_or_none("cuts", batch) != cut:
        project.ledger.write("cuts", batch, cut)
    return specs


def settle(project: Project, connect: Callable[[Project], CvatServer], batch: str) -> None:
    """Note which tasks of a sending that broke off are on the server: their images stay in them, damaged here or not.

    The server is asked only where a task was cut and no record says that it is there, or where nothing says how the
    batch was cut: it was not, or its files were lost.
    """
    noted = project.ledger.read_or_none("cuts", batch)
    cut = noted or {}
    recorded = {task["key"] for task in (project.ledger.read_or_none("tasks", batch) or {"tasks": []})["tasks"]}
    undecided = [key for key in cut if key not in recorded and not cut[key].get("is_sent")]
    if (noted is not None and not undecided) or not project.settings.may_push:
        return
    server = connect(project)
    destination = look_for_project(server, project.settings.project_name)
    if destination is None:
        return
    if noted is None:
        cut = _Strays(project, server, destination).cut(batch)
    there = [key for key in undecided if find_whole(server, destination, key) is not None] if noted else list(cut)
    if there or noted is None:  # also that there is nothing, so that nobody asks again
        project.ledger.write("cuts", batch, cut | {key: {**cut[key], "is_sent": True} for key in there})


def _parts(project: Project, batch: str, images: Images, before: Noted, strays: "_Strays") -> list[_Part]:
    """Images that may share a task, in the parts that they are in, and the rest as the settings say."""
    found = {key: (name, ids) for key, (name, ids) in before.items() if ids and ids <= images.keys()}
    parts = [_Part(_of(images, ids), key, name) for key, (name, ids) in found.items()]
    if _without(images, parts):
        parts += strays.parts(batch, _without(images, parts))
    if _without(images, parts):
        strays.refuse_those_of_others(batch, _without(images, parts))
    place = {sample_id: number for number, sample_id in enumerate(images)}
    parts.sort(key=lambda part: place[part.images[0].sample_id])
    settings = project.settings.annotation
    most = settings.max_task_images, settings.max_task_mebibytes * MEBIBYTE
    cut = names.split_images(list(_without(images, parts).values()), *most)
    return parts + [_Part(part, _key(project, batch, _ids(part))) for part in cut]


def _specs(project: Project, parts: Sequence[_Part], title: str, subset: str) -> list[TaskSpec]:
    settings = project.settings.annotation
    return [
        TaskSpec(
            key=part.key,
            name=part.name or (title if len(parts) == 1 else f"{title} part {number}"),
            subset=subset,
            images=part.images,
            segment_size=settings.segment_size,
            image_quality=settings.image_quality,
            overlap=settings.overlap,
            sorting=settings.sorting,
        )
        for number, part in enumerate(parts, start=1)
    ]


def _noted(project: Project, batch: str) -> Noted:
    """Name and images of the tasks that a batch was cut into before, by key."""
    sent = (project.ledger.read_or_none("tasks", batch) or {"tasks": []})["tasks"]
    cut = project.ledger.read_or_none("cuts", batch) or {}
    found = {task["key"]: (task["name"], set(task["frames"].values())) for task in sent}
    return found | {key: (each["name"], set(each["sample_ids"])) for key, each in cut.items()}


def _key(project: Project, batch: str, sample_ids: Sequence[str]) -> str:
    return f"{project.uuid}/{content_hash([batch, list(sample_ids)])}"


def _ids(images: Iterable[UploadImage]) -> list[str]:
    return [image.sample_id for image in images]


def _of(images: Images, sample_ids: Iterable[str]) -> tuple[UploadImage, ...]:
    """These images, in the order of the manifest."""
    wanted = set(sample_ids)
    return tuple(image for sample_id, image in images.items() if sample_id in wanted)


def _without(images: Images, parts: Sequence[_Part]) -> dict[str, UploadImage]:
    there = {image.sample_id for part in parts for image in part.images}
    return {sample_id: image for sample_id, image in images.items() if sample_id not in there}


class _Strays:
    """Tasks of this data set that no record here speaks of; the server is asked when somebody needs to know."""

    def __init__(self, project: Project, server: CvatServer, destination: ProjectRef) -> None:
        self._project, self._server, self._destination = project, server, destination

    def parts(self, batch: str, images: Images) -> list[_Part]:
        """The parts of a batch that are on the server: their key says that they hold these images of this batch."""
        by_name = {image.upload_name: sample_id for sample_id, image in images.items()}
        parts = []
        for key, name, frames in self._tasks:
            held = _of(images, {by_name[frame] for frame in frames if frame in by_name})
            if len(held) == len(frames) and _key(self._project, batch, _ids(held)) == key:
                parts.append(_Part(held, key, name))
        return parts

    def refuse_those_of_others(self, batch: str, images: Images) -> None:
        """Refuse to send images that lie there for another data set: it may be this one, whose identity was lost.

        The mark of a project does not tell: one that people made has none, and it can be taken away.
        """
        there = {image.upload_name for image in images.values()}
        for task, frames in self._others:
            held = there.intersection(frames)
            if held:
                raise CvatError(
                    f"{len(held)} images of {batch} are in task '{task.name}' of another data set ({task.url})",
                    f"Set annotation.project in labelloop.yaml to another name. {way_back(task.key.partition('/')[0])}",
                )

    def cut(self, batch: str) -> dict[str, dict[str, Any]]:
        """The tasks of a batch by key, as they are noted when it is cut: images count that are damaged or gone too."""
        record = self._project.ledger.read_or_none("batches", batch)
        rows = [row["sample_id"] for row in (record or {"rows": []})["rows"]]
        place = {sample_id: number for number, sample_id in enumerate(rows)}
        found = {}
        for key, name, frames in self._tasks:
            ids = sorted(self._samples(frames))
            if record is not None and not place.keys() | record.get("left_out", {}).keys() >= set(ids):
                continue  # chosen anew, the batch has other images
            for order in (sorted(ids, key=lambda each: place.get(each, len(place))), ids):
                if _key(self._project, batch, order) == key:
                    found[key] = {"name": name, "sample_ids": order}
        return found

    def _samples(self, frames: Sequence[str]) -> list[str]:
        """The samples that frames are named after; none where one is named after none."""
        try:
            return list(names.sample_ids_of(frames, self._known).values())
        except LabelError:
            return []

    @cached_property
    def _known(self) -> list[str]:
        return list(self._project.ledger.samples()["sample_id"])

    @cached_property
    def _tasks(self) -> list[tuple[str, str, list[str]]]:
        """Key, name and names of the frames of each."""
        records = self._project.ledger.sent().values()
        taken = {task.get("key") for record in records for task in record.get("tasks", [])}
        return [
            (task.key, task.name, pull.frame_names(self._server, task.task_id))
            for task in self._listed
            if self._is_own(task) and task.key not in taken
        ]

    @cached_property
    def _others(self) -> list[tuple[pull.TaskSummary, list[str]]]:
        """Tasks that labelloop made for another data set, and the names of their frames."""
        strange = (task for task in self._listed if "/" in task.key and not self._is_own(task))
        return [(task, pull.frame_names(self._server, task.task_id)) for task in strange]

    @cached_property
    def _listed(self) -> list[pull.TaskSummary]:
        return [task for task in pull.tasks_of_project(self._server, self._destination.id) if task.size]

    def _is_own(self, task: pull.TaskSummary) -> bool:
        return task.key.startswith(f"{self._project.uuid}/")


def _groups(project: Project, batch: str, manifest: pd.DataFrame) -> list[tuple[Split, str, pd.DataFrame]]:
    """The rows of a batch that may share a task, with their split and what to call them."""
    if not is_by_split(batch):
        return [(Split.POOL, batch, manifest)]
    parts = manifest["part"] if "part" in manifest else pd.Series(1, index=manifest.index)
    again = batch not in (HOLDOUT, TEST)
    lead = f"{batch} {', '.join(project.ledger.read('batches', batch)['classes'])} " if again else ""
    return [
        (Split(split), f"{lead}{split}" + (f" {part}" if part > 1 else ""), rows)
        for (split, part), rows in manifest.groupby([manifest["source"], parts.rename("part")])
    ]
