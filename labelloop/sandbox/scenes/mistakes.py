"""Mistakes that people make when they label, put in on purpose, with a record of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WRONG_CLASS, MISSING, SHIFTED = "wrong_class", "missing", "shifted"
KINDS = (WRONG_CLASS, MISSING, SHIFTED)
SHARE = 0.03  # of all boxes, for each kind


@dataclass(frozen=True)
class Mistake:
    """One wrong label: which object of which image, what is true, and what was written instead.

    Attributes:
        image: File name of the image.
        index: Position of the object in the true annotation.
        kind: One of `KINDS`.
        true_label: The right class.
        true_box: The right box, xyxy pixels.
        given_label: The class that was written, None if the box is missing.
        given_box: The box that was written, None if it is missing.
    """

    image: str
    index: int
    kind: str
    true_label: str
    true_box: tuple[int, ...]
    given_label: str | None
    given_box: tuple[int, ...] | None


Labels = list[tuple[str, tuple[int, ...]]]


def make_mistakes(
    rng: np.random.Generator, image: str, truth: Labels, classes: Sequence[str], side: int
) -> tuple[Labels, list[Mistake]]:
    """The labels of an image as a careless annotator leaves them, and what is wrong with them."""
    given: Labels = []
    mistakes: list[Mistake] = []
    for index, (label, box) in enumerate(truth):
        draw = int(rng.random() / SHARE)
        if draw >= len(KINDS):
            given.append((label, box))
            continue
        answer = _mistaken(rng, KINDS[draw], (label, box), classes, side)
        mistakes.append(Mistake(image, index, KINDS[draw], label, box, *(answer or (None, None))))
        if answer is not None:
            given.append(answer)
    return given, mistakes


def _mistaken(
    rng: np.random.Generator, kind: str, truth: tuple[str, tuple[int, ...]], classes: Sequence[str], side: int
) -> tuple[str, tuple[int, ...]] | None:
    label, box = truth
    if kind == MISSING:
        return None
    if kind == WRONG_CLASS and len(classes) > 1:
        return str(rng.choice([name for name in classes if name != label])), box
    return label, _shifted(rng, np.array(box), side)


def _shifted(rng: np.random.Generator, box: np.ndarray, side: int) -> tuple[int, ...]:
    """The box moved by 35 to 55 % of its size each way, still inside the image."""
    size = box[2:] - box[:2]
    move = size * rng.uniform(0.35, 0.55, size=2) * rng.choice([-1, 1], size=2)
    corner = (box[:2] + move).round().clip(0, side - size)
    if (corner == box[:2]).all():  # pushed back by two edges of the image: move the other way
        corner = (box[:2] - move).round().clip(0, side - size)
    return tuple(int(value) for value in (*corner, *(corner + size)))
