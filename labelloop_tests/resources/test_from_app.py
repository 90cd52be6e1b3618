"""What people change in the App on labels from CVAT reaches its tasks, when somebody asks for it and agrees."""

import contextlib
import importlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import yaml

from labelloop.adapters.cvat.jobs import delete_frames, jobs_of_task
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.cli import repush as command
from labelloop.cli import restore as restoring
from labelloop.core.errors import ConfigError, CvatUnreachableError, LabelError, MissingStateError
from labelloop.core.vocabulary import Field
from labelloop.resources import app_edits
from labelloop.resources.backups import backups as kept_here
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project
from labelloop.resources.rebuild import rebuild
from labelloop.resources.shown import show_version
from labelloop.resources.taken import save_taken
from labelloop.resources.unsent import keep_unsent
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server
from labelloop_tests.fiftyone_world import database
from labelloop_tests.resources.test_repush import Sent, backups
from labelloop_tests.sending import place, through

__all__ = ["place"]
pytestmark = pytest.mark.slow

NOTHING = "nothing to do: the tasks of v0 hold the labels that the App shows"
BODY = {
    "name": "body", "type": "skeleton", "attributes": [],
    "sublabels": [{"name": name, "type": "points", "attributes": []} for name in ("head", "tail")],
}  # fmt: skip


class Shown(Sent):
    """A batch of two tasks (images 0, 1 and 2) with everything that CVAT knows, taken, and shown in FiftyOne."""

    def __init__(self, place: Any, folder: Any, **annotation: Any) -> None:
        super().__init__(place, folder, **annotation)
        project = self.now.ledger.read("tasks", "v0")["project_id"]
        self.server.write("PATCH", f"/api/projects/{project}", "adding a skeleton", {"labels": [BODY]})
        self.label = {label["name"]: label for label in place.listed("labels", project_id=project)}
        self.put(self.tasks[0], self.everything())
        self.put(self.tasks[1], {"shapes": [self.box(0, 5)], "tags": [], "tracks": []})
        self.show()

    def put(self, task: int, drawn: dict[str, Any]) -> None:
        (job,) = jobs_of_task(self.server, task)
        self.server.write("PUT", f"/api/jobs/{job.job_id}/annotations/", "drawing", {"version": 0, **drawn})

    def everything(self) -> dict[str, Any]:
        """All shape types on image 0, and a track over both images."""
        cat = self.label["cat"]["id"]

        def shape(kind: str, points: list[float], **more: Any) -> dict[str, Any]:
            return {**self.box(0, 7), "type": kind, "points": points, **more}

        parts = [{"type": "points", "frame": 0, "label_id": each["id"], "points": [9.7 + at, 12.3]}
                 for at, each in enumerate(self.label["body"]["sublabels"])]  # fmt: skip
        parts[1]["outside"] = True
        key = {"type": "rectangle", "points": [3.1, 3.2, 20.3, 20.4], "outside": False, "frame": 0}
        return {
            "shapes": [
                self.box(0, 1.123456789), self.box(0, 11.7), {**self.box(0, 21), "rotation": 33.3},
                shape("polygon", [5.1, 5.2, 40.3, 5.4, 40.5, 40.6], occluded=True, z_order=2, group=4, source="auto"),
                shape("polyline", [5.1, 5.2, 40.3, 5.4]), shape("points", [5.1, 5.2, 9.3, 9.4]),
                shape("ellipse", [30.1, 30.2, 50.3, 20.4], rotation=45.0),
                shape("cuboid", [number + 0.1 for number in range(16)]), shape("mask", [0, 4, 10, 10, 11, 11]),
                shape("skeleton", [], label_id=self.label["body"]["id"], elements=parts, attributes=[]),
                {**self.box(0, 40), "points": [-30.0, 2.0, 12.0, 30.0]}, {**self.box(1, 3), "group": 7},
            ],
            "tags": [{"frame": 0, "label_id": cat, "attributes": self.box(0, 9)["attributes"]}],
            "tracks": [{"frame": 0, "label_id": cat, "attributes": self.box(0, 9)["attributes"],
                        "shapes": [key, {**key, "frame": 1, "points": [9.1, 9.2, 26.3, 26.4]}]}],
        }  # fmt: skip

    def take(self) -> None:
        if self.now.ledger.has_labels("v0"):
            save_taken(self.now, "v0", through(self.server).take(self.now, "v0", lambda _: None))
        else:
            super().take()

    def show(self) -> None:
        """Take the tasks and show them, as the stage does."""
        self.take()
        samples, version = self.now.ledger.samples(), self.now.ledger.label_version("v0")
        ids = samples["sample_id"]
        self.now.ledger.save_splits(pd.DataFrame({"sample_id": ids, "split": "pool", "group": ids, "origin": "cut"}))
        with self.dataset() as loop:
            loop.add_samples(
                samples, {row.sample_id: str(self.now.home.locate(row.path)) for row in samples.itertuples()}
            )
            show_version(self.now, loop, "v0", version, version.reviewed)

    @contextlib.contextmanager
    def dataset(self) -> Iterator[LoopDataset]:
        with DatasetResource().writing(self.now, lambda _: None) as loop:
            yield loop

    def sample(self, image: int) -> str:
        contents = self.now.ledger.contents("v0")[0]
        return self.sample_of[[frame.name for content in contents for frame in content.frames][image]]

    def edit(self, change: Callable[[Any], None], image: int = 0) -> None:  # type: ignore[override]
        """What a person does in the App on one image."""
        with self.dataset() as loop:
            sample = loop.dataset.match({"sample_id": self.sample(image)}).first()
            change(sample)
            sample.save()

    def repush(self, *, agreed: Any = True, server: Any = None, from_app: bool = True) -> list[str]:
        said: list[str] = []
        command.CvatResource = lambda: through(server or self.server)  # type: ignore[assignment,misc,attr-defined]
        command.repush(self.now, "v0", said.append, agreed=agreed, from_app=from_app)
        return said

    def seen(self) -> dict[str, list[str]]:
        """Every label that each image shows, in words, without numbers of the server."""
        told: dict[str, list[str]] = {}
        with self.dataset() as loop:
            for sample in loop.dataset:
                found = told.setdefault(sample["sample_id"], [])
                for field, holds in app_edits_fields().items():
                    if loop.dataset.has_field(field) and sample[field] is not None:
                        found += [f"{field} {label_told(each)}" for each in sample[field][holds]]
                found.sort()
        return told


