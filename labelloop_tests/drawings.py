"""Anything that people can draw in CVAT, as strategies of hypothesis: in names, and as the server takes it."""

import itertools
from typing import Any

from hypothesis import strategies as st

FRAMES = 4
THING, PLAIN, BODY = "thing", "Ünï & co", "body"
PARTS = ("head", "tail")
MUTABLE, FIXED = ("moving", "count"), ("note", "kind")


def _attribute(name: str, kind: str, values: list[str], *, mutable: bool) -> dict[str, Any]:
    return {"name": name, "mutable": mutable, "input_type": kind, "values": values, "default_value": values[0]}


LABELS: list[dict[str, Any]] = [
    {
        "name": THING,
        "attributes": [
            _attribute("note", "text", ["nothing"], mutable=False),
            _attribute("kind", "select", ["a", "b"], mutable=False),
            _attribute("moving", "checkbox", ["false"], mutable=True),
            _attribute("count", "number", ["0", "100", "1"], mutable=True),
        ],
    },
    {"name": PLAIN},
    {
        "name": BODY,
        "type": "skeleton",
        "sublabels": [
            {"name": "head", "type": "points", "attributes": [_attribute("note", "text", ["?"], mutable=False)]},
            {"name": "tail", "type": "points"},
        ],
    },
]

# CVAT neither clips nor rounds, so that far out and many decimals are ordinary.
NUMBER = st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-50, 700) | st.sampled_from([-0.5, 0.1, 100.123456789])
# Zeros at the end of a text are no text, and half characters travel nowhere.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["", "größer 你好 🦉", '"quoted" \\ and\nbroken', "{}", "  spaces  "]
)
SAID = {
    "note": TEXT, "kind": st.sampled_from(["a", "b"]), "moving": st.sampled_from(["true", "false"]),
    "count": st.integers(0, 100).map(str),
}  # fmt: skip


def _numbers(count: int) -> st.SearchStrategy:
    return st.lists(NUMBER, min_size=count, max_size=count)


def _pairs(fewest: int, most: int = 5) -> st.SearchStrategy:
    return st.integers(fewest, most).flatmap(lambda count: _numbers(2 * count))


@st.composite
def _mask(draw: st.DrawFn) -> list[float]:
    """Runs of equal pixels and the box they fill, its last row and column included."""
    width, height = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    cuts = sorted(draw(st.lists(st.integers(0, width * height), max_size=6)))
    edges = [0, *cuts, width * height]
    runs = [after - before for before, after in itertools.pairwise(edges)]
    left, top = draw(st.integers(-3, 600)), draw(st.integers(-3, 400))
    return [float(value) for value in (*runs, left, top, left + width - 1, top + height - 1)]


POINTS = {
    "rectangle": _numbers(4), "ellipse": _numbers(4), "polygon": _pairs(3), "polyline": _pairs(2), "points": _pairs(1),
    "cuboid": _numbers(16), "mask": _mask(),
}  # fmt: skip
TURNED = ("rectangle", "ellipse")
TRACKED = [kind for kind in POINTS if kind != "mask"]
ANGLE = st.just(0.0) | st.floats(0, 360, allow_nan=False)


@st.composite
def _values(draw: st.DrawFn, label: str, names: tuple[str, ...]) -> list[dict[str, str]]:
    """What is said of something; what is left out has CVAT's default."""
    known = {THING: names, "head": tuple(name for name in names if name == "note")}.get(label, ())
    chosen = draw(st.sets(st.sampled_from(known))) if known else set()
    return [{"name": name, "value": draw(SAID[name])} for name in sorted(chosen)]


@st.composite
def _drawn(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    return {
        "type": kind, "points": draw(POINTS[kind]) if kind != "skeleton" else [],
        "rotation": draw(ANGLE) if kind in TURNED else 0.0,
        "occluded": draw(st.booleans()), "outside": draw(st.booleans()), "z_order": draw(st.integers(-3, 9)),
    }  # fmt: skip


@st.composite
def _placed(draw: st.DrawFn, label: str, frame: int, names: tuple[str, ...] = FIXED + MUTABLE) -> dict[str, Any]:
    return {
        "label": label, "frame": frame, "group": draw(st.none() | st.integers(0, 5)),
        "source": draw(st.sampled_from(["manual", "auto", "semi-auto", "file"])),
        "attributes": draw(_values(label, names)),
    }  # fmt: skip


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    """Something that stands still."""
    frame, kind = draw(st.integers(0, FRAMES - 1)), draw(st.sampled_from([*POINTS, "skeleton"]))
    label = BODY if kind == "skeleton" else draw(st.sampled_from([THING, PLAIN]))
    shape = {**draw(_drawn(kind)), **draw(_placed(label, frame)), "elements": []}
    if kind == "skeleton":
        shape["elements"] = [{**draw(_drawn("points")), **draw(_placed(part, frame))} for part in PARTS]
        for element in shape["elements"]:
            element["points"] = element["points"][:2]
    return shape


@st.composite
def tags(draw: st.DrawFn) -> dict[str, Any]:
    """Something said of a whole image."""
    return draw(_placed(draw(st.sampled_from([THING, PLAIN])), draw(st.integers(0, FRAMES - 1))))


@st.composite
def _moving(draw: st.DrawFn, label: str, kind: str) -> dict[str, Any]:
    frames = sorted(draw(st.sets(st.integers(0, FRAMES - 1), min_size=1)))
    keyframes = [
        {**draw(_drawn(kind)), "frame": frame, "attributes": draw(_values(label, MUTABLE))} for frame in frames
    ]
    return {**draw(_placed(label, frames[0], FIXED)), "shapes": keyframes}


@st.composite
def tracks(draw: st.DrawFn) -> dict[str, Any]:
    """Something that is followed through the frames."""
    kind = draw(st.sampled_from([*TRACKED, "skeleton"]))
    label = BODY if kind == "skeleton" else draw(st.sampled_from([THING, PLAIN]))
    track = {**draw(_moving(label, kind)), "elements": []}
    if kind == "skeleton":
        track["elements"] = [draw(_moving(part, "points")) for part in PARTS]
        for keyframe in (shape for element in track["elements"] for shape in element["shapes"]):
            keyframe["points"] = keyframe["points"][:2]
    return track


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """All that a task of `FRAMES` frames may hold, its deleted frames included."""
    return {
        "shapes": draw(st.lists(shapes(), max_size=6)), "tags": draw(st.lists(tags(), max_size=3)),
        "tracks": draw(st.lists(tracks(), max_size=3)),
        "deleted": sorted(draw(st.sets(st.integers(0, FRAMES - 1), max_size=2))),
    }  # fmt: skip
