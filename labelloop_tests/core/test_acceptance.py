import numpy as np
import pandas as pd
import pytest

from labelloop.core.acceptance import COLUMNS, OUTLINE, came_back, compare, place_of
from labelloop_tests.core.builders import frame, shape, task

BOX = (10.0, 10.0, 50.0, 40.0)
WIDER = (10.0, 10.0, 50.5, 40.5)  # within what drawing tools round
NEAR = (11.0, 10.0, 50.0, 40.0)  # IoU 0.975
MOVED = (20.0, 10.0, 60.0, 40.0)  # IoU 0.6
FAR = (200.0, 200.0, 240.0, 230.0)


def sent(*rows):
    """(shape_id, label, box) of one image."""
    return pd.DataFrame([("s1", number, label, *box) for number, label, box in rows], columns=COLUMNS)


def back(*rows):
    """(shape_id, label, box, source) of one image; a shape that is no upright rectangle has no box."""
    plain = [("s1", number, label, *(box or [np.nan] * 4), source) for number, label, box, source in rows]
    return pd.DataFrame(plain, columns=[*COLUMNS, "source"]).astype(dict.fromkeys(COLUMNS[-4:], float))


def fates(one, other):
    found = compare(one, other)
    return found.sent["fate"].tolist(), found.back["fate"].tolist()


@pytest.mark.parametrize(
    ("came", "of_sent", "of_back"),
    [
        ([(1, "cat", BOX, "auto")], "untouched", ["untouched"]),
        ([(1, "cat", WIDER, "auto")], "untouched", ["untouched"]),
        ([(1, "cat", NEAR, "auto")], "edited", ["edited"]),
        ([(1, "cat", FAR, "manual")], "edited", ["edited"]),
        ([(1, "dog", BOX, "auto")], "edited", ["edited"]),
        ([(1, "cat", None, "auto")], "edited", ["edited"]),
        ([], "deleted", []),
        ([(9, "cat", BOX, "manual")], "untouched", ["untouched"]),
        ([(9, "cat", NEAR, "manual")], "untouched", ["untouched"]),
        ([(9, "cat", MOVED, "manual")], "deleted", ["added"]),
        ([(9, "cat", MOVED, "semi-auto")], "edited", ["edited"]),
        ([(9, "dog", BOX, "auto")], "edited", ["edited"]),
        ([(9, "dog", BOX, "manual")], "deleted", ["added"]),
        ([(9, "cat", FAR, "auto")], "deleted", ["added"]),
        ([(9, "cat", None, "manual")], "deleted", ["added"]),
        ([(9, "cat", NEAR, "manual"), (8, "cat", BOX, "manual")], "untouched", ["added", "untouched"]),
        ([(9, "cat", BOX, "manual"), (1, "cat", FAR, "auto")], "edited", ["added", "edited"]),
    ],
    ids=[
        "left alone", "rounded by the tool", "moved by a pixel", "moved away", "another class", "turned or made a "
        "polygon", "deleted", "saved whole, new id", "drawn again in its place", "drawn anew elsewhere",
        "saved whole after a move", "saved whole with another class", "drawn by hand with another class",
        "an automatic box elsewhere", "a polygon drawn by hand", "the nearest one is it", "the id comes before the "
        "place",
    ],
)  # fmt: skip
def test_what_became_of_a_box_that_was_drawn_beforehand(came, of_sent, of_back):
    assert fates(sent((1, "cat", BOX)), back(*came)) == ([of_sent], of_back)


def outlined(number, kind="polygon", points=(0, 0, 9, 0, 9, 9), rotation=0.0, label="cat"):
    """A shape of one image that is no upright rectangle."""
    place = place_of({"type": kind, "points": list(points), "rotation": rotation})
    return pd.DataFrame([{"sample_id": "s1", "shape_id": number, "label": label, "source": "manual", **place}])


@pytest.mark.parametrize(
    ("came", "of_sent"),
    [
        (outlined(1), "untouched"),
        (outlined(1, points=(0, 0.4, 9, 0, 9, 9)), "untouched"),
        (outlined(1, points=(0, 2, 9, 0, 9, 9)), "edited"),
        (outlined(1, points=(0, 0, 9, 0, 9, 9, 0, 9)), "edited"),
        (outlined(1, kind="polyline"), "edited"),
        (outlined(1, label="dog"), "edited"),
        (outlined(2), "deleted"),
    ],
    ids=["left alone", "rounded by the tool", "a point moved", "a point more", "another kind", "another class", "gone"],
)  # fmt: skip
def test_what_became_of_a_shape_that_is_no_upright_rectangle(came, of_sent):
    assert compare(outlined(1), came).sent["fate"].tolist() == [of_sent]
    assert compare(outlined(1).drop(columns=OUTLINE), outlined(1)).sent["fate"].tolist() == ["edited"]


