"""The images on which a model failed, small enough for a report, with what is there and what was found."""

import base64
import io
from collections.abc import Sequence

from PIL import Image, ImageOps

from labelloop.adapters.report.markup import Safe, tag
from labelloop.adapters.report.story import Failure

SIDE = 320  # pixels of the longer side of a picture
QUALITY = 82


def failure_grid(failures: Sequence[Failure]) -> Safe:
    """A figure for each image: labels of people solid, predictions dashed."""
    return tag("div", *map(_figure, failures), class_="tiles")


def _figure(failure: Failure) -> Safe:
    width, height = failure.size
    drawn = [
        *(_box(box, failure.size, None) for box in failure.truth.to_dict("records")),
        *(_box(box, failure.size, float(box["score"])) for box in failure.predictions.to_dict("records")),
    ]
    overlay = tag("svg", *drawn, viewBox=f"0 0 {width} {height}", preserveAspectRatio="none")
    picture = tag("div", Safe(f'<img alt="" src="{_data(failure)}">'), overlay, class_="picture")
    told = [f"{count} {what}" for count, what in ((failure.missed, "missed"), (failure.invented, "false")) if count]
    caption = tag("figcaption", tag("span", failure.name), tag("b", ", ".join(told)))
    return tag("figure", picture, caption)


def _data(failure: Failure) -> str:
    with Image.open(failure.path) as image:
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _box(box: dict, size: tuple[int, int], score: float | None) -> Safe:
    """A frame with its name: labels above their box, predictions below, for they often lie on each other."""
    width, height = size
    line = max(size) / 160
    letter = line * 6.5
    x1, y1, x2, y2 = (float(box[key]) for key in ("x1", "y1", "x2", "y2"))
    frame = tag("rect", x=x1, y=y1, width=max(x2 - x1, 0.0), height=max(y2 - y1, 0.0), stroke_width=line)
    text = str(box["label"]) if score is None else f"{box['label']} {score:.2f}"
    to_the_left = x1 + 0.75 * letter * len(text) > width
    place = {"x": x2 if to_the_left else x1, "text_anchor": "end" if to_the_left else "start"}
    y = max(y1 - line * 1.5, letter) if score is None else min(y2 + letter, height - line * 2)
    name = tag("text", text, y=y, font_size=letter, stroke_width=letter / 5, **place)
    return tag("g", frame, name, class_="truth" if score is None else "found")
