import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.files import stored_labels
from labelloop.adapters.files.home import Home
from labelloop.adapters.files.ledger import HOLDOUT, MANIFEST_COLUMNS, REPORT_COLUMNS, SOURCE, Ledger
from labelloop.core.annotation import content_hash
from labelloop.core.errors import LabelError, LabelloopError, MissingStateError
from labelloop.core.registry import SAMPLE_COLUMNS
from labelloop.core.schema import Schema
from labelloop.core.source_labels import SourceLabel, label_table
from labelloop.core.vocabulary import LabelKind
from labelloop_tests.core.builders import frame, labels, shape, task

SAMPLE_OF = {"one.jpg": "s1", "two.jpg": "s2"}
MODEL = "0123abcd"


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Home.of(tmp_path / "labelloop.yaml", environ={}))


def sample_rows(*ids):
    return pd.DataFrame(
        {
            "sample_id": ids, "path": [f"{name}.jpg" for name in ids], "width": 640, "height": 480,
            "dhash": np.arange(len(ids), dtype="uint64") + np.uint64(2**63 + 1), "source_split": None,
            "labelled": False,
        }
    )  # fmt: skip


def rows(*ids, source="coverage"):
    return [
        {"rank": rank, "sample_id": each, "source": source, "score": 0.5, "reason": "because"}
        for rank, each in enumerate(ids, 1)
    ]


def drawing(*points):
    return [task(frame(0, "one.jpg", shape(1, points=points or (10.0, 10.0, 50.0, 40.0))), frame(1, "two.jpg"))]


FRAMES = {
    "samples": sample_rows("s1", "s2"),
    "source_labels": labels(("s1", "ü", 0.1, 0, 2, 3)),
    "splits": pd.DataFrame({"sample_id": ["s1"], "split": ["pool"], "group": [3], "origin": ["hash"]}),
    "zcore": pd.DataFrame({"sample_id": ["s1"], "zcore": [0.25]}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), FRAMES.items())
def test_tables_come_back_as_they_were(ledger, name, value):
    for content in (value.iloc[:0], value):
        getattr(ledger, f"save_{name}")(content)
        pd.testing.assert_frame_equal(getattr(ledger, name)(), content, check_dtype=False)


@pytest.mark.parametrize("name", FRAMES)
def test_a_table_that_was_never_written_says_what_to_run(ledger, name):
    with pytest.raises(MissingStateError, match=rf"{name}\.parquet is not there yet\. Run the job prepare_pool first"):
        getattr(ledger, name)()


def test_before_the_first_ingest_there_are_no_samples_no_files_no_splits_and_no_classes(ledger):
    assert list(ledger.samples_or_empty().columns) == SAMPLE_COLUMNS
    assert ledger.samples_or_empty().empty
    assert ledger.files().empty
    assert not ledger.has_splits()
    assert ledger.schema_or_none() is None
    assert ledger.iterations() == []
    assert ledger.selected() == set()
    assert list(ledger.reports().columns) == REPORT_COLUMNS
    assert ledger.embedding_version("hog_hsv") is None


def test_samples_are_kept_sorted_and_hashes_keep_all_their_bits(ledger):
    ledger.save_samples(sample_rows("s2", "s1"))
    assert ledger.samples()["sample_id"].tolist() == ["s1", "s2"]
    assert ledger.samples()["dhash"].tolist() == [2**63 + 2, 2**63 + 1]


def test_all_that_the_source_brought_comes_back_and_its_boxes_follow(ledger):
    assert ledger.source_annotations().empty
    box, tag = SourceLabel.box("ü", (0.1, 0, 2, 3), attributes={"a": [1]}), SourceLabel(LabelKind.TAG, "night")
    brought = label_table([("s1", box, False), ("s1", tag, False)])
    ledger.save_source_annotations(brought)
    pd.testing.assert_frame_equal(ledger.source_annotations(), brought)
    assert ledger.source_labels().to_numpy().tolist() == [["s1", "ü", 0.1, 0, 2, 3]]


def test_an_older_home_has_boxes_alone(ledger):
    ledger.save_source_labels(labels(("s1", "ü", 0.1, 0, 2, 3)))
    assert ledger.source_annotations()[["kind", "as_box", "detail"]].to_numpy().tolist() == [["box", True, "{}"]]


