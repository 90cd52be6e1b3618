"""Charts as SVG: drawn with the colours of the page, so that they follow its light and dark."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from labelloop.adapters.report.markup import Safe, tag
from labelloop.core.summary import Turn

WIDTH, HEIGHT = 640.0, 340.0
CLASSES_HEIGHT = 520.0  # beside the curve and its table
MAP_SIZE = (1180.0, 460.0)
LEFT, RIGHT, TOP, BOTTOM = 46.0, 22.0, 24.0, 44.0
MOST_DOTS = 4000  # of each group on the map; more is one blot, and megabytes
SERIES = 8  # colours of the style sheet


@dataclass(frozen=True)
class Scale:
    """From a range of values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)


def learning_curve(turns: Sequence[Turn]) -> Safe:
    """How mAP grows with the labels used."""
    labels = [turn.labels_used for turn in turns]
    room = max(10.0, (max(labels) - min(labels)) * 0.08)
    x = Scale(min(labels) - room, max(labels) + room, LEFT, WIDTH - RIGHT)
    y = Scale(0.0, min(1.0, math.ceil(max(turn.map50 for turn in turns) * 5 + 0.3) / 5), HEIGHT - BOTTOM, TOP)
    ticks = [tick / 10 for tick in range(0, 11, 2) if tick / 10 <= y.high + 1e-9]
    grid = [mark for tick in ticks for mark in _grid_line(y(tick), f"{tick:.1f}")]
    names = [_text(x(t.labels_used), HEIGHT - BOTTOM + 18, f"{t.labels_used} · {t.iteration}") for t in turns]
    lines = [
        _series([(x(t.labels_used), y(t.map50)) for t in turns], [f"{t.map50:.3f}" for t in turns], 0),
        _series([(x(t.labels_used), y(t.map50_95)) for t in turns], [f"{t.map50_95:.3f}" for t in turns], 1),
    ]
    # Left and right of such a line the figures do not compare: val had other images or classes.
    breaks = [(x(a.labels_used) + x(b.labels_used)) / 2 for a, b in pairwise(turns) if a.yardstick != b.yardstick]
    lines += [tag("g", tag("title", "val changed"), _line(at, TOP, at, HEIGHT - BOTTOM, "break")) for at in breaks]
    title = _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "labels used, hold-out included", class_="axis")
    return _svg("Learning curve: mAP over labels", *grid, *names, *lines, title)


def learning_curve_image(turns: Sequence[Turn]) -> str:
    """The learning curve as an SVG image of its own, with what it takes from the style sheet inside."""
    return tag(
        "svg",
        tag("style", Safe(f"{style_sheet()} svg {{ background: var(--card); font-family: system-ui, sans-serif }}")),
        _text(LEFT, 12, "mAP50", "start", "key s0"),
        _text(LEFT + 60, 12, "mAP50-95", "start", "key s1"),
        learning_curve(turns),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 -8 {WIDTH:g} {HEIGHT + 8:g}",
        width=WIDTH,
    )


def style_sheet() -> str:
    """Colours and lines of the report."""
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def class_bars(counts: pd.DataFrame, colours: Mapping[str, str]) -> Safe:
    """Boxes of each class, a bar of its own for each batch."""
    most = max(1, int(counts.to_numpy().max(initial=0)))
    y = Scale(0.0, most * 1.1, CLASSES_HEIGHT - BOTTOM, TOP)
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(counts))
    bar = min(26.0, slot * 0.82 / max(1, len(counts.columns)))
    marks = [mark for tick in _round_ticks(most) for mark in _grid_line(y(tick), str(tick))]
    for row, (name, boxes) in enumerate(counts.iterrows()):
        middle = LEFT + slot * (row + 0.5)
        for column, (batch, count) in enumerate(boxes.items()):
            left = middle + (column - len(boxes) / 2) * bar
            height = y(0) - y(count)
            marks.append(_bar(left, y(count), bar, height, colours[str(batch)], f"{name}, {batch}: {count}"))
            if bar >= 14:
                marks.append(_text(left + bar / 2, y(count) - 4, str(count), class_="small"))
        marks.append(_text(middle, CLASSES_HEIGHT - BOTTOM + 18, str(name)[: max(4, int(slot / 8))]))
    return _svg("Boxes by class and batch", *marks, height=CLASSES_HEIGHT)


def _round_ticks(most: int) -> range:
    """Some four round numbers up to the largest."""
    size = 10 ** math.floor(math.log10(max(most / 4, 1)))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * 5.5 >= most)
    return range(0, most + 1, step)


def batch_map(places: pd.DataFrame, groups: Sequence[str]) -> Safe:
    """The 2-D map of the embeddings, the images of each batch in its colour over the pool."""
    wide, high = MAP_SIZE
    x = Scale(float(places["x"].min()), float(places["x"].max()), 14, wide - 14)
    y = Scale(float(places["y"].min()), float(places["y"].max()), high - 14, 14)
    shapes = []
    for group in ("pool", "held out", *groups):
        rows = places[places["group"] == group]
        dots = rows.iloc[:: math.ceil(len(rows) / MOST_DOTS) or 1]
        mark = f"{colours_of([group])[group]} dot" if group in groups else group.replace(" ", "-")
        radius = 5.0 if group in groups else 2.6
        shapes.append(tag("g", *(_dot(x(r.x), y(r.y), radius) for r in dots.itertuples()), class_=mark))
    return _svg("Batches on the map of the embeddings", *shapes, width=wide, height=high)


def colours_of(batches: Sequence[str]) -> dict[str, str]:
    """Class of the style sheet for each batch: an iteration has the same colour everywhere."""
    own = {name: f"s{int(name[1:]) % SERIES}" for name in batches if name[1:].isdigit()}
    return {name: own.get(name, "held") for name in batches}


def legend(marks: Mapping[str, str]) -> Safe:
    """Which colour is what: classes of the style sheet by name."""
    return tag("p", *(tag("span", tag("i", class_=mark), name) for name, mark in marks.items()), class_="legend")


def _grid_line(y: float, text: str) -> list[Safe]:
    return [_line(LEFT, y, WIDTH - RIGHT, y, "grid"), _text(LEFT - 8, y + 4, text, "end")]


def _series(points: Sequence[tuple[float, float]], values: Sequence[str], number: int) -> Safe:
    path = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [_dot(x, y, 4.5) for x, y in points]
    words = [_text(x, y - 11, value, class_="value") for (x, y), value in zip(points, values, strict=True)]
    return tag("g", tag("path", d=path), *dots, *words, class_=f"series s{number}")


def _bar(left: float, top: float, width: float, height: float, colour: str, title: str) -> Safe:
    return tag(
        "rect", tag("title", title), x=left + 1, y=top, width=width - 2, height=height, rx=2.0, class_=f"{colour} bar"
    )


def _dot(x: float, y: float, radius: float) -> Safe:
    return tag("circle", cx=x, cy=y, r=radius)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Safe:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _text(x: float, y: float, text: str, anchor: str = "middle", class_: str = "") -> Safe:
    return tag("text", text, x=x, y=y, text_anchor=anchor, **({"class_": class_} if class_ else {}))


def _svg(title: str, *shapes: Safe, width: float = WIDTH, height: float = HEIGHT) -> Safe:
    return tag("svg", *shapes, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=title)
