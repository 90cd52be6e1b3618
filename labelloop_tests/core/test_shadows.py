"""Shadows: products that are never too low."""

import numpy as np
import pytest

from labelloop.core.directions import Directions
from labelloop.core.shadows import KEPT, space_of
from labelloop_tests.core.builders import POOLS

ROWS = 2100


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize(("dims", "scale"), [(256, 1.0), (300, 1e-20), (512, 1e20), (2048, 1.0)])
def test_the_product_of_shadows_is_at_least_the_cosine(kind, dims, scale):
    rows = Directions((scale * POOLS[kind](np.random.default_rng(0), ROWS, dims)).astype(np.float32))
    space = space_of(rows)
    found = space.shadows(rows)
    assert found.shape == (ROWS, KEPT + 1)
    unit = rows.exact(slice(0, ROWS))
    above = found @ found[::2].T - unit @ unit[::2].T
    assert above.min() >= -space.slack
    lit = rows.any(slice(0, ROWS))
    assert ((found[lit].astype(float) ** 2).sum(axis=1) > 1).all()
    assert not found[~lit].any()
    axes = np.linalg.qr(space.axes.astype(float))[0]
    assert (found[:, KEPT] >= np.linalg.norm(unit - unit @ axes @ axes.T, axis=1)).all()


def test_shadows_tell_much_where_rows_lie_in_few_dimensions():
    rows = Directions(POOLS["in a plane"](np.random.default_rng(0), ROWS, 300))
    space, unit = space_of(rows), rows.exact(slice(0, ROWS))
    found = space.shadows(rows)
    assert np.abs(found @ found.T - unit @ unit.T).max() < 2 * space.slack < 2e-3


def test_some_rows_cast_the_shadows_that_they_cast_among_all():
    rows = Directions(POOLS["spread"](np.random.default_rng(0), ROWS, 300))
    space = space_of(rows)
    np.testing.assert_allclose(space.shadows(rows, slice(5, 90)), space.shadows(rows)[5:90], atol=space.slack)


@pytest.mark.parametrize("shape", [(0, 512), (1, 512), (2047, 512), (3000, 255)])
def test_few_or_short_rows_cast_none(shape):
    assert space_of(Directions(np.ones(shape))) is None