def test_files_of_the_source_come_back(ledger):
    files = pd.DataFrame({"path": ["a", "b"], "bytes": [1, 2], "mtime_ns": [2**62, 3], "sample_id": ["s1", None]})
    ledger.save_files(files)
    assert ledger.files()["mtime_ns"].tolist() == [2**62, 3]
    assert ledger.files()["sample_id"].notna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("names", "expected"), [([], []), (["val"], ["s2", "s4"]), (["val", "test"], ["s1", "s2", "s4"]), (["golden"], [])]
)
def test_the_samples_of_a_split_are_sorted(ledger, names, expected):
    ledger.save_splits(pd.DataFrame({"sample_id": ["s4", "s3", "s2", "s1"], "split": ["val", "pool", "val", "test"]}))
    assert ledger.has_splits()
    assert ledger.in_split(*names) == expected


def test_the_schema_comes_back_with_its_history(ledger):
    schema = Schema.first(["cat"]).extend(["cat", "ü"])
    ledger.save_schema(schema)
    assert ledger.schema() == ledger.schema_or_none() == schema


@pytest.mark.parametrize(("name", "counts"), [("task-5", True), ("from-app", True), ("task-4", False)])
def test_a_note_of_edits_or_of_a_task_that_the_batch_still_has_says_that_it_is_being_rewritten(ledger, name, counts):
    ledger.write("tasks", "v0", {"tasks": [{"task_id": 5}]})
    assert not ledger.is_being_rewritten("v0")
    ledger.write("rewriting", f"v0/{name}", [])
    assert ledger.is_being_rewritten("v0") is counts
    assert not ledger.is_being_rewritten("v1")


def test_a_missing_schema_says_what_to_do(ledger):
    with pytest.raises(MissingStateError, match=r"Set classes in labelloop\.yaml, or Run the job prepare_pool"):
        ledger.schema()


# -- iterations ------------------------------------------------------------------------------------------------


def test_iterations_are_in_the_order_of_their_numbers(ledger):
    for name in ("v10", "v2", HOLDOUT, "v0", SOURCE):
        ledger.write("batches", name, {"rows": []})
    assert ledger.iterations() == ["v0", "v2", "v10"]


def test_a_manifest_comes_back_with_its_columns(ledger):
    ledger.write("batches", "v0", {"rows": []})
    assert list(ledger.manifest("v0").columns) == MANIFEST_COLUMNS
    ledger.write("batches", "v0", {"rows": rows("s2", "s1")})
    assert ledger.manifest("v0")["sample_id"].tolist() == ["s2", "s1"]
    assert ledger.manifest("v0").to_dict("records") == rows("s2", "s1")


@pytest.mark.parametrize(
    ("before", "expected"),
    [("", {"a", "b", "c"}), ("v0", set()), ("v2", {"a"}), ("v10", {"a", "b"}), ("v11", {"a", "b", "c"})],
)
def test_what_was_selected_before_an_iteration_is_what_older_batches_hold(ledger, before, expected):
    for name, sample_id in (("v0", "a"), ("v2", "b"), ("v10", "c"), (HOLDOUT, "h")):
        ledger.write("batches", name, {"rows": rows(sample_id)})
    assert ledger.selected(before) == expected


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("batches", "Run the job next_batch for v3 first"),
        ("tasks", "Run the job next_batch for v3"),
        ("labels", "Annotate the tasks of v3 in CVAT"),
        ("verdicts", "Materialise annotated_batch of v3 with its checks first"),
        ("models", "Run the job label_loop for v3 first"),
        ("reports", "Run the job label_loop for v3 first"),
        ("selections", "Run the job label_loop for the iteration before v3 first"),
    ],
)
def test_a_record_comes_back_and_a_missing_one_says_what_to_run(ledger, kind, said):
    assert ledger.read_or_none(kind, "v3") is None
    with pytest.raises(MissingStateError, match=said):
        ledger.read(kind, "v3")
    ledger.write(kind, "v3", {"ü": [1, None]})
    assert ledger.read(kind, "v3") == ledger.read_or_none(kind, "v3") == {"ü": [1, None]}


def test_a_kind_of_record_that_nobody_knows_is_refused(ledger):
    with pytest.raises(KeyError):
        ledger.write("bathces", "v0", {})
    assert not (ledger.root / "bathces").exists()


