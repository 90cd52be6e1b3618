from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labelloop
from labelloop.adapters.files.ledger import HOLDOUT, SOURCE
from labelloop.core.schema import Schema
from labelloop.core.vocabulary import TEST
from labelloop.resources.labelled import labelled, labelled_test
from labelloop.resources.lesson import lesson, measure, yardstick
from labelloop.resources.project import Project
from labelloop.settings.model import Settings
from labelloop.settings.yaml_file import render
from labelloop_tests.core.builders import frame, labels, shape, task

SPLITS = {"p1": "pool", "p2": "pool", "p3": "pool", "val": "val", "gold": "golden", "test": "test"}
BOXES = labels(
    ("p1", "cat", 10, 10, 50, 50), ("val", "dog", 10, 10, 50, 50), ("val", "dog", 5, 5, 5, 9),
    ("p3", "cat", 10, 10, 50, 50), ("gold", "cat", 600, 10, 900, 50),
)  # fmt: skip
LABELLED_BY_SOURCE = ["gold", "p1", "p2", "val"]  # p2 is labelled and empty; the label of p3 has no annotation


@pytest.fixture
def make(tmp_path):
    """A project whose pool was ingested and split."""

    def project(*, splits=True, **settings):
        config = tmp_path / "labelloop.yaml"
        config.write_text(render(Settings(**settings)), encoding="utf-8")
        (tmp_path / ".labelloop").mkdir(exist_ok=True)
        now = Project(config)
        ids = sorted(SPLITS)
        now.ledger.save_samples(
            pd.DataFrame(
                {"sample_id": ids, "path": ids, "width": 640, "height": 480, "dhash": np.uint64(1),
                 "source_split": None, "labelled": [name in LABELLED_BY_SOURCE for name in ids]}
            )
        )  # fmt: skip
        now.ledger.save_schema(Schema.first(["cat", "dog"]))
        now.ledger.save_source_labels(BOXES)
        if splits:
            now.ledger.save_splits(pd.DataFrame({"sample_id": list(SPLITS), "split": list(SPLITS.values())}))
        return now

    return project


def take(now, batch, drawn):
    """The labels of a batch came back: the shapes on each sample."""
    frames = [frame(number, f"{name}.jpg", *shapes) for number, (name, shapes) in enumerate(drawn.items())]
    if batch not in (HOLDOUT, SOURCE):
        now.ledger.write("batches", batch, {"rows": []})
    now.ledger.save_labels(batch, [task(*frames)], {f"{name}.jpg": name for name in drawn})


def box(label="cat", left=10.0):
    return shape(1, label, (left, 10.0, left + 40.0, 50.0))


def boxes_of(known):
    return sorted(known.boxes[["sample_id", "label", "x1"]].itertuples(index=False, name=None))


def test_before_anything_was_labelled_nothing_is_known(make):
    for splits in (False, True):
        known = labelled(make(splits=splits), [])
        assert (len(known.boxes), known.reviewed, known.by_people) == (0, (), 0)


@pytest.mark.parametrize(
    ("trust", "reviewed", "boxes"),
    [
        ("none", (), []),
        ("holdout", ("gold", "val"), [("val", "dog", 10.0)]),
        ("all", ("gold", "p1", "p2", "val"), [("p1", "cat", 10.0), ("val", "dog", 10.0)]),
    ],
)
def test_labels_of_the_source_count_as_far_as_they_are_trusted_and_bad_boxes_never(make, trust, reviewed, boxes):
    known = labelled(make(trust_source_labels=trust), [])
    assert known.reviewed == reviewed
    assert boxes_of(known) == boxes
    assert known.by_people == 0


def test_in_replay_the_labels_of_the_source_are_the_hidden_truth_and_count_for_nothing(make):
    assert labelled(make(trust_source_labels="all", sandbox="replay"), []).reviewed == ()


def test_what_people_drew_replaces_the_label_of_the_source_also_where_they_found_nothing(make):
    now = make(trust_source_labels="all")
    take(now, "v0", {"p1": [], "p2": [box("dog")]})
    known = labelled(now, ["v0"])
    assert boxes_of(known) == [("p2", "dog", 10.0), ("val", "dog", 10.0)]
    assert known.reviewed == ("gold", "p1", "p2", "val")
    assert known.by_people == 2


