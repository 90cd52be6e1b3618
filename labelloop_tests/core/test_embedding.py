import numpy as np
import pytest
from PIL import Image

from labelloop.core.embedding import hog_hsv, map_2d
from labelloop_tests.core.builders import unit_rows


def picture(seed=0, size=(640, 480)):
    tiny = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(tiny).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (37, 20)])
def test_every_image_has_a_finite_unit_vector(mode, size):
    vector = hog_hsv(Image.new(mode, size))
    assert vector.shape == (388,)
    assert vector.dtype == np.float32
    assert np.isclose(np.linalg.norm(vector), 1.0, atol=1e-5)


def test_the_image_is_not_changed_and_the_vector_is_the_same_each_time():
    image = picture()
    before = np.asarray(image).copy()
    np.testing.assert_array_equal(hog_hsv(image), hog_hsv(image))
    np.testing.assert_array_equal(np.asarray(image), before)


def test_a_smaller_copy_is_more_similar_than_another_picture():
    image = picture(1)
    copy = float(hog_hsv(image) @ hog_hsv(image.resize((320, 240))))
    others = [float(hog_hsv(image) @ hog_hsv(picture(seed))) for seed in range(2, 8)]
    assert copy > 0.99
    assert max(others) < copy - 0.03


def test_colour_and_shape_both_count():
    image = picture(1)
    red, green, blue = image.split()
    recoloured = Image.merge("RGB", (blue, red, green))
    turned = image.transpose(Image.Transpose.ROTATE_180)
    for other in (recoloured, turned):
        assert float(hog_hsv(image) @ hog_hsv(other)) < 0.98


def test_hue_is_a_circle():
    """Two reds on either side of hue 0 are closer than red and green."""
    red, crimson, green = (
        hog_hsv(Image.new("RGB", (8, 8), colour)) for colour in ((255, 30, 0), (255, 0, 30), (0, 255, 0))
    )
    assert float(red @ crimson) > float(red @ green) + 0.1


@pytest.mark.parametrize(
    ("rows", "fitted"),
    [(np.zeros((0, 5)), []), (np.ones((1, 5)), [True]), (np.ones((3, 5)), [False] * 3), (np.ones((3, 5)), [True] * 3)],
)
def test_a_map_of_nearly_nothing_is_zeros(rows, fitted):
    points = map_2d(rows, fitted, 0)
    np.testing.assert_array_equal(points, np.zeros((len(rows), 2), dtype=np.float32))


def test_a_map_of_one_dimension_is_a_line():
    points = map_2d(np.arange(5.0)[:, None], [True] * 5, 0)
    assert (np.diff(points[:, 0]) > 0).all()
    assert not points[:, 1].any()


def test_held_out_rows_are_placed_and_never_fitted_on():
    """Defect (m) of the published guides: the map sees the test set."""
    rows = unit_rows(60, 12)
    fitted = np.arange(60) < 40
    changed = rows.copy()
    changed[~fitted] *= 1000.0
    one, two = map_2d(rows, fitted, 0), map_2d(changed, fitted, 0)
    np.testing.assert_array_equal(one[fitted], two[fitted])
    assert one[~fitted].any(axis=1).all()
    np.testing.assert_allclose(one[fitted].mean(axis=0), 0.0, atol=1e-5)


def test_a_map_does_not_flip():
    rows = unit_rows(50, 8)
    straight, mirrored = map_2d(rows, np.ones(50), 0), map_2d(rows[::-1], np.ones(50), 0)[::-1]
    np.testing.assert_allclose(straight, mirrored, atol=1e-4)


def test_the_strongest_direction_points_right():
    falling = -np.arange(20.0)
    noise = np.random.default_rng(1).normal(scale=5.0, size=(20, 3))
    points = map_2d(np.column_stack([falling, noise + falling[:, None]]), [True] * 20, 0)
    assert np.corrcoef(points[:, 0], falling)[0, 1] > 0.9


def test_more_columns_than_needed_still_give_two():
    assert map_2d(unit_rows(3, 500), [True, True, False], 0).shape == (3, 2)
