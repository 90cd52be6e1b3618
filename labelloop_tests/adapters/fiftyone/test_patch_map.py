"""The map of boxes as FiftyOne has it: every point is that of the label with these pixels, whatever its order."""

import numpy as np
import pandas as pd

from labelloop.adapters.fiftyone.patch_map import show_patch_map
from labelloop.core.patches import patches
from labelloop.core.vocabulary import PATCH_VIZ, Field, predictions_field

COLUMNS = ["sample_id", "label", "x1", "y1", "x2", "y2"]
SAMPLES = pd.DataFrame({"sample_id": ["a", "b", "c"], "width": [101, 77, 50], "height": [53, 99, 50]})
DRAWN = pd.DataFrame(
    [("b", "cat", 3, 4, 30, 40), ("a", "dog", 1.5, 2, 9, 9), ("a", "cat", 10, 10, 20.25, 30), ("b", "dog", 0, 0, 7, 7)],
    columns=COLUMNS,
)
PREDICTED = pd.DataFrame([("c", "cat", 5, 5, 25, 25)], columns=COLUMNS).assign(score=0.5)
FIELDS = [str(Field.HUMAN_LABELS), predictions_field("v0")]


def shown(dataset, key, field):
    """Place by sample and label, as the App reads it."""
    results = dataset.load_brain_results(key)
    names = dict(
        zip(
            [one for own in dataset.values(f"{field}.detections.id") for one in own or []],
            [
                (sample_id, label)
                for sample_id, own in zip(
                    dataset.values("sample_id"), dataset.values(f"{field}.detections.label"), strict=True
                )
                for label in own or []
            ],
            strict=True,
        )
    )
    return {names[one]: place.tolist() for one, place in zip(results.label_ids, results.points, strict=True)}


def filled(loop):
    loop.add_samples(SAMPLES, {name: f"/nowhere/{name}.jpg" for name in "abc"})
    loop.set_boxes(FIELDS[0], DRAWN, SAMPLES, ["a", "b", "c"])
    loop.set_boxes(FIELDS[1], PREDICTED, SAMPLES, ["c"])
    boxes = pd.concat([patches(DRAWN, SAMPLES), patches(PREDICTED, SAMPLES)], ignore_index=True)
    return {name: np.array([row, -row], dtype=float) for row, name in enumerate(boxes["patch_id"])}


def test_each_label_lies_where_its_patch_lies_and_one_that_is_not_embedded_nowhere(loop):
    points = filled(loop)
    show_patch_map(loop, FIELDS, SAMPLES, points)
    assert shown(loop.dataset, PATCH_VIZ, FIELDS[0]) == {
        ("b", "cat"): [0, 0], ("a", "dog"): [1, -1], ("a", "cat"): [2, -2], ("b", "dog"): [3, -3],
    }  # fmt: skip
    assert shown(loop.dataset, f"{PATCH_VIZ}_predictions_v0", FIELDS[1]) == {("c", "cat"): [4, -4]}
    del points[next(iter(points))]
    show_patch_map(loop, FIELDS[:1], SAMPLES, points)
    assert set(shown(loop.dataset, PATCH_VIZ, FIELDS[0])) == {("a", "dog"), ("a", "cat"), ("b", "dog")}
    assert loop.dataset.list_brain_runs() == [PATCH_VIZ]  # those of before are gone


def test_a_workspace_opens_it_coloured_by_class(loop):
    show_patch_map(loop, FIELDS, SAMPLES, filled(loop))
    images, panel = loop.dataset.load_workspace(PATCH_VIZ).children
    state = panel.children[0].state
    assert (images.children[0].type, state["brainResult"]) == ("Samples", PATCH_VIZ)
    assert state["colorByField"] == "human_labels.detections.label"


def test_without_boxes_there_is_no_map(loop):
    loop.add_samples(SAMPLES, {name: f"/nowhere/{name}.jpg" for name in "abc"})
    show_patch_map(loop, FIELDS, SAMPLES, {})
    assert loop.dataset.list_brain_runs() == []
    assert loop.dataset.list_workspaces() == []


def test_where_no_box_has_a_place_any_more_the_map_of_before_and_its_workspace_are_gone(loop):
    show_patch_map(loop, FIELDS, SAMPLES, filled(loop))
    assert loop.dataset.has_workspace(PATCH_VIZ)
    show_patch_map(loop, FIELDS, SAMPLES, {})
    assert loop.dataset.list_brain_runs() == []
    assert loop.dataset.list_workspaces() == []
