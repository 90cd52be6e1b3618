"""Outlines of drawn shapes, and shapes of outlines: rings of points in pixels, y downward.

CVAT keeps a rectangle as two corners, an ellipse as centre, rightmost and topmost point, both turned clockwise by
`rotation` degrees about their centre, and a cuboid as four vertical edges. Whoever shows polygons alone needs them as
rings; `shape_of` is the way back, as far as a ring still is what it was made of.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]  # (N, 2)

ROUND = 32  # points of the outline of an ellipse; a quarter of them is a whole number
TOLERANCE = 1e-3  # pixels by which a ring may differ from that of a shape and still be it
CLOSED = ("rectangle", "ellipse", "polygon", "cuboid")
WITH_RINGS = (*CLOSED, "polyline", "points")


def rings_of(kind: str, points: Sequence[float], rotation: float = 0.0) -> list[Ring]:
    """The rings of a shape; of `points` its points, of a cuboid upper and lower ring and the four edges between.

    Args:
        kind: One of `WITH_RINGS`.
        points: As CVAT has them.
        rotation: In degrees, clockwise; counts for rectangles and ellipses.
    """
    flat = np.asarray(points, dtype=np.float64)
    if kind == "rectangle":
        x1, y1, x2, y2 = flat
        return [_turned(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]), rotation)]
    if kind == "ellipse":
        x, y, right, top = flat
        angles = np.arange(ROUND) * (2 * math.pi / ROUND)
        return [_turned(np.column_stack([x + (right - x) * np.cos(angles), y + (top - y) * np.sin(angles)]), rotation)]
    if kind == "cuboid":
        edges = flat.reshape(4, 2, 2)
        return [edges[:, 0], edges[:, 1], *edges]
    return [flat.reshape(-1, 2)]


def shape_of(kind: str, rings: Sequence[Ring], rotation: float = 0.0) -> tuple[str, list[float]]:
    """Kind and points of the shape that some rings are; where they are no such shape any more, of a polygon.

    Args:
        kind: What they were made of.
        rings: As `rings_of` gave them, or changed since.
        rotation: As it was then.
    """
    points = _points(kind, rings, rotation)
    if points is None or not _same(rings, rings_of(kind, points.tolist(), rotation)):
        return ("polygon" if kind in CLOSED else kind), [float(value) for value in np.asarray(rings[0]).ravel()]
    return kind, [float(value) for value in points]


def _points(kind: str, rings: Sequence[Ring], rotation: float) -> Ring | None:
    """The points of the shape that could have these rings; None where none could."""
    first = np.asarray(rings[0], dtype=np.float64)
    if kind == "rectangle":
        return None if len(first) != 4 else np.ravel(_turned(first, -rotation)[[0, 2]])
    if kind == "ellipse":
        if len(first) != ROUND:
            return None
        upright = _turned(first, -rotation)
        middle = (upright[0] + upright[ROUND // 2]) / 2
        return np.array([*middle, upright[0, 0], upright[ROUND // 4, 1]])
    if kind == "cuboid":
        both = len(rings) > 1 and len(first) == len(rings[1]) == 4
        return np.stack([first, rings[1]], axis=1).ravel() if both else None
    return np.ravel(first)


def _turned(ring: Ring, degrees: float) -> Ring:
    """A ring turned clockwise about its middle, which is that of its first point and the one opposite."""
    if not degrees % 360.0:
        return ring
    middle = (ring[0] + ring[len(ring) // 2]) / 2
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return np.asarray((ring - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle)


def _same(first: Sequence[Ring], second: Sequence[Ring]) -> bool:
    if [len(ring) for ring in first] != [len(ring) for ring in second]:
        return False
    return all(np.allclose(one, other, rtol=1e-9, atol=TOLERANCE) for one, other in zip(first, second, strict=True))
