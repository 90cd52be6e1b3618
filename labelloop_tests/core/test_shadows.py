"""Shadows: products that are never too low."""

import numpy as np
import pytest

from labelloop.core.directions import Directions
from labelloop.core.shadows import KEPT, shadows, slack

ROWS = 2100


def spread(rng):
    return rng.standard_normal((ROWS, 300))


def in_a_plane(rng):
    return rng.standard_normal((ROWS, 2)) @ rng.standard_normal((2, 300))


def in_groups(rng):
    return rng.standard_normal((9, 300))[rng.integers(9, size=ROWS)] + 1e-3 * rng.standard_normal((ROWS, 300))


def positive(rng):
    return np.maximum(rng.standard_normal((ROWS, 300)), 0)


def with_zeros(rng):
    rows = spread(rng)
    rows[::3] = 0
    return rows


@pytest.mark.parametrize("kind", [spread, in_a_plane, in_groups, positive, with_zeros])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_the_product_of_shadows_is_at_least_the_cosine(kind, scale):
    rows = Directions((scale * kind(np.random.default_rng(0))).astype(np.float32))
    found = shadows(rows)
    assert found.shape == (ROWS, KEPT + 1)
    unit = rows.exact(slice(0, ROWS))
    above = found @ found.T - unit @ unit.T
    assert above.min() >= -slack()


def test_shadows_tell_much_where_rows_lie_in_few_dimensions():
    rows = Directions(in_a_plane(np.random.default_rng(0)))
    found, unit = shadows(rows), rows.exact(slice(0, ROWS))
    assert np.abs(found @ found.T - unit @ unit.T).max() < 1e-5


@pytest.mark.parametrize("shape", [(0, 512), (1, 512), (2047, 512), (3000, 255)])
def test_few_or_short_rows_cast_none(shape):
    assert shadows(Directions(np.ones(shape))) is None