def app_edits_fields() -> dict[str, str]:
    edits = importlib.import_module("labelloop.adapters.fiftyone.edits")
    return {str(field): holds for field, holds in edits.HOLDS.items()}


def label_told(label: Any) -> str:
    """What is seen of a label; marks that are as CVAT has them by itself need not be said."""
    names = ("label", "bounding_box", "points", "occluded", "z_order", "rotation", "group", "parts")
    return str({name: rounded(label[name]) for name in names if label.has_field(name) and label[name]})


def rounded(value: Any) -> Any:
    return [rounded(each) for each in value] if isinstance(value, (list, tuple)) else (
        round(value, 6) + 0.0 if isinstance(value, float) else value
    )  # fmt: skip


@pytest.fixture
def shown(place, tmp_path, monkeypatch) -> Iterator[Shown]:
    database()
    monkeypatch.setattr(command, "CvatResource", command.CvatResource)
    made = Shown(place, tmp_path)
    try:
        yield made
    finally:
        with made.dataset() as loop:
            loop.dataset.delete()


def drawn(shown: Shown, image: int = 0) -> list[tuple[str, str, list[float]]]:
    """Type, label and points of what stands still on an image of the first task."""
    shapes = shown.on_server()[0].frames[image].shapes
    return sorted((shape["type"], shape["label"], shape["points"]) for shape in shapes)


def note(shown: Shown) -> Any:
    return shown.now.ledger.read_or_none("rewriting", "v0/from-app")


def move_first_box(sample: Any) -> None:
    sample[Field.HUMAN_LABELS].detections[0].bounding_box = [0.25, 0.25, 0.5, 0.5]


def test_what_nobody_changed_is_no_difference_for_any_type_and_nothing_is_written(shown):
    before = shown.on_server()
    assert shown.repush() == [NOTHING]
    assert shown.on_server() == before
    assert (backups(shown), note(shown)) == ([], None)


