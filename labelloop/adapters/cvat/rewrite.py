"""The whole content of a task written into another one, whose labels, attributes and frames have other numbers.

Everything is named: labels and attributes by their names, frames by theirs. It is written job by job and never through
the task, for CVAT then puts what is on a frame of two jobs into both, and cuts tracks where one job ends. Into a job it
takes a track whole, also where its keyframes lie behind the job.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labelloop.adapters.cvat import label_specs
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import Job, delete_frames, jobs_of_task
from labelloop.adapters.cvat.pull import KINDS, Names, content, read_names
from labelloop.core.annotation import RawShape, TaskContent
from labelloop.core.carried import attributes_said, carried, differing
from labelloop.core.errors import CvatError
from labelloop.core.holding import Holding, deleted_in
from labelloop.core.tracks import as_drawn

NAMES = frozenset({"id", "label", "label_id", "attributes", "elements", "shapes"})  # written anew, or not at all
PARTS = ("shapes", "elements")
MOST_SHOWN = 5


@dataclass(frozen=True)
class _Label:
    """CVAT's numbers of a label: its own, those of its attributes and of its sublabels, by name."""

    id: int
    name: str
    attributes: Mapping[str, int]
    parts: Mapping[str, "_Label"] = field(default_factory=dict)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a task by name; `missing` gathers the names it does not have."""

    labels: Mapping[str, _Label]
    frames: Mapping[int, int]  # frame there by frame here
    missing: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Prepared:
    """A content in the numbers of the task that is to hold it.

    Attributes:
        task_id: The task.
        wanted: The content.
        holding: What each of its jobs is to hold.
        bodies: The same as the server takes it, by job.
        deleted: Numbers of the frames that are to be deleted.
    """

    task_id: int
    wanted: TaskContent
    holding: Holding
    bodies: Mapping[int, Mapping[str, Sequence[RawShape]]]
    deleted: Sequence[int]


def prepared(server: CvatServer, task_id: int, wanted: TaskContent) -> Prepared:
    """What is to be written so that a task holds exactly what another one held; nothing is written yet.

    Args:
        server: The connection.
        task_id: The task to write into; its frames have the names of those of `wanted`.
        wanted: What `pull.content` read, from whichever server.

    Raises:
        CvatError: If a frame, label or attribute has no counterpart, or a track goes on after the end of its job.
    """
    numbers = _numbers_of(server, task_id, wanted)
    assigned = _assigned(task_id, wanted, jobs_of_task(server, task_id), numbers.frames)
    bodies = _bodies(task_id, assigned, numbers)
    deleted = [numbers.frames[frame.frame] for frame in wanted.frames if frame.deleted]
    return Prepared(task_id, wanted, Holding(assigned, deleted_in(wanted)), bodies, deleted)


def write_prepared(server: CvatServer, ready: Prepared) -> TaskContent:
    """Let a task hold what was prepared; returns it as read back.

    What was there is replaced. Doing it again, after an interruption too, has the effect of once. An attribute that
    only the labels of this task have stays at its default.

    Raises:
        CvatError: If the server refuses, or what is read back differs.
    """
    for job_id, body in ready.bodies.items():
        doing = f"writing the annotations of job {job_id}"
        server.write("PUT", f"/api/jobs/{job_id}/annotations/", doing, {"version": 0, **body})
    delete_frames(server, ready.task_id, ready.deleted)
    return _verified(server, ready.task_id, ready.wanted)


def named_as_there(
    server: CvatServer, contents: Sequence[TaskContent], names: Names | None = None
) -> list[TaskContent]:
    """Contents of one task, in which labels and attributes have the names that they have on the server now.

    Args:
        server: The connection.
        contents: The contents.
        names: Names of the labels, where they were read already.
    """
    if not contents:
        return []
    names = names or read_names(server, contents[0].task_id)
    return [_renamed(each, names) for each in contents]


def holding_as_there(holding: Holding, names: Names) -> Holding:
    """The same for what jobs hold."""
    jobs = {
        job: {kind: [_with_names(item, names) for item in items] for kind, items in drawn.items()}
        for job, drawn in holding.jobs.items()
    }
    return Holding(jobs, holding.deleted)


def _renamed(content: TaskContent, names: Names) -> TaskContent:
    def named(items: Sequence[RawShape]) -> tuple[RawShape, ...]:
        return tuple(_with_names(item, names) for item in items)

    frames = (
        replace(frame, shapes=named(frame.shapes), tags=named(frame.tags), tracks=named(frame.tracks))
        for frame in content.frames
    )
    return replace(content, frames=tuple(frames))


def _with_names(item: RawShape, names: Names) -> dict[str, Any]:
    new = dict(item)
    if "label" in item:
        new["label"] = names.labels.get(item.get("label_id", -1), item["label"])
    if item.get("attributes"):
        new["attributes"] = [
            {**value, "name": names.attributes.get(value.get("spec_id", -1), value["name"])}
            for value in item["attributes"]
        ]
    return new | {part: [_with_names(inner, names) for inner in item[part]] for part in PARTS if item.get(part)}


def _verified(server: CvatServer, task_id: int, wanted: TaskContent) -> TaskContent:
    found = content(server, task_id)
    said = attributes_said(wanted)
    places = differing(carried(wanted, said), carried(found, said))
    if places:
        shown = ", ".join(places[:MOST_SHOWN]) + (" …" if len(places) > MOST_SHOWN else "")
        raise CvatError(
            f"task {task_id} does not hold what was written into it: {shown}", "Did somebody work on it meanwhile?"
        )
    return found


def _bodies(
    task_id: int, assigned: Mapping[int, Mapping[str, Sequence[RawShape]]], numbers: _Numbers
) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """For each job all that is on its frames, in the order in which it was drawn."""
    bodies = {
        job: {kind: [_numbered(item, numbers.labels, numbers) for item in items] for kind, items in drawn.items()}
        for job, drawn in assigned.items()
    }
    if numbers.missing:
        raise CvatError(
            f"task {task_id} has no {', '.join(sorted(numbers.missing))}",
            "Add it in CVAT, under the same name; the task is as it was.",
        )
    return bodies


def _assigned(
    task_id: int, wanted: TaskContent, jobs: Sequence[Job], frames: Mapping[int, int]
) -> dict[int, dict[str, list[RawShape]]]:
    """What each job is to hold; where jobs overlap, the earlier one has the frame, and a track the one it fits into."""
    assigned: dict[int, dict[str, list[RawShape]]] = {job.job_id: {kind: [] for kind in KINDS} for job in jobs}
    for kind, item in _items(wanted):
        frame = frames[int(item["frame"])]
        having = [job for job in jobs if job.start_frame <= frame <= job.stop_frame]
        if not having:
            raise CvatError(f"frame {frame} of task {task_id} is in none of its jobs")
        job, drawn = _fitting(task_id, item, having, jobs[-1]) if kind == "tracks" else (having[0], item)
        assigned[job.job_id][kind].append(drawn)
    return assigned


def _fitting(task_id: int, track: RawShape, having: Sequence[Job], last: Job) -> tuple[Job, RawShape]:
    """The job that a track goes into, and how, so that it reads through the task as it is.

    A track lives in one job. Read through the task, CVAT ends it where that job does, unless another end is drawn,
    which may lie behind it; after the last job nothing ends.

    Raises:
        CvatError: If it would be cut in every job that has its first frame.
    """
    for job in having:
        drawn = track if job == last else as_drawn(track, job.stop_frame + 1)
        if drawn is not None:
            return job, drawn
    raise CvatError(
        f"a track on frame {track['frame']} of task {task_id} goes on after frame {having[-1].stop_frame}, where its "
        "job ends",
        "Make the task with the segment size of the one it was drawn in; this one is as it was.",
    )


def _items(wanted: TaskContent) -> Iterator[tuple[str, RawShape]]:
    for frame in wanted.frames:
        yield from (("shapes", shape) for shape in frame.shapes)
        yield from (("tags", tag) for tag in frame.tags)
    tracks = {track["id"]: track for frame in wanted.frames for track in frame.tracks}
    yield from (("tracks", track) for _, track in sorted(tracks.items()))


def _numbers_of(server: CvatServer, task_id: int, wanted: TaskContent) -> _Numbers:
    return _Numbers(_labels_of(server, task_id), _frames_of(server, task_id, wanted))


def _frames_of(server: CvatServer, task_id: int, wanted: TaskContent) -> dict[int, int]:
    """Frame of the task by frame of what is to be written.

    Raises:
        CvatError: If they do not have the same names, or not in the same order, in which tracks go through them.
    """
    meta = server.get(f"/api/tasks/{task_id}/data/meta", f"reading the frames of task {task_id}")
    there = [str(frame["name"]) for frame in meta["frames"]]
    here = [frame.name for frame in sorted(wanted.frames, key=lambda frame: frame.frame)]
    if sorted(here) != sorted(there) or len(set(here)) < len(here):
        odd = sorted(set(here) ^ set(there))[:MOST_SHOWN]
        raise CvatError(f"task {task_id} does not have the frames that are to be written: {', '.join(odd)}")
    if here != there and any(frame.tracks for frame in wanted.frames):
        raise CvatError(f"task {task_id} has its frames in another order, and tracks cannot follow them")
    place = {name: number for number, name in enumerate(there)}
    return {frame.frame: place[frame.name] for frame in wanted.frames}


def _labels_of(server: CvatServer, task_id: int) -> dict[str, _Label]:
    return {str(label["name"]): _label(label) for label in label_specs.listed(server, "task", task_id)}


def _label(raw: Mapping[str, Any]) -> _Label:
    return _Label(
        int(raw["id"]),
        str(raw["name"]),
        {str(spec["name"]): int(spec["id"]) for spec in raw.get("attributes") or []},
        {str(part["name"]): _label(part) for part in raw.get("sublabels") or []},
    )


def _numbered(
    item: RawShape, labels: Mapping[str, _Label], numbers: _Numbers, holder: _Label | None = None
) -> dict[str, Any]:
    """The item with the numbers of the task; what a newer server adds to items goes along as it is."""
    label = labels.get(item["label"]) if "label" in item else holder
    if label is None:
        numbers.missing.add(f"label '{item['label']}'")
        label = _Label(0, "", {})
    new = {key: value for key, value in item.items() if key not in NAMES}
    new["frame"] = numbers.frames[int(item["frame"])]
    if "label" in item:
        new["label_id"] = label.id
    new["attributes"] = [_value(value, label, numbers) for value in item.get("attributes") or []]
    if "shapes" in item:
        new["shapes"] = [_numbered(keyframe, {}, numbers, label) for keyframe in item["shapes"]]
    if "elements" in item:
        parts = ({"frame": item["frame"], **part} for part in item["elements"])
        new["elements"] = [_numbered(part, label.parts, numbers) for part in parts]
    return new


def _value(value: Mapping[str, Any], label: _Label, numbers: _Numbers) -> dict[str, Any]:
    if label.id and value["name"] not in label.attributes:
        numbers.missing.add(f"attribute '{value['name']}' of label '{label.name}'")
    return {"spec_id": label.attributes.get(value["name"], 0), "value": value["value"]}
