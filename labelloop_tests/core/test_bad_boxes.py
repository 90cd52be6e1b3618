import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelloop.core.bad_boxes import bad_boxes
from labelloop.core.boxes import CORNERS
from labelloop.core.vocabulary import Quarantine
from labelloop_tests.core.builders import labels

SIZES = {"a": (640, 480), "b": (100, 100)}


def found(*rows):
    return [(index, row.reason) for index, row in bad_boxes(labels(*rows), SIZES).iterrows()]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([("a", "cat", 10, 10, 50, 40)], []),
        ([("a", "cat", 10, 10, 10, 40)], [(0, Quarantine.DEGENERATE)]),
        ([("a", "cat", 10, 10, 10.9, 40)], [(0, Quarantine.DEGENERATE)]),
        ([("a", "cat", 10, 10, 11, 11)], []),  # one pixel is a box
        ([("a", "cat", 50, 40, 10, 10)], []),  # drawn from the lower right corner
        ([("a", "cat", -1, 0, 641, 481)], []),  # a pixel of rounding
        ([("a", "cat", -1.5, 0, 640, 480)], [(0, Quarantine.OUT_OF_FRAME)]),
        ([("b", "cat", 10, 10, 90, 102)], [(0, Quarantine.OUT_OF_FRAME)]),  # each image has its own size
        ([("a", "cat", 700, 10, 800, 50)], [(0, Quarantine.OUT_OF_FRAME)]),
        ([("a", "cat", -50, 10, -50, 50)], [(0, Quarantine.DEGENERATE)]),  # the first reason that holds
        ([("a", "cat", 10, 10, 50, 40)] * 2, [(1, Quarantine.DUPLICATE)]),
        ([("a", "cat", 10, 10, 50, 40), ("a", "dog", 10, 10, 50, 40)], []),  # another class
        ([("a", "cat", 10, 10, 50, 40), ("b", "cat", 10, 10, 50, 40)], []),  # another image
        ([("a", "cat", 10, 10, 50, 50), ("a", "cat", 10, 10, 50, 42)], []),  # IoU 0.8 is not above it
        ([("a", "cat", 10, 10, 50, 50), ("a", "cat", 10, 10, 50, 43)], [(1, Quarantine.DUPLICATE)]),
        ([("a", "cat", 10, 10, 10, 40)] * 2, [(0, Quarantine.DEGENERATE), (1, Quarantine.DEGENERATE)]),
    ],
)
def test_bad_boxes(rows, expected):
    assert found(*rows) == [(index, str(reason)) for index, reason in expected]


def test_of_boxes_drawn_twice_the_first_drawn_stays():
    rows = labels(*[("a", "cat", 10, 10, 50, 40)] * 3).assign(shape_id=[30, 10, 20])
    assert bad_boxes(rows, SIZES)["shape_id"].tolist() == [30, 20]


def test_a_chain_of_shifted_boxes_is_not_one_object():
    chain = [("a", "cat", 10 + 2 * step, 10, 50 + 2 * step, 50) for step in range(6)]
    assert [index for index, _ in found(*chain)] == [1, 2, 4, 5]


@pytest.mark.parametrize("seed", range(8))
def test_copies_are_found_among_many_boxes_of_many_images_in_any_order(seed):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 400, (60, 2)) + np.array([[0, 0], [3, 2], [7, 0]])[rng.integers(0, 3, (60,))]
    places = places[rng.integers(0, 60, 200)] + rng.integers(0, 6, (200, 2))  # clusters, and chains within them
    drawn = [(str(rng.choice(["a", "c"])), str(rng.choice(["cat", "dog"])), x, y, x + 40, y + 40) for x, y in places]
    rows = labels(*drawn).assign(shape_id=rng.permutation(200))
    rows.loc[4, ["sample_id", *CORNERS]] = rows.loc[3, ["sample_id", *CORNERS]]
    rows.loc[[3, 4], "label"] = None  # one and the same box, but of what?
    kept: list[Any] = []
    for row in rows.sort_values("shape_id").itertuples():
        same = [each for each in kept if each.sample_id == row.sample_id and each.label == row.label]
        if not any(_overlap(row, each) > 0.8 for each in same):
            kept.append(row)
    expected = {*rows.index} - {row.Index for row in kept}
    assert len(expected) > 20
    assert {*bad_boxes(rows, SIZES | {"c": (640, 480)}).index} == expected


def _overlap(one: Any, other: Any) -> float:
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    shared = max(width, 0) * max(height, 0)
    return shared / (3200 - shared)


def test_rows_keep_their_index_and_columns():
    rows = labels(("a", "cat", 10, 10, 50, 40), ("a", "cat", 5, 5, 5, 5)).assign(note=["x", "y"])
    rows.index = [70, 80]
    bad = bad_boxes(rows, SIZES)
    assert bad.index.tolist() == [80]
    assert bad.columns.tolist() == [*rows.columns, "reason"]


KNOWN_IN_BCCD = {
    "BloodImage_00338": Quarantine.DEGENERATE, "BloodImage_00343": Quarantine.DEGENERATE,
    "BloodImage_00013": Quarantine.DUPLICATE, "BloodImage_00020": Quarantine.DUPLICATE,
    "BloodImage_00100": Quarantine.DUPLICATE, "BloodImage_00104": Quarantine.DUPLICATE,
    "BloodImage_00251": Quarantine.DUPLICATE, "BloodImage_00284": Quarantine.DUPLICATE,
    "BloodImage_00331": Quarantine.DUPLICATE, "BloodImage_00403": Quarantine.DUPLICATE,
}  # fmt: skip


def voc_boxes(folder: Path):
    rows, sizes = [], {}
    for path in sorted(folder.glob("*.xml")):
        root = ET.parse(path).getroot()  # noqa: S314 - a published data set
        sizes[path.stem] = (float(root.findtext("size/width")), float(root.findtext("size/height")))
        for item in root.iter("object"):
            corners = (float(item.findtext(f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax"))
            rows.append((path.stem, item.findtext("name"), *corners))
    return labels(*rows), sizes


def test_the_ten_bad_boxes_of_bccd_are_found_and_no_other():
    folder = Path(os.environ.get("LABELLOOP_TEST_DATA", "")) / "bccd" / "annotations"
    if not os.environ.get("LABELLOOP_TEST_DATA") or not folder.is_dir():
        pytest.skip("LABELLOOP_TEST_DATA has no bccd/annotations")
    boxes, sizes = voc_boxes(folder)
    bad = bad_boxes(boxes, sizes)
    assert len(boxes) == 4888
    assert len(bad) == 10
    assert dict(zip(bad["sample_id"], bad["reason"], strict=True)) == {k: str(v) for k, v in KNOWN_IN_BCCD.items()}
