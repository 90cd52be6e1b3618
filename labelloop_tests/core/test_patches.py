import numpy as np
import pandas as pd
import pytest

from labelloop.core.patches import EDGES, patches, sample_of

SAMPLES = pd.DataFrame({"sample_id": ["a", "b"], "width": [100, 20], "height": [50, 10]})
COLUMNS = ["sample_id", "label", "x1", "y1", "x2", "y2"]


def cut(*boxes):
    return patches(pd.DataFrame(list(boxes), columns=COLUMNS), SAMPLES)


@pytest.mark.parametrize(
    ("box", "edges"),
    [
        ((10.0, 5.0, 20.0, 15.0), [10, 5, 20, 15]),
        ((10.2, 5.9, 19.1, 14.5), [10, 5, 20, 15]),  # every pixel that it touches
        ((20.0, 15.0, 10.0, 5.0), [10, 5, 20, 15]),  # drawn from the other corner
        ((-8.0, -3.0, 300.0, 400.0), [0, 0, 100, 50]),
        ((7.0, 7.0, 7.0, 7.0), [7, 7, 8, 8]),  # no area is still a pixel
        ((100.0, 50.0, 100.0, 50.0), [99, 49, 100, 50]),
        ((150.0, -9.0, 180.0, -2.0), [99, 0, 100, 1]),
    ],
)
def test_a_patch_is_all_pixels_that_its_box_touches_inside_the_image(box, edges):
    found = cut(("a", "cat", *box))
    assert found[EDGES].to_numpy().tolist() == [edges]


def test_no_boxes_give_no_patches():
    found = cut()
    assert list(found.columns) == [*COLUMNS, *EDGES, "patch_id"]
    assert not len(found)


def test_boxes_keep_their_order_and_what_is_said_of_them_and_unknown_images_are_left_out():
    found = cut(("b", "cat", 1, 1, 5, 5), ("gone", "cat", 1, 1, 5, 5), ("a", "dog", 1, 1, 5, 5))
    assert found[["sample_id", "label"]].to_numpy().tolist() == [["b", "cat"], ["a", "dog"]]


def test_the_id_follows_from_image_and_pixels_alone():
    found = cut(
        ("a", "cat", 10, 5, 20, 15), ("a", "dog", 10.3, 5.3, 19.7, 14.7), ("a", "cat", 11, 5, 20, 15),
        ("b", "cat", 10, 5, 20, 15),
    )  # fmt: skip
    names = list(found["patch_id"])
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert [sample_of(name) for name in names] == ["a", "a", "a", "b"]


def test_a_box_that_went_through_shares_of_the_image_is_still_the_same_patch():
    rng = np.random.default_rng(0)
    samples = pd.DataFrame({"sample_id": [str(n) for n in range(300)], "width": 641, "height": 479})
    near = rng.integers(0, 400, (300, 2)).astype(float)
    box = np.hstack([near, near + rng.integers(1, 79, (300, 2))])
    size = np.array([641.0, 479.0])
    there = np.hstack([box[:, :2] / size, (box[:, 2:] - box[:, :2]) / size])
    back = np.hstack([there[:, :2] * size, there[:, :2] * size + there[:, 2:] * size])
    assert (back != box).any()
    named = [
        patches(pd.DataFrame(each, columns=COLUMNS[2:]).assign(sample_id=samples["sample_id"]), samples)["patch_id"]
        for each in (box, back)
    ]
    assert list(named[0]) == list(named[1])
