"""Simulated annotators: they answer from hidden labels, as well or as badly as they are told to, through CVAT's API."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import Job, complete_job, find_jobs, put_job_annotations, rectangle
from labelloop.adapters.cvat.names import sample_ids_of
from labelloop.adapters.cvat.projects import ProjectRef, find_project
from labelloop.adapters.cvat.pull import content
from labelloop.core.annotation import AnnotatedFrame
from labelloop.core.errors import LabelError
from labelloop.sandbox.amending import amendment, apply
from labelloop.settings.model import AnnotatorSettings

TRUTH_COLUMNS = ["sample_id", "label", "x1", "y1", "x2", "y2"]
CORNERS = ["x1", "y1", "x2", "y2"]
SHIFT = 0.25  # of the width or the height of a box
DIRECTIONS = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])

Box = tuple[str, tuple[float, float, float, float]]


@dataclass(frozen=True)
class HiddenTruth:
    """What the annotators see when they look at an image.

    Attributes:
        boxes: One row per box, columns `sample_id`, `label`, `x1`, `y1`, `x2`, `y2` (pixels).
        sample_ids: Every sample there is: one without boxes is an empty image, not an unknown one.
    """

    boxes: pd.DataFrame
    sample_ids: frozenset[str]

    def speaking_of(self, classes: Iterable[str]) -> "HiddenTruth":
        """What annotators see who were told of these classes alone."""
        return HiddenTruth(self.boxes[self.boxes["label"].isin(set(classes))], self.sample_ids)


@dataclass(frozen=True)
class AnnotatedTask:
    """What the annotators did to a task in one go."""

    task_id: int
    name: str
    jobs: int
    images: int
    boxes: int


def annotate_open_tasks(
    server: CvatServer,
    project_name: str | int,
    truth: HiddenTruth,
    rates: AnnotatorSettings,
    seed: int,
    on_task: Callable[[AnnotatedTask], None] | None = None,
) -> list[AnnotatedTask]:
    """Complete every job of a project that is not completed yet.

    A job is written whole, or what is drawn in it is corrected, then it is accepted, so that a job broken off half-way
    is simply done again; a completed one is left alone. The same image gets the same answer whenever and in whatever
    task it comes; of boxes drawn beforehand, those that are right by and large stay where they are.

    Args:
        server: The connection.
        project_name: Name or id of the project.
        truth: The hidden labels.
        rates: Shares of boxes that go wrong.
        seed: Seed of the errors.
        on_task: Called with each task as soon as it is done.

    Raises:
        LabelError: If a frame belongs to no known sample, or the truth has a class that the project has not.
        CvatError: If the project does not exist or the server refuses.
    """
    project = find_project(server, project_name)
    doing = f"reading the jobs of project '{project_name}'"
    waiting = [job for job in find_jobs(server, doing, project_id=project.id) if not job.completed]
    by_sample = dict(list(truth.boxes.groupby("sample_id")))
    annotator = _Annotator(project, by_sample, truth.sample_ids, rates, seed)
    done: list[AnnotatedTask] = []
    for task_id, jobs in groupby(waiting, key=lambda job: job.task_id):
        done.append(_annotate(server, task_id, list(jobs), annotator))
        if on_task is not None:
            on_task(done[-1])
    return done


def flawed_boxes(
    boxes: pd.DataFrame, classes: Sequence[str], rates: AnnotatorSettings, seed: int, sample_id: str
) -> list[Box]:
    """What an annotator draws on one image.

    Each box has its own draws whatever the rates are: raising one rate leaves the other errors where they were.

    Args:
        boxes: True boxes of the image, in any order.
        classes: All classes there are; with only one, none can be taken for another.
        rates: Shares of boxes that go wrong.
        seed: Seed of the errors.
        sample_id: The image; the answer depends on it and the seed alone.
    """
    rows = boxes.sort_values([*CORNERS, "label"])
    digest = hashlib.sha256(sample_id.encode()).digest()
    random = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    drawn: list[Box] = []
    for label, corners in zip(rows["label"], rows[CORNERS].to_numpy(float), strict=True):
        missing, wrong, other, shifted, direction = random.random(5)
        if missing < rates.missing:
            continue
        others = [name for name in classes if name != label]
        name = others[int(other * len(others))] if others and wrong < rates.wrong_class else str(label)
        box = _shifted(corners, int(direction * len(DIRECTIONS))) if shifted < rates.shifted else corners
        drawn.append((name, (float(box[0]), float(box[1]), float(box[2]), float(box[3]))))
    return drawn


@dataclass(frozen=True)
class _Annotator:
    project: ProjectRef
    boxes: Mapping[Any, pd.DataFrame]  # by sample
    sample_ids: frozenset[str]
    rates: AnnotatorSettings
    seed: int

    def shapes(self, frame: AnnotatedFrame, sample_id: str) -> list[dict[str, Any]]:
        """What the annotator draws on a frame, nothing of it outside."""
        if sample_id not in self.boxes:
            return []
        classes = list(self.project.label_ids)
        answers = flawed_boxes(self.boxes[sample_id], classes, self.rates, self.seed, sample_id)
        limits = (frame.width, frame.height, frame.width, frame.height)
        return [
            rectangle(self._label_id(label), frame.frame, [float(v) for v in np.clip(box, 0, limits)])
            for label, box in answers
        ]

    def _label_id(self, label: str) -> int:
        if label not in self.project.label_ids:
            raise LabelError(f"the hidden labels have a class '{label}' that project '{self.project.name}' has not")
        return self.project.label_ids[label]


def _annotate(server: CvatServer, task_id: int, jobs: Sequence[Job], annotator: _Annotator) -> AnnotatedTask:
    task = content(server, task_id)
    samples = sample_ids_of([frame.name for frame in task.frames], annotator.sample_ids)
    images = boxes = 0
    for job in jobs:
        # Where jobs overlap, a frame counts for one of them: drawn in both, every box would be there twice.
        frames = [frame for frame in task.frames if frame.job_id == job.job_id and not frame.deleted]
        shapes = _answers(frames, samples, annotator)
        _answer(server, job, shapes, drawn_before=any(frame.shapes for frame in frames))
        complete_job(server, job.job_id)
        images, boxes = images + len(frames), boxes + len(shapes)
    return AnnotatedTask(task_id, task.name, len(jobs), images, boxes)


def _answer(server: CvatServer, job: Job, shapes: Sequence[dict[str, Any]], *, drawn_before: bool) -> None:
    """Write a job whole, or correct what is drawn in it already."""
    if not drawn_before:
        put_job_annotations(server, job.job_id, shapes)
        return
    there = server.get(f"/api/jobs/{job.job_id}/annotations/", f"reading the annotations of job {job.job_id}")
    apply(server, job.job_id, amendment(there["shapes"], shapes))


def _answers(
    frames: Sequence[AnnotatedFrame], samples: Mapping[str, str], annotator: _Annotator
) -> list[dict[str, Any]]:
    return [shape for frame in frames for shape in annotator.shapes(frame, samples[frame.name])]


def _shifted(corners: np.ndarray, direction: int) -> np.ndarray:
    """A box moved by a quarter of its size to one of four sides."""
    move: np.ndarray = DIRECTIONS[direction] * (corners[2:] - corners[:2]) * SHIFT
    return np.concatenate([corners[:2] + move, corners[2:] + move])
