import numpy as np
import pytest
from PIL import Image

from labelloop.core.pixels import rgb


def pixel(image, at=(0, 0)):
    return rgb(image).getpixel(at)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (1, 1), 1), (255, 255, 255)),
        (Image.new("L", (1, 1), 70), (70, 70, 70)),
        (Image.new("RGB", (1, 1), (1, 2, 3)), (1, 2, 3)),
        (Image.new("RGBA", (1, 1), (1, 2, 3, 255)), (1, 2, 3)),
        (Image.new("RGBA", (1, 1), (1, 2, 3, 0)), (255, 255, 255)),
        (Image.new("LA", (1, 1), (9, 0)), (255, 255, 255)),
        (Image.new("CMYK", (1, 1), (0, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGB", (1, 1), (1, 2, 3)).convert("P", palette=Image.Palette.ADAPTIVE), (1, 2, 3)),
        (Image.fromarray(np.full((1, 1), 0x8000, dtype=np.uint16)), (128, 128, 128)),
        (Image.fromarray(np.full((1, 1), 300, dtype=np.int32)), (0, 0, 0)),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_every_mode_becomes_rgb(image, expected):
    before = image.copy()
    assert pixel(image) == expected
    assert (image.mode, image.size) == (before.mode, before.size)


def test_16_bit_grey_is_not_clipped_to_white():
    image = Image.fromarray(np.array([[0, 0x4000, 0xFFFF]], dtype=np.uint16))
    assert [pixel(image, (x, 0))[0] for x in range(3)] == [0, 64, 255]


def test_float_grey_is_stretched_and_nan_is_black():
    image = Image.fromarray(np.array([[np.nan, 0.0, 0.5, 1.0]], dtype=np.float32))
    assert [pixel(image, (x, 0))[0] for x in range(4)] == [0, 0, 127, 255]


def test_a_transparent_colour_key_counts_as_transparency():
    image = Image.new("RGB", (1, 1), (1, 2, 3))
    image.info["transparency"] = (1, 2, 3)
    assert pixel(image) == (255, 255, 255)