def edit_of_every_type(sample: Any) -> None:
    """A box moved, one given another class, an outline bent, marks and a note changed, a line drawn, points deleted."""
    fo: Any = importlib.import_module("fiftyone")
    boxes = sample[Field.HUMAN_LABELS].detections
    boxes[0].bounding_box = [0.25, 0.25, 0.5, 0.5]
    boxes[1].label = "dog"
    boxes.append(fo.Detection(label="cat", bounding_box=[0.0, 0.5, 0.125, 0.25]))
    outlines = {each.type: each for each in sample[Field.HUMAN_POLYLINES].polylines}
    outlines["polygon"].points = [[*outlines["polygon"].points[0][:2], (0.5, 0.5)]]
    outlines["polyline"].occluded = True
    outlines["ellipse"].note = "an egg"
    outlines["cuboid"].label = "dog"
    outlines["rectangle"].points = [[(x + 0.125, y) for x, y in outlines["rectangle"].points[0]]]
    line = fo.Polyline(label="cat", points=[[(0.0, 0.0), (0.5, 0.25)]], closed=False, filled=False)
    sample[Field.HUMAN_POLYLINES].polylines.append(line)
    points = sample[Field.HUMAN_KEYPOINTS].keypoints
    sample[Field.HUMAN_KEYPOINTS].keypoints = [each for each in points if each.type != "points"]
    (body,) = sample[Field.HUMAN_KEYPOINTS].keypoints
    body.points = [(0.25, 0.25), body.points[1]]
    sample[Field.HUMAN_CLASSIFICATIONS].classifications[0].note = "dusk"
    sample[Field.HUMAN_CLASSIFICATIONS].classifications.append(fo.Classification(label="dog"))
    for shape in sample[Field.HUMAN_SHAPES].detections:
        if shape.has_field("track_id") and shape["track_id"] is not None:
            shape.bounding_box = [0.5, 0.5, 0.25, 0.25]


def test_edits_of_every_type_reach_cvat_and_nothing_else_moves(shown):
    before = shown.on_server()
    shown.edit(edit_of_every_type)
    seen = shown.seen()
    said = shown.repush()
    assert any("frame 0" in line and "3 added, 10 changed, 1 removed" in line for line in said), said
    first, second = shown.on_server()
    assert shown.seen() == seen
    by_type: dict[str, list[Any]] = {}
    for shape in first.frames[0].shapes:
        by_type.setdefault(shape["type"], []).append(shape)
    was = {shape["type"]: shape for shape in before[0].frames[0].shapes}
    assert "points" not in by_type
    [polygon] = by_type["polygon"]
    assert polygon["points"] == pytest.approx([5.1, 5.2, 40.3, 5.4, 32, 24])
    assert {name: polygon[name] for name in ("occluded", "z_order", "group", "source")} == {
        "occluded": True, "z_order": 2, "group": 4, "source": "auto",
    }  # fmt: skip
    [ellipse] = by_type["ellipse"]
    assert ellipse["points"] == was["ellipse"]["points"]
    assert [value["value"] for value in ellipse["attributes"]] == ["an egg"]
    [cuboid] = by_type["cuboid"]
    assert (cuboid["label"], cuboid["points"], cuboid["attributes"]) == ("dog", was["cuboid"]["points"], [])
    assert by_type["mask"][0]["points"] == was["mask"]["points"]
    [body] = by_type["skeleton"]
    assert [part["points"] for part in body["elements"]] == [[16.0, 12.0], was["skeleton"]["elements"][1]["points"]]
    [track] = first.frames[0].tracks
    assert [key["points"] for key in track["shapes"]] == [[32.0, 24.0, 48.0, 36.0], [9.1, 9.2, 26.3, 26.4]]
    assert [[value["value"] for value in tag["attributes"]] for tag in first.frames[0].tags] == [["dusk"], []]
    assert without_numbers(first.frames[1].shapes) == without_numbers(before[0].frames[1].shapes)
    assert second == before[1]
    assert (len(backups(shown)), note(shown)) == (1, None)
    assert {job.state for task in shown.tasks for job in jobs_of_task(shown.server, task)} == {"completed"}


