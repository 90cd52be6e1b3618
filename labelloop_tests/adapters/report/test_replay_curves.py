import importlib
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labelloop.adapters.report.replay_curves import replay_curves, replay_curves_png

ARMS = ("entropy", "random", "zcore")
LABELS = (40, 80, 120)


def points(seeds):
    rng = np.random.default_rng(0)
    turns = [(arm, seed, labels, rng.random()) for arm in ARMS for seed in range(seeds) for labels in LABELS]
    return pd.DataFrame(turns, columns=["arm", "seed", "labels", "map50"])


@pytest.mark.parametrize("seeds", [1, 5])
def test_each_arm_has_a_line_of_its_means_and_a_band_of_one_deviation(seeds):
    known = points(seeds)
    [axes] = replay_curves(known, "random").axes
    assert [line.get_label() for line in axes.lines] == list(ARMS)
    assert len(axes.collections) == len(ARMS)
    for arm, line, band in zip(ARMS, axes.lines, axes.collections, strict=True):
        own = known[known["arm"] == arm].groupby("labels")["map50"]
        middle, off = own.mean().to_numpy(), own.std().fillna(0).to_numpy()
        np.testing.assert_allclose(line.get_xydata(), np.column_stack([LABELS, middle]))
        [path] = band.get_paths()
        for labels, least, most in zip(LABELS, middle - off, middle + off, strict=True):
            at = path.vertices[path.vertices[:, 0] == labels, 1]
            np.testing.assert_allclose((at.min(), at.max()), (least, most))
        assert band.get_facecolor()[0, :3].tolist() == pytest.approx(colour_of(line))


def colour_of(line):
    return importlib.import_module("matplotlib.colors").to_rgb(line.get_color())


def test_what_the_others_are_compared_with_is_grey_and_dashed():
    axes = replay_curves(points(2), "random").axes[0]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--", "-"]
    assert [len(set(colour_of(line))) == 1 for line in axes.lines] == [False, True, False]


def test_the_picture_is_a_png():
    with Image.open(io.BytesIO(replay_curves_png(points(2), "random"))) as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height > 400
