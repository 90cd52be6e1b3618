from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageColor

from labelloop.adapters.contact_sheet import COLUMNS, PREDICTION, TILE, TRUTH, contact_sheet
from labelloop_tests.core.builders import labels, predictions
from labelloop_tests.pictures import encoded


def sheet(*arguments):
    return Image.open(BytesIO(contact_sheet(*arguments)))


def near(image, colour):
    """How many pixels are about as colourful as this one, in the same direction; JPEG blurs colours."""
    wanted = np.array(ImageColor.getrgb(colour), dtype=float)
    pixels = np.asarray(image.convert("RGB"), dtype=float)
    tint, wanted_tint = pixels - pixels.mean(axis=2, keepdims=True), wanted - wanted.mean()
    return int((tint @ wanted_tint > 0.5 * wanted_tint @ wanted_tint).sum())


@pytest.fixture
def paths(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(encoded(Image.new("RGB", (100, 50), "white"), "JPEG"))
    return {f"s{number}": tmp_path / f"{number}.jpg" for number in range(5)}


@pytest.mark.parametrize(("count", "size"), [(0, (1, 1)), (1, (1, 1)), (COLUMNS, (COLUMNS, 1)), (5, (COLUMNS, 2))])
def test_the_grid_has_a_tile_for_each_image(paths, count, size):
    image = sheet(dict(list(paths.items())[:count]), labels())
    assert image.format == "JPEG"
    assert image.size == (size[0] * TILE, size[1] * TILE)


def test_labels_are_green_and_predictions_orange_on_the_tile_of_their_image(paths):
    truth, found = labels(("s1", "cat", 10, 10, 60, 40)), predictions(("s2", "cat", 10, 10, 60, 40, 0.87))
    image = sheet(paths, truth, found)
    tiles = [image.crop((place * TILE, 0, (place + 1) * TILE, TILE)) for place in range(COLUMNS)]
    assert [near(tile, TRUTH) > 100 for tile in tiles] == [False, True, False, False]
    assert [near(tile, PREDICTION) > 100 for tile in tiles] == [False, False, True, False]


def test_boxes_that_nobody_could_mean_do_not_stop_the_sheet(paths):
    odd = labels(("s0", "ü" * 50, 60, 40, 10, 10), ("s0", "", 5, 5, 5, 5), ("s0", "out", -50, -50, 900, 900))
    assert sheet(paths, odd, predictions()).size == (COLUMNS * TILE, 2 * TILE)