def without_numbers(shapes: Any) -> list[Any]:
    return [{name: value for name, value in shape.items() if name not in ("id", "elements")} for shape in shapes]


def test_afterwards_there_is_nothing_to_do_and_the_next_take_finds_nothing_new(shown):
    shown.edit(edit_of_every_type)
    shown.repush()
    revision, drawn_here = shown.now.ledger.revision("v0"), shown.now.ledger.drawn("v0")
    held = shown.on_server()
    assert list(shown.now.ledger.stored_labels("v0").contents) == held
    assert shown.repush() == [NOTHING]
    assert shown.repush(from_app=False) == ["the tasks of v0 hold the labels that are here"]
    assert not save_taken(shown.now, "v0", through(shown.server).take(shown.now, "v0", lambda _: None))[0]
    assert (shown.now.ledger.revision("v0"), shown.now.ledger.drawn("v0")) == (revision, drawn_here)
    assert shown.on_server() == held


def test_without_agreement_nothing_is_written_anywhere(shown):
    shown.edit(move_first_box)
    before, revision = shown.on_server(), shown.now.ledger.revision("v0")
    said = shown.repush(agreed=lambda question: False)
    assert said[-1] == "nothing was changed"
    assert any("1 changed" in line for line in said)
    assert shown.repush(from_app=False) == ["the tasks of v0 hold the labels that are here"]
    assert (shown.on_server(), shown.now.ledger.revision("v0"), note(shown)) == (before, revision, None)
    assert backups(shown) == []


def change_of(field: Field, holds: str, kind: str, **values: Any) -> Callable[[Any], None]:
    def change(sample: Any) -> None:
        one = next(each for each in sample[field][holds] if not kind or each["type"] == kind)
        for name, value in values.items():
            one[name] = value

    return change


def draw_box(**values: Any) -> Callable[[Any], None]:
    def change(sample: Any) -> None:
        fo: Any = importlib.import_module("fiftyone")
        sample[Field.HUMAN_LABELS].detections.append(fo.Detection(**values))

    return change


LINES, BOXES = (Field.HUMAN_POLYLINES, "polylines"), (Field.HUMAN_LABELS, "detections")
KEYPOINTS, SHAPES = (Field.HUMAN_KEYPOINTS, "keypoints"), (Field.HUMAN_SHAPES, "detections")
BENT = [[(0.1, 0.1), (0.2, 0.1), (0.2, 0.2)]]
REFUSED = [
    (change_of(*BOXES, "", label="horse"), "has no label 'horse'; it has body, cat, dog"),
    (change_of(*LINES, "ellipse", points=BENT), "is no ellipse any more"),
    (change_of(*LINES, "polygon", hue="red"), "has no attribute 'hue'"),
    (change_of(*LINES, "polyline", points=[*BENT, *BENT]), "is no polyline any more"),
    (change_of(*KEYPOINTS, "skeleton", label="cat"), "is a skeleton"),
    (change_of(*KEYPOINTS, "skeleton", visibility=[1, 0]), "cannot go to CVAT as it is"),
    (change_of(*SHAPES, "rectangle", track_id=10**6), "is of no track of its task"),
    (change_of(*BOXES, "", bounding_box=[0.5, 0.5, 0.0, 0.0]), "box without area"),
    (change_of(*BOXES, "", source="file"), "cannot go to CVAT as it is"),
    (change_of(*BOXES, "", note="seen by nobody"), "cannot go to CVAT as it is"),
    (draw_box(label="cat", bounding_box=[0.75, 0.0, 0.5, 0.25]), "box reaches out of the image"),
    (draw_box(label="body", bounding_box=[0.0, 0.0, 0.25, 0.25]), "takes skeleton alone"),
]


def test_an_edit_that_cvat_cannot_hold_is_refused_by_name_and_nothing_is_written(shown):
    before = shown.on_server()
    for change, match in REFUSED:
        shown.edit(move_first_box)
        shown.edit(change)
        with pytest.raises(LabelError) as refused:
            shown.repush()
        assert re.search(rf"Label .* on sample {shown.sample(0)}.*{match}", str(refused.value)), refused.value
        shown.show()
    assert (shown.on_server(), note(shown), backups(shown)) == (before, None, [])


