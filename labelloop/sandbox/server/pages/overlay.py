"""What is drawn on a frame, as SVG that lies over the picture."""

from collections.abc import Mapping, Sequence

from labelloop.sandbox.server.pages.markup import Safe, join, tag
from labelloop.sandbox.server.store import Row

LINE_SHARE = 250  # the longer side of a picture, in widths of a line
TEXT_SHARE = 32  # and in heights of a letter


def drawing(frame: Row, shapes: Sequence[Row], labels: Mapping[int, Row]) -> Safe:
    """The shapes of a frame, each in its label's colour and with its name."""
    longer = max(frame["width"], frame["height"])
    line, letter = longer / LINE_SHARE, longer / TEXT_SHARE
    drawn = [_shape(shape, labels[shape["label_id"]], line, letter) for shape in shapes]
    return tag("svg", *drawn, viewBox=f"0 0 {frame['width']} {frame['height']}", preserveAspectRatio="none")


def swatch(color: str) -> Safe:
    """A patch of a label's colour."""
    return tag("svg", tag("circle", cx=5, cy=5, r=5, fill=color), viewBox="0 0 10 10")


def _shape(shape: Row, label: Row, line: float, letter: float) -> Safe:
    points = [float(value) for value in shape["points"]]
    pen = {"fill": label["color"], "fill_opacity": 0.12, "stroke": label["color"], "stroke_width": f"{line:.2f}"}
    left, top = _corner(shape["type"], points)
    name = tag("text", label["name"], x=f"{left:.1f}", y=f"{max(top - line, letter):.1f}", font_size=f"{letter:.1f}",
               stroke_width=f"{letter / 8:.2f}")  # fmt: skip
    return join([_outline(shape["type"], points, shape["rotation"], pen), name])


def _outline(kind: str, points: Sequence[float], rotation: float, pen: dict[str, str | float]) -> Safe:
    if kind == "ellipse":
        x, y, right, top = points
        return tag("ellipse", cx=x, cy=y, rx=abs(right - x), ry=abs(y - top), **pen)
    if kind in ("rectangle", "mask"):
        left, top, right, bottom = points[-4:]
        turn = f"rotate({rotation} {(left + right) / 2} {(top + bottom) / 2})"
        return tag(
            "rect", x=left, y=top, width=max(0, right - left), height=max(0, bottom - top), transform=turn, **pen
        )
    pairs = " ".join(f"{x},{y}" for x, y in zip(points[::2], points[1::2], strict=False))
    if kind == "polyline":
        return tag("polyline", points=pairs, **{**pen, "fill": "none"})
    if kind == "points":
        return join(tag("circle", cx=x, cy=y, r=4, **pen) for x, y in zip(points[::2], points[1::2], strict=False))
    return tag("polygon", points=pairs, **pen)


def _corner(kind: str, points: Sequence[float]) -> tuple[float, float]:
    """Where a shape's name is written."""
    if kind == "mask":
        points = points[-4:]
    if kind == "ellipse":
        return points[0], points[3]
    return (min(points[::2]), min(points[1::2])) if points else (0, 0)
