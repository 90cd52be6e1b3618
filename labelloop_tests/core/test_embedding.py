import numpy as np
import pytest
from PIL import Image

from labelloop.core.embedding import hog_hsv


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