def test_of_an_image_labelled_twice_the_later_labels_count_and_the_work_counts_twice(make):
    now = make()
    take(now, "v0", {"p1": [box("cat")], "p2": []})
    take(now, "v1", {"p1": [box("dog", 100.0)]})
    known = labelled(now, ["v0", "v1"])
    assert boxes_of(known) == [("p1", "dog", 100.0)]
    assert (known.reviewed, known.by_people) == (("p1", "p2"), 3)
    assert boxes_of(labelled(now, ["v0"])) == [("p1", "cat", 10.0)]


@pytest.mark.parametrize("held_out", ["gold", "val"])
def test_a_held_out_image_hidden_in_a_batch_keeps_its_first_labels(make, held_out):
    now = make()
    take(now, HOLDOUT, {held_out: [box("cat")]})
    take(now, "v0", {held_out: [box("dog", 100.0)], "p1": [box("dog", 100.0)]})
    known = labelled(now, ["v0"])
    assert boxes_of(known) == sorted([(held_out, "cat", 10.0), ("p1", "dog", 100.0)])
    assert known.by_people == 3


def test_labels_of_test_are_known_to_its_own_reader_alone(make):
    now = make(trust_source_labels="all")
    take(now, TEST, {"test": [box("dog")]})
    take(now, HOLDOUT, {"test": [box()], "val": []})
    take(now, "v0", {"test": [box()], "p1": []})
    take(now, SOURCE, {"test": [box()], "p3": []})
    for batches in ([], ["v0"], ["v0", TEST], [TEST]):
        assert "test" not in labelled(now, batches).reviewed
        assert "test" not in set(labelled(now, batches).boxes["sample_id"])
    known = labelled_test(now)
    assert (known.reviewed, boxes_of(known)) == (("test",), [("test", "dog", 10.0)])


def test_only_the_final_report_asks_for_the_labels_of_test():
    package = Path(labelloop.__file__).parent
    asking = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if "labelled_test" in path.read_text()
    }
    # A benchmark replays labelled data in homes of its own, where strategies see val.
    assert asking == {
        "resources/labelled.py", "resources/final.py", "assets/report.py", "resources/replay_turn.py",
    }  # fmt: skip


@pytest.mark.parametrize(("trust", "reviewed"), [("none", ()), ("holdout", ("test",)), ("all", ("test",))])
def test_labels_that_the_source_brought_for_test_count_where_they_are_trusted(make, trust, reviewed):
    now = make(trust_source_labels=trust)
    samples = now.ledger.samples()
    now.ledger.save_samples(samples.assign(labelled=samples["labelled"] | (samples["sample_id"] == "test")))
    now.ledger.save_source_labels(pd.concat([BOXES, labels(("test", "cat", 10, 10, 50, 50))]))
    assert labelled_test(now).reviewed == reviewed
    assert "test" not in labelled(now, []).reviewed


def test_a_held_out_image_that_was_only_seen_in_a_batch_is_not_labelled(make):
    now = make()
    take(now, "v0", {"gold": [box()]})
    assert labelled(now, ["v0"]).reviewed == ()


def test_an_image_with_an_object_that_could_not_be_stored_is_left_out_with_all_its_boxes(make):
    now = make()
    polygon = shape(2, type="polygon", points=[1.0, 1.0, 9.0, 9.0, 1.0, 9.0])
    take(now, "v0", {"p1": [box(), polygon], "p2": [box()], "p3": [box(), shape(2, "zebra")]})
    known = labelled(now, ["v0"])
    assert known.reviewed == ("p2",)
    assert boxes_of(known) == [("p2", "cat", 10.0)]
    assert known.by_people == 3


def test_tasks_of_an_existing_project_count_in_every_iteration(make):
    now = make()
    take(now, SOURCE, {"p1": [box()]})
    take(now, "v0", {"p2": []})
    assert labelled(now, []).reviewed == ("p1",)
    assert labelled(now, ["v0"]).reviewed == ("p1", "p2")


def test_labels_of_some_images_are_theirs_alone(make):
    now = make()
    take(now, "v0", {"p1": [box()], "p2": [box()]})
    some = labelled(now, ["v0"]).of(["p2", "p3"])
    assert some.reviewed == ("p2",)
    assert boxes_of(some) == [("p2", "cat", 10.0)]