def test_a_rectangle_that_was_turned_was_edited():
    upright, turned = outlined(1, "rectangle", (1, 1, 9, 5)), outlined(1, "rectangle", (1, 1, 9, 5), rotation=30.0)
    assert compare(upright, turned).sent["fate"].tolist() == ["edited"]
    assert compare(turned, turned).sent["fate"].tolist() == ["untouched"]
    assert compare(upright, outlined(2, "rectangle", (1, 1, 9, 5))).sent["fate"].tolist() == ["untouched"]


def test_a_box_whose_id_was_never_learnt_is_known_by_its_place():
    assert fates(sent((None, "cat", BOX)), back((4, "cat", BOX, "auto")))[0] == ["untouched"]


def test_neighbours_are_told_apart_and_used_once_each():
    one = sent((1, "cat", BOX), (2, "cat", FAR), (3, "dog", BOX))
    other = back((7, "dog", BOX, "auto"), (8, "cat", BOX, "auto"), (9, "cat", BOX, "auto"))
    assert fates(one, other) == (["untouched", "deleted", "untouched"], ["untouched", "untouched", "added"])


def test_boxes_of_another_image_are_no_match():
    other = back((1, "cat", BOX, "auto")).assign(sample_id="s2")
    assert fates(sent((1, "cat", BOX)), other) == (["deleted"], ["added"])


def test_nothing_sent_and_nothing_back_is_an_ordinary_answer():
    found = compare(sent(), back())
    assert (found.acceptance, found.not_drawn, found.provenance()) == (0.0, 0.0, {})
    assert found.by_class(["cat"])["acceptance"].isna().all()
    assert fates(sent(), back((1, "cat", BOX, "manual"))) == ([], ["added"])


def test_the_shares_leave_out_images_that_were_removed():
    one = sent((1, "cat", BOX), (2, "cat", FAR), (3, "dog", MOVED))
    one = pd.concat([one, sent((4, "cat", BOX)).assign(sample_id="gone")])
    other = back((1, "cat", BOX, "auto"), (3, "cat", MOVED, "semi-auto"), (5, "dog", FAR, "manual"))
    found = compare(one, other, ["gone"])
    assert found.acceptance == pytest.approx(1 / 3)
    assert found.not_drawn == pytest.approx(2 / 3)
    assert found.provenance() == {1: "auto", 3: "edited"}
    rows = found.by_class(["cat", "dog", "eel"]).set_index("label")
    assert rows.loc["cat", ["sent", "untouched", "edited", "deleted", "removed", "added"]].tolist() == [
        3,
        1,
        0,
        1,
        1,
        0,
    ]
    assert rows.loc["dog", ["sent", "untouched", "edited", "deleted", "removed", "added"]].tolist() == [
        1,
        0,
        1,
        0,
        0,
        1,
    ]
    assert rows["acceptance"].round(2).tolist()[:2] == [0.5, 0.0]
    assert np.isnan(rows.loc["eel", "acceptance"])


def test_every_box_that_was_sent_has_one_fate():
    random = np.random.default_rng(0)
    corners = random.uniform(0, 80, (60, 2)).round()
    boxes = [(*corner, *(corner + random.integers(5, 30, 2))) for corner in corners]
    names = random.choice(["cat", "dog"], 60)
    one = sent(*[(i, names[i], boxes[i]) for i in range(40)])
    other = back(*[(i + 20 * (i % 2), names[i], boxes[i - 3 * (i % 5 == 0)], "auto") for i in range(10, 60)])
    found = compare(one, other)
    table = found.by_class(["cat", "dog"])
    assert (table["sent"] == table[["untouched", "edited", "deleted", "removed"]].sum(axis=1)).all()
    kept = found.sent["fate"].isin(["untouched", "edited"]).sum()
    assert kept == (found.back["fate"] != "added").sum()
    assert found.acceptance == compare(one.sample(frac=1, random_state=1), other).acceptance


def test_what_came_back_is_read_from_the_shapes_as_the_server_gave_them():
    content = task(
        frame(
            0, "one.jpg", shape(5, "puss", (50, 40, 10, 10)), shape(6, rotation=30.0), tags=[{"id": 1, "label": "x"}]
        ),
        frame(1, "two.jpg", shape(7, type="polygon", points=[0, 0, 9, 0, 9, 9])),
        frame(2, "three.jpg", shape(8), deleted=True),
    )
    names = {"one.jpg": "s1", "two.jpg": "s2", "three.jpg": "s3"}
    found = came_back([content], names, lambda name: "cat" if name == "puss" else name)
    assert found["shape_id"].tolist() == [5, 6, 7]
    assert found.loc[0, COLUMNS[2:]].tolist() == ["cat", 10.0, 10.0, 50.0, 40.0]
    assert found.loc[1:, COLUMNS[3:]].isna().all(axis=None)
    assert len(came_back([], {}, str)) == 0