def test_predictions_come_back(ledger):
    found = pd.DataFrame({"sample_id": ["s1"], "label": ["cat"], "x1": [0.5], "score": [0.9]})
    for content in (found.iloc[:0], found):
        ledger.save_predictions("v1", content)
        pd.testing.assert_frame_equal(ledger.predictions("v1"), content, check_dtype=False)
    with pytest.raises(MissingStateError, match="label_loop for v2"):
        ledger.predictions("v2")


def test_reports_are_one_row_for_each_evaluated_iteration_in_order(ledger):
    for name in ("v10", "v9", "v11"):
        ledger.write("batches", name, {"rows": []})
    for name in ("v10", "v9"):
        ledger.write("reports", name, {"iteration": name, "map50": 0.5, "more": [1]})
    assert ledger.reports()["iteration"].tolist() == ["v9", "v10"]
    assert list(ledger.reports().columns) == REPORT_COLUMNS


def test_a_model_has_a_folder_of_its_own(ledger):
    assert ledger.model_folder(MODEL) == ledger.root / "models" / MODEL


# -- labels ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(ledger):
    ledger.save_schema(Schema.first(["cat", "dog"]))
    for name in ("v0", "v1", "v10"):
        ledger.write("batches", name, {"rows": rows("s1", "s2")})
    return ledger


