"""What an export is made of: the frames that were not deleted, each with what is drawn on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from labelloop.sandbox.server.rules import labels
from labelloop.sandbox.server.serializers import annotation
from labelloop.sandbox.server.store import Row, Store

NO_DATA = "'NoneType' object has no attribute 'validation_mode'"
KEYFRAME_KEYS = ("type", "frame", "occluded", "outside", "z_order", "rotation", "points")


@dataclass(frozen=True)
class Image:
    """One frame of an export; `path` is its place below `images/`."""

    number: int
    task: Row
    frame: Row
    path: str
    shapes: Sequence[Row]
    tags: Sequence[Row]


@dataclass(frozen=True)
class Scene:
    """All that one export covers."""

    target: str  # task, project or job
    name: str
    tasks: Sequence[Row]
    labels: Sequence[Row]
    attribute_names: Mapping[int, str]
    images: Sequence[Image]


def gather(store: Store, operation: Row) -> Scene:
    """Collect what an export request asks for.

    Raises:
        LookupError: If the target is gone.
        AttributeError: If a task has no data; in the words of CVAT, which falls over it.
    """
    target = operation["target"]
    job = _row(store, "jobs", operation["job_id"]) if target == "job" else None
    project = _row(store, "projects", operation["project_id"]) if target == "project" else None
    tasks = store.find("tasks", project_id=project["id"]) if project else [_row(store, "tasks", operation["task_id"])]
    found = store.find("labels", project_id=project["id"]) if project else labels.of_task(store, tasks[0])
    specs = {label["id"]: store.find("attributes", label_id=label["id"]) for label in found}
    names = {spec["id"]: spec["name"] for group in specs.values() for spec in group}
    filled = [task for task in tasks if not project or task["mode"]]  # empty tasks of a project are passed over
    images = [image for task in filled for image in _images(store, task, job, specs)]
    return Scene(target, (project or tasks[0])["name"], filled, found, names, _unique(images))


def _row(store: Store, table: str, row_id: int) -> Row:
    row = store.first(table, id=row_id)
    if row is None:
        raise LookupError(f"{table.removesuffix('s').capitalize()} matching query does not exist.")
    return row


def _images(store: Store, task: Row, job: Row | None, specs: annotation.Specs) -> Iterator[Image]:
    data = store.first("data", id=task["data_id"]) if task["data_id"] is not None else None
    if data is None or not data["size"]:
        raise AttributeError(NO_DATA)
    jobs = [job] if job else store.find("jobs", order="start_frame, id", task_id=task["id"], type="annotation")
    rows = {kind: [row for one in jobs for row in store.find(kind, job_id=one["id"])] for kind in annotation.KINDS}
    drawn = annotation.read(rows, specs)
    shapes = drawn["shapes"] + [shape for track in drawn["tracks"] for shape in _keyframes(track)]
    for frame in store.find("frames", order="number", data_id=data["id"]):
        number = frame["number"]
        if number in data["deleted_frames"] or not any(j["start_frame"] <= number <= j["stop_frame"] for j in jobs):
            continue
        yield Image(
            number, task, frame, frame["name"],
            [shape for shape in shapes if shape["frame"] == number],
            [tag for tag in drawn["tags"] if tag["frame"] == number],
        )  # fmt: skip


def _keyframes(track: Row) -> Iterator[Row]:
    """The keyframes of a track on which the object is to be seen, as shapes; between them nothing is made up."""
    shared = {key: track[key] for key in ("id", "label_id", "group", "source")}
    for keyframe in track["shapes"]:
        if not keyframe["outside"]:
            attributes = track["attributes"] + keyframe["attributes"]
            drawn = {key: keyframe[key] for key in KEYFRAME_KEYS}
            yield {**shared, **drawn, "attributes": attributes, "elements": []}


def _unique(images: Sequence[Image]) -> list[Image]:
    """Two tasks of a project may have frames of one name; the later one gets a folder of its own."""
    taken: set[tuple[str, str]] = set()
    result = []
    for image in images:
        key = (image.task["subset"], image.path)
        path = f"task_{image.task['id']}/{image.path}" if key in taken else image.path
        taken.add(key)
        result.append(Image(image.number, image.task, image.frame, path, image.shapes, image.tags))
    return result
