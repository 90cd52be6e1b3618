"""A task of people with everything that CVAT knows: taken, counted, shown, rebuilt, and read back for CVAT."""

import itertools
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from labelloop.adapters.cvat.jobs import complete_job, delete_frames, jobs_of_task
from labelloop.adapters.cvat.names import upload_names
from labelloop.adapters.cvat.projects import find_or_create_project
from labelloop.adapters.cvat.push import push_task, retire_task
from labelloop.adapters.fiftyone.shapes import read_shapes
from labelloop.adapters.images import sample_id
from labelloop.core.annotation import TaskSpec, UploadImage
from labelloop.core.edited import Shown, edited
from labelloop.core.shape_labels import ShapeLabel, shape_labels
from labelloop.core.task_labels import TaskLabels
from labelloop.core.vocabulary import SHAPE_FIELDS, Field
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.labelled import labelled
from labelloop.resources.rebuild import rebuild
from labelloop_tests.worlds import World, metadata_of

pytestmark = pytest.mark.slow

CLASSES = ("zero", "one", "two", "three", "four")
BOX = [5.0, 6.0, 40.0, 50.0]


def drawn(one: int) -> dict[str, Any]:
    """Frame 0 has shapes, a track runs over 1 and 2, frame 3 has a box to learn from, 4 is deleted."""

    def shape(kind: str, points: list[float], frame: int = 0, **more: Any) -> dict[str, Any]:
        return {"type": kind, "points": points, "frame": frame, "label_id": one, **more}

    still = [
        shape("polygon", [5, 5, 40, 5, 40, 40], occluded=True, z_order=2, group=4, source="auto"),
        shape("polyline", [5, 5, 40, 5]),
        shape("points", [5, 5, 9, 9]),
        shape("ellipse", [30, 30, 50, 20], rotation=45.0),
        shape("cuboid", [float(number) for number in range(16)]),
        shape("mask", [0, 4, 10, 10, 11, 11]),
        shape("rectangle", BOX, rotation=30.0),
        shape("rectangle", [60.0, 60.0, 90.0, 90.0]),
        shape("rectangle", [-50.0, 60.0, 90.0, 90.0]),
        shape("rectangle", BOX, 3),
        shape("polygon", [5, 5, 40, 5, 40, 40], 4),
    ]
    keyframe = {"type": "rectangle", "points": BOX, "outside": False}
    moved = {**keyframe, "points": [15.0, 6.0, 50.0, 50.0]}
    keyframes = [{**keyframe, "frame": 1}, {**moved, "frame": 3, "outside": True}]
    return {
        "version": 0, "shapes": still, "tags": [{"frame": 0, "label_id": one}],
        "tracks": [{"frame": 1, "label_id": one, "shapes": keyframes}],
    }  # fmt: skip


def finished_task(world: World, paths: list[Path]) -> None:
    server = world.cvat.server(world.now)
    project = find_or_create_project(server, "Existing", CLASSES)
    ids = {sample_id(path.read_bytes()): path for path in paths}
    names = upload_names([(key, path.name) for key, path in ids.items()])
    images = tuple(UploadImage(key, path, names[key]) for key, path in ids.items())
    task = push_task(server, project, TaskSpec("people/1", "work of people", "", images, 0, 95))
    retire_task(server, task.task_id, "work of people")
    (job,) = jobs_of_task(server, task.task_id)
    server.write("PUT", f"/api/jobs/{job.job_id}/annotations/", "drawing", drawn(project.label_ids["one"]))
    delete_frames(server, task.task_id, [4])
    complete_job(server, job.job_id)


def told(labels: list[ShapeLabel]) -> list[str]:
    return sorted(
        f"{label.sample_id} {label.shown_in} {label.label} {dict(sorted(label.about.items()))} {label.said} "
        f"{[ring.round(9).tolist() for ring in label.rings]} {[round(value, 9) for value in label.box]} {label.mask}"
        for label in labels
    )


def test_everything_that_people_drew_is_counted_shown_rebuilt_and_goes_back_as_it_came(world, tmp_path):
    one: World = world(annotation={"pull_project": "Existing"})
    images = sorted((tmp_path / "scenes" / "images").glob("*.jpg"))[:5]
    finished_task(one, images)
    result = one.run("prepare_pool")
    assert result.success
    assert "received, stored, shown, set aside" in metadata_of(result, "cvat_pull")
    version = one.now.ledger.label_version("source")
    census = {row[0]: tuple(row[1:]) for row in version.census.itertuples(index=False, name=None)}
    assert census == {
        "cuboid": (1, 0, 1, 0, 0), "ellipse": (1, 0, 1, 0, 0), "mask": (1, 0, 1, 0, 0), "points": (1, 0, 1, 0, 0),
        "polygon": (2, 0, 1, 0, 1), "polyline": (1, 0, 1, 0, 0), "rectangle": (4, 2, 1, 1, 0),
        "tag": (1, 0, 1, 0, 0), "track": (1, 0, 1, 0, 0),
    }  # fmt: skip
    contents, sample_of = one.now.ledger.contents("source")
    ids = [sample_of[frame.name] for frame in contents[0].frames]
    assert set(version.incomplete) == set(ids[:3])
    assert not set(ids[:3]) & set(labelled(one.now, []).reviewed)

    before, counted = shown(one, ids)
    assert counted == {
        Field.HUMAN_SHAPES: 4, Field.HUMAN_POLYLINES: 5, Field.HUMAN_KEYPOINTS: 1, Field.HUMAN_CLASSIFICATIONS: 1
    }  # fmt: skip
    (aside,) = [label for label in before if label.about.get("set_aside")]
    assert aside.about["set_aside"] == "box reaches out of the image"
    tracked = [label for label in before if "track_id" in label.about]
    assert [(ids.index(label.sample_id), label.about["keyframe"]) for label in tracked] == [(1, True), (2, False)]

    rebuild(one.now, DatasetResource(), lambda _: None)
    after, counted_again = shown(one, ids)
    assert counted_again == counted
    assert told(after) == told(before)
    stored = {(row.task_id, "rectangle", row.shape_id) for row in version.boxes.itertuples()}
    given = [label for label in shape_labels(contents, sample_of, stored) if label.sample_id in ids]
    seen = Shown(ids, given, after)
    assert asdict(edited(contents[0], sample_of, seen, TaskLabels({}), itertools.count())) == asdict(contents[0])


def shown(one: World, ids: list[str]) -> tuple[list[ShapeLabel], dict[Field, int]]:
    """Labels in the fields of shapes, and how many each field has; the fields of boxes are as ever."""
    with DatasetResource().writing(one.now, lambda _: None) as loop:
        assert loop.dataset.count(f"{Field.HUMAN_LABELS}.detections") == 2
        labels = read_shapes(loop, ids)
        counted = {field: sum(label.shown_in == field for label in labels) for field in SHAPE_FIELDS}
        return sorted(labels, key=lambda label: (ids.index(label.sample_id), str(label.shown_in))), counted
