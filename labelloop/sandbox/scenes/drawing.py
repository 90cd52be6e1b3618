"""Drawing one scene: a crop of a photograph, some digits on it, and what the camera does to them."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from labelloop.sandbox.scenes.material import Material

# Chances and ranges as measured to give a detector something to learn from 40, 80 and 120 images.
NO_DIGIT = 0.03
NIGHT = 0.08
DIGIT_SIZE = (0.17, 0.36)  # side of a digit's paper, relative to the scene
IMBALANCE = 0.55  # each class is 2 ** -0.55 times as frequent as the one before
ATTEMPTS = 30  # to place a digit without overlap


@dataclass(frozen=True)
class Scene:
    """A picture with the truth about it.

    Attributes:
        image: RGB, square.
        boxes: int `(N, 4)` xyxy pixel edges, tight around the ink.
        digits: int `(N,)`, which digit is in each box.
        night: Whether it was taken in the dark.
    """

    image: Image.Image
    boxes: np.ndarray
    digits: np.ndarray
    night: bool


def draw_scene(rng: np.random.Generator, material: Material, side: int) -> Scene:
    """Draw a scene of `side` pixels with one to four digits, or none at all now and then."""
    canvas = np.asarray(_background(rng, material, side), dtype=np.float64)
    choices = np.array(list(material.strokes))
    weights = 2.0 ** (-IMBALANCE * np.arange(len(choices)))
    wanted = 0 if rng.random() < NO_DIGIT else int(rng.integers(1, 5))
    boxes: list[np.ndarray] = []
    digits: list[int] = []
    for digit in rng.choice(choices, size=wanted, p=weights / weights.sum()):
        ink = _ink(rng, material.strokes[int(digit)], side)
        box = _free_place(rng, ink.shape, boxes, side)
        if box is not None:
            canvas = _write(rng, canvas, ink, box)
            boxes.append(box)
            digits.append(int(digit))
    scene = Scene(
        Image.fromarray(canvas.round().clip(0, 255).astype(np.uint8)),
        np.array(boxes, dtype=np.int64).reshape(-1, 4),
        np.array(digits, dtype=np.int64),
        night=False,
    )
    return _at_night(rng, scene) if rng.random() < NIGHT else scene


def near_duplicate(rng: np.random.Generator, scene: Scene) -> Scene:
    """The same scene a moment later, in slightly other light."""
    factor = float(rng.choice([-1, 1])) * rng.uniform(0.06, 0.18) + 1
    return replace(scene, image=ImageEnhance.Brightness(scene.image).enhance(factor))


def _background(rng: np.random.Generator, material: Material, side: int) -> Image.Image:
    photograph = material.photographs[rng.integers(len(material.photographs))]
    crop = int(rng.integers(int(0.8 * side), min(photograph.size) + 1))
    left = int(rng.integers(photograph.width - crop + 1))
    top = int(rng.integers(photograph.height - crop + 1))
    return photograph.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + crop, top + crop))


def _ink(rng: np.random.Generator, strokes: np.ndarray, side: int) -> np.ndarray:
    """One handwritten digit as ink from 0 to 1, `(height, width)`, cut to its bounding box."""
    stroke = strokes[rng.integers(len(strokes))]
    # A margin before upscaling, or strokes that touch the border of the 8 x 8 grid are cut.
    paper = Image.fromarray((np.pad(stroke, 1) * 255).astype(np.uint8))
    size = round(side * rng.uniform(*DIGIT_SIZE))
    turned = paper.resize((size, size), Image.Resampling.BICUBIC).rotate(
        rng.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True
    )
    ink = np.asarray(turned, dtype=np.float64) / 255
    rows = np.flatnonzero((ink > 0.3).any(axis=1))
    columns = np.flatnonzero((ink > 0.3).any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _free_place(
    rng: np.random.Generator, shape: tuple[int, ...], taken: list[np.ndarray], side: int
) -> np.ndarray | None:
    """A box for ink of this shape that overlaps no other, or None if the scene is full."""
    height, width = shape
    for _ in range(ATTEMPTS):
        left, top = int(rng.integers(side - width + 1)), int(rng.integers(side - height + 1))
        box = np.array([left, top, left + width, top + height])
        if not any((box[:2] < other[2:]).all() and (other[:2] < box[2:]).all() for other in taken):
            return box
    return None


def _write(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The canvas with ink in the box: dark where the photograph is bright, bright where it is dark."""
    left, top, right, bottom = box
    under = canvas[top:bottom, left:right]
    colour = rng.uniform(0, 80, size=3) if under.mean() > 120 else rng.uniform(175, 255, size=3)
    alpha = (ink * rng.uniform(0.85, 1.0))[..., None]
    written = canvas.copy()
    written[top:bottom, left:right] = (1 - alpha) * under + alpha * colour
    return written


def _at_night(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene out of focus, dark and noisy."""
    blurred = scene.image.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 1.6)))
    dark = np.asarray(blurred, dtype=np.float64) * rng.uniform(0.22, 0.42)
    noisy = dark + rng.normal(0, 7, size=dark.shape)
    return replace(scene, image=Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)), night=True)
