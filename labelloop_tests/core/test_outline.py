import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from labelloop.core.outline import CLOSED, ROUND, WITH_RINGS, rings_of, shape_of
from labelloop_tests.drawings import ANGLE, POINTS


def rings(kind, points, rotation=0.0):
    return [ring.round(6).tolist() for ring in rings_of(kind, points, rotation)]


def test_a_rectangle_turns_clockwise_about_its_middle():
    assert rings("rectangle", [10, 20, 50, 40]) == [[[10, 20], [50, 20], [50, 40], [10, 40]]]
    assert rings("rectangle", [10, 20, 50, 40], 90.0) == [[[40, 10], [40, 50], [20, 50], [20, 10]]]


def test_an_ellipse_begins_at_its_right_and_goes_through_its_top():
    [ring] = rings_of("ellipse", [50, 60, 80, 20])
    assert len(ring) == ROUND
    assert ring[0].tolist() == [80, 60]
    assert ring[ROUND // 4].round(9).tolist() == [50, 20]
    assert ring[ROUND // 2].round(9).tolist() == [20, 60]
    [turned] = rings_of("ellipse", [50, 60, 80, 20], 90.0)
    assert turned[0].round(9).tolist() == [50, 90]


def test_a_cuboid_is_its_upper_and_lower_ring_and_four_edges():
    upper, lower, *edges = rings("cuboid", list(range(16)))
    assert upper == [[0, 1], [4, 5], [8, 9], [12, 13]]
    assert lower == [[2, 3], [6, 7], [10, 11], [14, 15]]
    assert edges[1] == [[4, 5], [6, 7]]


@pytest.mark.parametrize("kind", WITH_RINGS)
@effort(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_shape_comes_back_from_its_rings_to_within_a_millionth_of_a_pixel(kind, data):
    """Or a billionth of the largest number, where it is far outside; an angle is given, not found out."""
    points, rotation = data.draw(POINTS[kind]), data.draw(ANGLE)
    size = np.array([640.0, 480.0])
    shares = [ring / size for ring in rings_of(kind, points, rotation)]
    again, found = shape_of(kind, [ring * size for ring in shares], rotation)
    assert again == kind
    np.testing.assert_allclose(found, points, rtol=0, atol=max(1e-6, 1e-9 * float(np.abs(points).max())))


@pytest.mark.parametrize("kind", CLOSED)
def test_a_shape_that_people_bent_is_a_polygon(kind):
    points = {"ellipse": [50, 60, 80, 20], "cuboid": list(range(16))}.get(kind, [10, 20, 50, 40])
    bent = [ring.copy() for ring in rings_of(kind, points)]
    bent[0][1] += 5.0
    again, found = shape_of(kind, bent)
    assert again == "polygon"
    np.testing.assert_allclose(found, bent[0].ravel())
    assert shape_of(kind, [bent[0][:3]])[0] == "polygon"


@pytest.mark.parametrize("kind", ["polyline", "points"])
def test_a_line_and_points_that_people_moved_are_what_they_were(kind):
    assert shape_of(kind, [np.array([[1.0, 2.0], [math.pi, 4.0]])]) == (kind, [1.0, 2.0, math.pi, 4.0])