def state(folder):
    """What every file below a folder is: another inode or time means that it was written again."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_labels_come_back_as_boxes_with_the_shapes_kept_as_they_were_drawn(ready):
    assert not ready.has_labels("v0")
    assert ready.save_labels("v0", drawing(10.125, 10, 50, 40), SAMPLE_OF) is True
    version = ready.label_version("v0")
    assert version.reviewed == ("s1", "s2")
    assert version.boxes["x1"].tolist() == [10.125]
    stored = json.loads(ready.label_file("v0", ready.revision("v0")).read_text())
    assert stored["contents"][0]["frames"][0]["shapes"][0]["points"] == [10.125, 10, 50, 40]


def test_a_label_version_says_which_boxes_a_model_drew(ready):
    contents = [task(frame(0, "one.jpg", shape(1), shape(2, "dog"), shape(3, points=(60.0, 60, 90, 90))))]
    ready.save_labels("v0", contents, SAMPLE_OF, (), {2: "auto", 3: "edited", 9: "auto"})
    boxes = ready.label_version("v0").boxes
    assert boxes.set_index("shape_id")["source"].to_dict() == {1: "manual", 2: "auto", 3: "edited"}
    assert boxes["source"].dtype == ready.label_version("v0").with_sources({}).boxes["source"].dtype == "str"


def test_taking_the_same_labels_again_writes_nothing(ready):
    ready.save_labels("v0", drawing(), SAMPLE_OF)
    before = state(ready.root)
    assert ready.save_labels("v0", drawing(), SAMPLE_OF) is False
    assert state(ready.root) == before


def test_a_label_that_people_gave_the_name_of_a_class_counts_from_then_on(ready):
    """With an id, a label of another name is the same label, and the drawing is the same drawing."""
    named = [[task(frame(0, "one.jpg", shape(1, name, label_id=5)))] for name in ("cta", "cat")]
    assert named[0][0].revision == named[1][0].revision
    ready.save_labels("v0", named[0], SAMPLE_OF)
    assert ready.label_version("v0").quarantined["reason"].tolist() == ["class not in the schema"]
    assert ready.save_labels("v0", named[1], SAMPLE_OF) is True
    assert ready.label_version("v0").boxes["label"].tolist() == ["cat"]


def test_equal_labels_are_equal_byte_for_byte_wherever_and_in_whatever_order_they_were_taken(ready):
    for batch, sample_of in (("v0", SAMPLE_OF), ("v1", dict(reversed(SAMPLE_OF.items())))):
        ready.save_labels(batch, drawing(), sample_of)
    assert ready.revision("v0") == ready.revision("v1")
    files = [ready.label_file(batch, ready.revision(batch)).read_bytes() for batch in ("v0", "v1")]
    assert files[0] == files[1]


def test_a_box_that_moved_makes_a_new_version_and_keeps_the_old_file(ready):
    ready.save_labels("v0", drawing(), SAMPLE_OF)
    first, before = ready.revision("v0"), state(ready.root / "labels" / "v0")
    assert ready.save_labels("v0", drawing(10, 10, 50, 40.01), SAMPLE_OF) is True
    assert ready.revision("v0") != first
    assert {path: how for path, how in state(ready.root / "labels" / "v0").items() if path in before} == before
    assert ready.label_file("v0", first).is_file()
    assert ready.label_version("v0").boxes["y2"].tolist() == [40.01]
    assert ready.save_labels("v0", drawing(), SAMPLE_OF) is True
    assert ready.revision("v0") == first


def test_labels_that_do_not_add_up_leave_those_of_before(ready):
    ready.save_labels("v0", drawing(), SAMPLE_OF)
    before = state(ready.root)
    with pytest.raises(LabelError, match=r"belong to no sample: two\.jpg"):
        ready.save_labels("v0", drawing(1, 1, 9, 9), {"one.jpg": "s1"})
    assert state(ready.root) == before


def test_what_people_drew_has_a_revision_that_does_not_depend_on_the_classes(ready):
    assert ready.drawn("v0") == ""
    ready.save_labels("v0", drawing(), SAMPLE_OF)
    drawn, revision = ready.drawn("v0"), ready.revision("v0")
    ready.save_schema(ready.schema().extend(["cat", "dog", "bird"]))
    ready.save_labels("v0", drawing(), SAMPLE_OF)
    assert ready.drawn("v0") == drawn == content_hash([content.revision for content in drawing()])
    assert ready.revision("v0") != revision
    ready.save_labels("v0", drawing(10, 10, 50, 40.01), SAMPLE_OF)
    assert ready.drawn("v0") != drawn


def test_a_version_is_read_with_the_classes_of_its_time(ready):
    contents = [task(frame(0, "one.jpg", shape(1, "cat"), shape(2, "bird", (60.0, 60.0, 90.0, 90.0))))]
    ready.save_labels("v0", contents, {"one.jpg": "s1"})
    ready.save_schema(ready.schema().extend(["cat", "dog", "bird"]))
    assert ready.label_version("v0").boxes["label"].tolist() == ["cat"]
    assert ready.label_version("v0").schema_version == 1
    assert ready.save_labels("v0", contents, {"one.jpg": "s1"}) is True
    assert ready.label_version("v0").boxes["label"].tolist() == ["cat", "bird"]


def test_labels_that_were_not_taken_yet_say_what_to_do(ready):
    with pytest.raises(MissingStateError, match="Annotate the tasks of v0 in CVAT"):
        ready.label_version("v0")


def test_a_damaged_label_version_is_named_and_taken_anew(ready):
    ready.save_labels("v0", drawing(), SAMPLE_OF)
    path = ready.label_file("v0", ready.revision("v0"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LabelloopError, match=path.name):
        ready.label_version("v0")
    path.unlink()
    assert ready.save_labels("v0", drawing(), SAMPLE_OF) is True
    assert len(ready.label_version("v0").boxes) == 1


def test_labelled_batches_are_those_up_to_an_iteration_whose_labels_are_back(ready):
    assert ready.labelled_batches("v10") == []
    for name in ("v10", "v0", HOLDOUT):
        ready.save_labels(name, drawing(), SAMPLE_OF)
    assert ready.labelled_batches("v10") == ["v0", "v10"]
    assert ready.labelled_batches("v9") == ["v0"]


def test_a_home_that_was_moved_reads_the_same_labels(ready, tmp_path):
    ready.save_labels("v0", drawing(), SAMPLE_OF)
    before = ready.label_version("v0").to_dict()
    moved = ready.root.rename(tmp_path / "elsewhere")
    assert Ledger(replace(ready.home, root=moved)).label_version("v0").to_dict() == before


def test_every_item_is_looked_at_once_to_know_whether_labels_are_new(ready, monkeypatch):
    look, looked = stored_labels.unknown_labels, list[int]()

    def unknown_labels(contents, *classes):
        looked.append(len(contents))
        return look(contents, *classes)

    monkeypatch.setattr(stored_labels, "unknown_labels", unknown_labels)
    assert ready.save_labels("v0", drawing(), SAMPLE_OF) is True
    assert looked == [len(drawing())]
    assert ready.has_these("v0", drawing())