def test_what_must_not_be_written_is_refused_before_anything_is_kept(shown):
    shown.edit(move_first_box)
    annotation = yaml.safe_load(shown.now.config.read_text())["annotation"]
    shown.now = configured(shown, annotation=annotation | {"push": False})
    with pytest.raises(ConfigError, match=r"annotation\.push is false"):
        shown.repush()
    shown.now = configured(shown, annotation=annotation)
    shown.put(shown.tasks[0], {"shapes": [shown.box(0, 3)], "tags": [], "tracks": []})
    before = shown.on_server()
    with pytest.raises(MissingStateError, match=r"People changed tasks of v0 .*Take them first"):
        shown.repush()
    assert (shown.on_server(), note(shown), backups(shown)) == (before, None, [])


def configured(shown: Shown, **settings: Any) -> Project:
    """The project, after somebody changed `labelloop.yaml`."""
    content = yaml.safe_load(shown.now.config.read_text())
    shown.now.config.write_text(yaml.safe_dump(content | settings))
    return Project(shown.now.config)


@pytest.mark.parametrize("asked", ["PUT", "GET"])
def test_edits_are_kept_when_cvat_goes_away_and_the_same_command_goes_on(shown, asked):
    """Before the first write, and right after it, while it is read back."""
    shown.edit(edit_of_every_type)
    shown.edit(move_first_box, image=1)
    seen, revision = shown.seen(), shown.now.ledger.revision("v0")
    written: list[str] = []

    def cut(method: str, *_: Any) -> bool:
        gone = method == "PUT" if asked == "PUT" else bool(written)
        written.extend([method] if method == "PUT" else [])
        return gone

    lossy, _ = lossy_server(shown.place.access, cut, Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        shown.repush(server=lossy)
    assert shown.now.ledger.revision("v0") == revision
    assert note(shown) is not None
    with pytest.raises(MissingStateError, match="labelloop repush"):
        through(shown.server).take(shown.now, "v0", print)
    with pytest.raises(MissingStateError, match="--from-app` again"):
        shown.repush(from_app=False)
    rebuild(shown.now, DatasetResource(), lambda _: None)  # and even the App's data set is lost
    shown.repush()
    assert (shown.seen(), note(shown)) == (seen, None)
    assert shown.repush() == [NOTHING]


@pytest.mark.parametrize("step", ["save_taken", "lay"])
def test_a_kill_before_the_labels_here_are_those_of_cvat_is_mended_by_the_same_command(shown, monkeypatch, step):
    shown.edit(edit_of_every_type)
    seen = shown.seen()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"labelloop.resources.from_app.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            shown.repush()
    held = shown.on_server()
    said = shown.repush(agreed=lambda _: pytest.fail("there is nothing left to agree to"))
    assert said[0] == "edits that were read from the App earlier are on their way into the tasks of v0"
    assert (shown.seen(), shown.on_server(), note(shown)) == (seen, held, None)
    assert list(shown.now.ledger.stored_labels("v0").contents) == held


def test_what_people_change_in_the_app_meanwhile_is_never_lost(shown):
    shown.edit(move_first_box)
    lossy, _ = lossy_server(shown.place.access, lambda method, *_: method == "PUT", Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        shown.repush(server=lossy)
    shown.edit(change_of(*BOXES, "", label="dog"))
    seen = shown.seen()
    with pytest.raises(LabelError, match=rf"Labels on {shown.sample(0)} were changed in the App since"):
        shown.repush()
    assert shown.seen() == seen
    shown.edit(change_of(*BOXES, "", label="cat"))
    shown.repush()
    assert shown.repush() == [NOTHING]


def test_edits_that_people_in_cvat_were_faster_than_are_put_aside_and_the_task_can_be_taken(shown):
    shown.edit(move_first_box)
    lossy, _ = lossy_server(shown.place.access, lambda method, *_: method == "PUT", Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        shown.repush(server=lossy)
    shown.now.ledger.remove("rewriting", f"v0/task-{shown.tasks[0]}")  # it was killed before it began to write
    shown.put(shown.tasks[0], {"shapes": [shown.box(0, 3)], "tags": [], "tracks": []})
    with pytest.raises(MissingStateError, match=r"is kept \(from-app-.*Take them first.*`labelloop restore v0` lists"):
        shown.repush()
    assert note(shown) is None
    [kept] = [each for each in backups_of(shown) if each.name.startswith("from-app")]
    assert [16.0, 12.0, 48.0, 36.0] in [shape["points"] for shape in kept.content.frames[0].shapes]
    assert shown.take() is None


def test_images_that_do_not_show_the_labels_keep_what_is_on_them_in_cvat(shown):
    """A track runs over both images, of which one is gone from FiftyOne, shows nothing, or an earlier revision."""
    before = shown.on_server()

    def nothing(sample: Any) -> None:
        sample[Field.HUMAN_LABELS] = None

    def earlier(sample: Any) -> None:
        sample["cvat_revision"] = "another"
        sample[Field.HUMAN_LABELS].detections = []

    def without_field(sample: Any) -> None:
        sample[Field.HUMAN_SHAPES] = None

    for hide in (nothing, earlier, without_field):
        shown.edit(hide, image=1)
        assert shown.repush() == ["1 images of v0 do not show its labels in FiftyOne, and stay as they are", NOTHING]
        shown.show()
    with shown.dataset() as loop:
        loop.dataset.delete_samples(loop.view_of([shown.sample(1)]))
    shown.edit(change_of(*LINES, "polygon", occluded=False))
    shown.repush()
    after = shown.on_server()[0]
    assert without_numbers(after.frames[1].shapes) == without_numbers(before[0].frames[1].shapes)
    assert [key["points"] for key in after.frames[0].tracks[0]["shapes"]] == [
        key["points"] for key in before[0].frames[0].tracks[0]["shapes"]
    ]
    with shown.dataset() as loop:
        loop.set_values("cvat_revision", dict.fromkeys(loop.known_ids(), "another"))
    with pytest.raises(MissingStateError, match="labelloop rebuild"):
        shown.repush()


def test_a_deleted_frame_keeps_all_that_is_on_it(shown):
    delete_frames(shown.server, shown.tasks[0], [1])
    shown.show()
    before = shown.on_server()[0]
    shown.edit(change_of(*LINES, "polygon", occluded=False))
    shown.repush()
    after = shown.on_server()[0]
    assert after.frames[1].deleted
    assert without_numbers(after.frames[1].shapes) == without_numbers(before.frames[1].shapes)
    assert len(after.frames[1].tracks) == 1


def test_a_class_that_was_renamed_keeps_its_label_and_attributes(shown):
    """`cat` is called `feline` here since, and still `cat` in CVAT."""
    shown.now.ledger.save_schema(shown.now.ledger.schema().rename({"cat": "feline"}))
    shown.show()
    assert shown.repush() == [NOTHING]
    shown.edit(move_first_box)
    shown.edit(change_of(*LINES, "polygon", note="bent"))
    shown.edit(draw_box(label="feline", bounding_box=[0.0, 0.5, 0.125, 0.25]))
    seen = shown.seen()
    shown.repush()
    assert shown.seen() == seen
    shapes = shown.on_server()[0].frames[0].shapes
    assert {shape["label"] for shape in shapes} == {"cat", "body"}
    said = {shape["type"]: [value["value"] for value in shape["attributes"]] for shape in shapes}
    assert said["polygon"] == ["bent"]
    [moved] = [shape for shape in shapes if shape["points"] == [16.0, 12.0, 48.0, 36.0]]
    assert [value["value"] for value in moved["attributes"]] == ["at 1.123456789"]
    assert shown.repush() == [NOTHING]


def test_a_new_shape_has_a_number_above_all_that_the_batch_ever_had(shown):
    rows = [{"shape_id": 10**8, "task_id": shown.tasks[0]}, {"shape_id": None, "task_id": shown.tasks[0]}]
    shown.now.ledger.write("prefilled", "v0", {"rows": rows, "tasks": []})
    shown.edit(draw_box(label="cat", bounding_box=[0.0, 0.5, 0.125, 0.25]))
    with shown.dataset() as loop:
        edits = app_edits.read_edits(shown.now, loop, shown.server, "v0")
    assert max(shape["id"] for shape in edits.contents[0].frames[0].shapes) == 10**8 + 1
    shown.now.ledger.remove("prefilled", "v0")
    stored = shown.now.ledger.stored_labels("v0")
    told = {**stored.provenance, 10**7: "auto"}
    shown.now.ledger.label_files.write(
        shown.now.ledger.label_file("v0", shown.now.ledger.revision("v0")), replace(stored, provenance=told)
    )
    with shown.dataset() as loop:
        edits = app_edits.read_edits(shown.now, loop, shown.server, "v0")
    assert max(shape["id"] for shape in edits.contents[0].frames[0].shapes) == 10**7 + 1


def test_classes_of_whole_images_are_tags_and_those_that_stay_keep_their_number(shown):
    shown.now = configured(shown, image_classes=["cat", "dog"])
    shown.show()
    assert shown.repush() == [NOTHING]
    before = shown.on_server()[0].frames[0]

    def look_again(sample: Any) -> None:
        fo: Any = importlib.import_module("fiftyone")
        sample[Field.HUMAN_TAGS].classifications.append(fo.Classification(label="dog"))

    shown.edit(look_again)
    shown.repush()
    after = shown.on_server()[0].frames[0]
    assert [(tag["label"], tag["attributes"]) for tag in after.tags] == [
        ("cat", before.tags[0]["attributes"]), ("dog", []),
    ]  # fmt: skip
    assert without_numbers(after.shapes) == without_numbers(before.shapes)
    assert shown.repush() == [NOTHING]


NOT_HELD = [
    (change_of(*LINES, "ellipse", rotation=10.0), "cannot go to CVAT as it is"),
    (change_of(*BOXES, "", source="file"), "cannot go to CVAT as it is"),
    (change_of(*LINES, "ellipse", note=None), "says nothing of note any more"),
]


def test_an_edit_that_would_not_arrive_is_refused_also_when_it_is_the_only_one(shown):
    for change, match in NOT_HELD:
        shown.edit(change)
        with pytest.raises(LabelError, match=match):
            shown.repush()
        shown.show()


def broken_off(shown: Shown, monkeypatch: pytest.MonkeyPatch, step: str) -> list[Any]:
    """Edits in both tasks whose writing broke off here; what the tasks held before."""
    before = shown.on_server()
    shown.edit(move_first_box)
    shown.edit(move_first_box, image=2)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"labelloop.resources.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            shown.repush()
    return before


def restored(shown: Shown, monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    monkeypatch.setattr(restoring, "CvatResource", lambda: through(shown.server))
    said: list[str] = []
    restoring.restore(shown.now, "v0", names, said.append, over_people=False, agreed=True)
    return said


@pytest.mark.parametrize("step", ["repush.write_prepared", "from_app.save_taken"])
def test_who_restores_what_was_there_ends_edits_on_their_way_and_they_are_kept(shown, monkeypatch, step):
    """Before the first task was written, and when both are and the labels here are not yet those."""
    before = broken_off(shown, monkeypatch, step)
    names = [each.name for each in backups_of(shown)]
    assert any("on their way into v0" in line for line in restored(shown, monkeypatch, *names))
    assert [each.revision for each in shown.on_server()] == [each.revision for each in before]
    assert list((shown.now.home.root / "rewriting").rglob("*.json")) == []
    shown.take()
    kept = [each.name for each in backups_of(shown) if each.name.startswith("from-app")]
    assert len(kept) == 2
    restored(shown, monkeypatch, *kept)
    assert [16.0, 12.0, 48.0, 36.0] in [points for _, _, points in drawn(shown)]


def backups_of(shown: Shown) -> list[Any]:
    return kept_here(shown.now, "v0")


def test_edits_that_nobody_wants_any_more_are_on_their_way_no_more(shown, monkeypatch):
    before = broken_off(shown, monkeypatch, "from_app.carry_out")
    assert note(shown) is not None
    said = shown.repush(agreed=False)
    assert said[-1].startswith("they are on their way no more; `labelloop restore v0` lists them: from-app-")
    assert (note(shown), shown.on_server()) == (None, before)
    shown.take()


def test_edits_of_which_half_a_task_is_written_stay_on_their_way(shown, monkeypatch):
    broken_off(shown, monkeypatch, "repush.write_prepared")
    assert "`labelloop restore v0` lists" in shown.repush(agreed=False)[-1]
    assert note(shown) is not None


@pytest.mark.parametrize("step", ["from_app.carry_out", "repush.write_prepared"])
def test_edits_into_a_task_that_was_deleted_are_kept_and_hold_nothing_back(shown, monkeypatch, step):
    """Before the first task was written, and while it was."""
    broken_off(shown, monkeypatch, step)
    (first, second), labels = shown.tasks, shown.now.ledger.revision("v0")
    shown.server.write("DELETE", f"/api/tasks/{first}", "deleting as people do")
    with pytest.raises(
        MissingStateError, match=rf"#{first} of v0 are no longer on the server.* is kept \(from-app-.*again"
    ):
        shown.repush()
    assert (note(shown), shown.now.ledger.revision("v0")) == (None, labels)
    kept = [each.content for each in backups_of(shown) if each.name.startswith("from-app")]
    assert [each.task_id for each in kept] == [first, second]
    with pytest.raises(MissingStateError, match=f"#{first} of v0 are no longer on the server"):
        shown.repush(from_app=False)
    sent = through(shown.server).send(shown.now, "v0", shown.now.ledger.manifest("v0"), lambda _: None)
    assert [task["task_id"] for task in sent["tasks"]][1:] == [second]
    with pytest.raises(MissingStateError, match="v0 is not annotated yet"):
        through(shown.server).take(shown.now, "v0", lambda _: None)


def unsent(shown: Shown) -> tuple[list[str], list[str]]:
    """What is kept before the batch is taken again, and what is said of it."""
    said: list[str] = []
    cvat = through(shown.server)
    return keep_unsent(shown.now, DatasetResource(), cvat, "v0", lambda _: None, said.append), said


def test_edits_that_nobody_sent_are_kept_before_the_batch_is_taken_again_and_can_be_put_back(shown, monkeypatch):
    assert unsent(shown) == ([], [])
    shown.edit(move_first_box)
    moved = shown.seen()[shown.sample(0)]
    shown.put(shown.tasks[1], {"shapes": [shown.box(0, 6)], "tags": [], "tracks": []})
    (name,), (warning,) = unsent(shown)
    assert name in warning
    shown.show()
    assert (unsent(shown), shown.seen()[shown.sample(0)] == moved) == (([], []), False)
    restored(shown, monkeypatch, name)
    shown.show()
    assert shown.seen()[shown.sample(0)] == moved


def test_of_some_images_nothing_is_made_for_the_others(shown, monkeypatch):
    make, seen = app_edits.as_untouched, list[set[str]]()

    def counted(*args: Any) -> Any:
        labels = make(*args)
        seen.append({label.sample_id for label in labels})
        return labels

    shown.edit(move_first_box)
    with shown.dataset() as loop:
        whole = app_edits.read_edits(shown.now, loop, shown.server, "v0")
        monkeypatch.setattr(app_edits, "as_untouched", counted)
        first, last = shown.sample(0), shown.sample(2)
        some = app_edits.read_edits(shown.now, loop, shown.server, "v0", {first, shown.sample(1)})
        assert (some.contents, set(some.state)) == (whole.contents, {first, shown.sample(1)})
        assert app_edits.read_edits(shown.now, loop, shown.server, "v0", {last}).contents != whole.contents
    assert seen == [{first, shown.sample(1)}] * 2 + [{last}]


def test_edits_that_cvat_cannot_hold_are_kept_as_the_app_showed_them(shown):
    change, match = REFUSED[0]
    shown.edit(change)
    (name,), (warning,) = unsent(shown)
    assert re.search(match, warning)
    stored = shown.now.ledger.read("backups", f"v0/{name}")[shown.sample(0)][str(Field.HUMAN_LABELS)]
    with shown.dataset() as loop:
        drawn = loop.dataset.match({"sample_id": shown.sample(0)}).first()[Field.HUMAN_LABELS]
    assert stored == json.loads(drawn.to_json())
    assert backups_of(shown) == []