# -- classes that came later ------------------------------------------------------------------------------------


def append_a_class(now):
    now.ledger.save_schema(now.ledger.schema().extend(["cat", "dog", "ant"]))


def go_through_again(now, drawn, number=1):
    """People looked at these images once more, with all classes."""
    rows = [{"rank": 1, "sample_id": name, "source": SPLITS[name], "score": 0.0, "reason": "again"} for name in drawn]
    version = now.ledger.schema().version
    now.ledger.write("batches", f"relabel-{number}", {"rows": rows, "classes": ["ant"], "schema_version": version})
    take(now, f"relabel-{number}", drawn)


def sent_with(now, batch, names, version=1):
    now.ledger.write("tasks", batch, {"tasks": [{"frames": {f"{n}.jpg": n for n in names}, "schema_version": version}]})


@pytest.fixture
def appended(make):
    """p1 and val were labelled, then a class came, then p2 was labelled."""
    now = make(train={"older_labels": "wait"})
    for batch, name in (("v0", "p1"), (HOLDOUT, "val")):
        sent_with(now, batch, [name])
        take(now, batch, {name: [box("cat")]})
    append_a_class(now)
    sent_with(now, "v1", ["p2"], 2)
    take(now, "v1", {"p2": [box("ant"), shape(2, "dog", (100.0, 10.0, 140.0, 50.0))]})
    return now


def test_an_appended_class_waits_for_images_labelled_before_and_its_boxes_are_no_background(appended):
    learns = lesson(appended, "v1")
    assert (learns.classes, learns.waiting, learns.unseen) == (("cat", "dog"), ("ant",), ("p1",))
    assert boxes_of(learns.data) == [("p1", "cat", 10.0), ("p2", "dog", 100.0)]
    assert "1 of 2 images were labelled before a class was appended; ant wait" in learns.told
    val = measure(appended)
    assert (val.classes, val.waiting) == (("cat", "dog"), ("ant",))


def test_labels_taken_again_after_the_class_came_do_not_say_that_it_was_looked_for(appended):
    take(appended, "v0", {"p1": [box("cat", 11.0)]})
    assert lesson(appended, "v1").unseen == ("p1",)


def test_a_class_is_learnt_when_people_went_through_the_older_images(appended):
    go_through_again(appended, {"p1": [box("cat"), shape(2, "ant", (100.0, 10.0, 140.0, 50.0))]})
    learns = lesson(appended, "v1")
    assert (learns.classes, learns.waiting, learns.told) == (("cat", "dog", "ant"), (), "")
    assert boxes_of(learns.data) == [
        ("p1", "ant", 100.0), ("p1", "cat", 10.0), ("p2", "ant", 10.0), ("p2", "dog", 100.0)
    ]  # fmt: skip
    assert learns.data.by_people == 4
    before = yardstick(measure(appended))
    go_through_again(appended, {"val": []}, number=2)
    assert measure(appended).classes == ("cat", "dog", "ant")
    assert boxes_of(measure(appended).data) == []
    assert yardstick(measure(appended)) != before


def test_the_newest_classes_may_be_learnt_at_once_without_the_older_images(appended):
    appended.config.write_text(render(Settings(train={"older_labels": "leave_out"})))
    learns = lesson(Project(appended.config), "v1")
    assert (learns.classes, learns.left_out, learns.data.reviewed) == (("cat", "dog", "ant"), ("p1",), ("p2",))


def test_a_class_that_the_model_before_knows_is_not_forgotten_for_a_late_old_label(appended):
    appended.ledger.write("models", "v0", {"model": "m", "labels_used": 1, "schema_version": 2})
    learns = lesson(appended, "v1")
    assert (learns.classes, learns.left_out) == (("cat", "dog", "ant"), ("p1",))


def test_an_image_that_was_removed_the_second_time_is_removed(appended):
    go_through_again(appended, {"p1": []})
    frames = [frame(0, "p1.jpg", deleted=True)]
    appended.ledger.save_labels("relabel-1", [task(*frames)], {"p1.jpg": "p1"})
    assert lesson(appended, "v1").data.reviewed == ("p2",)


def test_images_of_a_later_batch_gone_through_again_are_none_of_an_earlier_one(appended):
    go_through_again(appended, {"p2": []})
    assert labelled(appended, ["v0"]).reviewed == ("p1", "val")
