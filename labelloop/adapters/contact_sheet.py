"""A grid of images with what people drew and what a model predicted: a look says more than a table."""

import io
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw, ImageOps

TILE = 220
COLUMNS = 4
TRUTH, PREDICTION = "#2e9e5b", "#e4572e"


def contact_sheet(paths: Mapping[str, Path], truth: pd.DataFrame, predictions: pd.DataFrame | None = None) -> bytes:
    """JPEG of a grid of images; labels in green, predictions in orange with their score.

    Args:
        paths: Image of each sample, in the order of the grid.
        truth: sample_id, label, x1, y1, x2, y2.
        predictions: The same with score, or None for labels alone.
    """
    rows = max(1, math.ceil(len(paths) / COLUMNS))
    columns = max(1, min(COLUMNS, len(paths)))
    sheet = Image.new("RGB", (columns * TILE, rows * TILE), "#16181d")
    for place, (sample_id, path) in enumerate(paths.items()):
        tile = _tile(path, truth[truth["sample_id"] == sample_id], _of(predictions, sample_id))
        sheet.paste(tile, (place % COLUMNS * TILE, place // COLUMNS * TILE))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80, optimize=True)
    return buffer.getvalue()


def _of(boxes: pd.DataFrame | None, sample_id: str) -> pd.DataFrame:
    return pd.DataFrame() if boxes is None else boxes[boxes["sample_id"] == sample_id]


def _tile(path: Path, truth: pd.DataFrame, predictions: pd.DataFrame) -> Image.Image:
    with Image.open(path) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
    scale = min((TILE - 4) / picture.width, (TILE - 4) / picture.height)
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    draw = ImageDraw.Draw(picture)
    for boxes, colour in ((truth, TRUTH), (predictions, PREDICTION)):
        for box in boxes.to_dict("records"):
            _draw(draw, box, scale, colour)
    tile = Image.new("RGB", (TILE, TILE), "#16181d")
    tile.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
    return tile


def _draw(draw: ImageDraw.ImageDraw, box: dict, scale: float, colour: str) -> None:
    x1, y1, x2, y2 = (float(box[key]) * scale for key in ("x1", "y1", "x2", "y2"))
    draw.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=colour, width=2)
    score = box.get("score")
    text = f"{box['label']} {score:.2f}" if score is not None else str(box["label"])
    draw.text(
        (x1 + 3, y2 - 12 if score is not None else y1 + 1), text, fill=colour, stroke_width=1, stroke_fill="black"
    )
