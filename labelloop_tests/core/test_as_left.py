from dataclasses import replace

import numpy as np
import pytest

from labelloop.core.as_left import refuse_unlike, state
from labelloop.core.errors import LabelError
from labelloop.core.shape_labels import ShapeLabel
from labelloop.core.vocabulary import Field

RING = np.array([[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]])
ABOUT = {"type": "polygon", "task_id": 1, "shape_id": 5, "occluded": True, "z_order": 2, "rotation": 0.0}
OUTLINE = ShapeLabel("s0", Field.HUMAN_POLYLINES, "cat", (RING,), closed=True, about=ABOUT, said={"hue": "red"})
BOX = ShapeLabel("s0", Field.HUMAN_LABELS, "cat", box=(0.1, 0.1, 0.2, 0.2), about={"type": "rectangle", "shape_id": 7})
MASK = replace(BOX, shown_in=Field.HUMAN_SHAPES, mask=np.array([[True, False]]), about={"type": "mask", "shape_id": 8})
BODY = ShapeLabel(
    "s0", Field.HUMAN_KEYPOINTS, "cat", (np.array([[0.1, 0.1], [np.nan, np.nan]]),),
    about={"type": "skeleton", "shape_id": 9, "parts": ["a", "b"], "visibility": [2, 0]},
)  # fmt: skip
SKY = ShapeLabel("s0", Field.HUMAN_TAGS, "night", about={"type": "tag", "shape_id": 3})
ALL = [OUTLINE, BOX, MASK, BODY, SKY]


def known(_):
    return {"hue"}


def with_about(label, **about):
    return replace(label, about={**label.about, **about})


def test_labels_that_would_come_back_as_they_are_pass_in_any_order():
    refuse_unlike(ALL, [replace(each) for each in reversed(ALL)], known)
    drawn = ShapeLabel("s0", Field.HUMAN_SHAPES, "cat", box=(0.1, 0.1, 0.2, 0.2))
    refuse_unlike([drawn], [with_about(BOX, occluded=False, source="manual")], known)
    refuse_unlike([replace(OUTLINE, said={"hue": "red", "of another class": "x"})], [OUTLINE], known)
    refuse_unlike([with_about(MASK, set_aside="why")], [MASK], known)


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (OUTLINE, replace(OUTLINE, label="dog")),
        (OUTLINE, replace(OUTLINE, rings=(RING + 0.01,))),
        (OUTLINE, replace(OUTLINE, rings=(RING, RING))),
        (OUTLINE, replace(OUTLINE, closed=False)),
        (OUTLINE, replace(OUTLINE, said={})),
        (OUTLINE, replace(OUTLINE, sample_id="s1")),
        (OUTLINE, with_about(OUTLINE, occluded=False)),
        (OUTLINE, with_about(OUTLINE, z_order=0)),
        (OUTLINE, with_about(OUTLINE, type="ellipse")),
        (with_about(BOX, source="file"), with_about(BOX, source="manual")),
        (BOX, replace(BOX, box=(0.1, 0.1, 0.2, 0.3))),
        (BOX, MASK),
        (MASK, replace(MASK, mask=np.array([[True, True]]))),
        (BODY, with_about(BODY, visibility=[1, 0])),
        (BODY, replace(BODY, rings=(np.array([[0.1, 0.1], [0.2, 0.2]]),))),
        (SKY, replace(SKY, label="day")),
    ],
)
def test_a_label_that_would_be_another_is_refused_by_name(left, found):
    with pytest.raises(
        LabelError, match=rf"'{left.label}' \({left.about['type']} \d\) on sample s0 .* cannot go to CVAT"
    ):
        refuse_unlike([left], [found], known)


def test_why_it_would_be_another_is_said_where_it_would_be_set_aside():
    old = with_about(replace(MASK, mask=None), set_aside="of old", shape_id=1)
    with pytest.raises(LabelError, match=r"\(rectangle 7\).*as it is: it would be set aside \(no area\)"):
        refuse_unlike([BOX, old], [old, with_about(BOX, set_aside="no area")], known)
    with pytest.raises(LabelError, match=r"cannot go to CVAT as it is\. Undo"):
        refuse_unlike([BOX, old], [old], known)


def test_what_nobody_left_must_not_be_there():
    with pytest.raises(LabelError, match="cannot be taken away from the App alone"):
        refuse_unlike([BOX], [BOX, OUTLINE], known)


def test_each_label_counts_once():
    with pytest.raises(LabelError, match="cannot go to CVAT"):
        refuse_unlike([BOX, BOX], [BOX], known)


@pytest.mark.parametrize(
    "other",
    [
        replace(OUTLINE, label="dog"), replace(OUTLINE, rings=(RING + 1e-9,)), replace(OUTLINE, said={}),
        with_about(OUTLINE, occluded=False), with_about(OUTLINE, shape_id=6), replace(OUTLINE, closed=False),
    ],
)  # fmt: skip
def test_whatever_changes_on_a_label_changes_the_state_of_its_field_and_no_other(other):
    fields = [Field.HUMAN_POLYLINES, Field.HUMAN_LABELS]
    one, two = (state([BOX, label], ["s0", "s1"], fields) for label in (OUTLINE, other))
    assert one["s0"]["human_polylines"] != two["s0"]["human_polylines"]
    assert (one["s0"]["human_labels"], one["s1"]) == (two["s0"]["human_labels"], two["s1"])


def test_the_order_of_labels_does_not_count():
    assert state(ALL, ["s0"], list(Field)) == state(ALL[::-1], ["s0"], list(Field))
