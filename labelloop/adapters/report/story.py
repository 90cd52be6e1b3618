"""What the report tells, gathered by whoever knows the project."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from labelloop.core.summary import Turn


@dataclass(frozen=True)
class Failure:
    """An image on which a model failed.

    Attributes:
        path: The image.
        size: Its width and height, which the boxes are in.
        missed: Objects the model did not find.
        invented: Detections where there is nothing of the kind.
        truth: label, x1, y1, x2, y2.
        predictions: The same with score.
    """

    path: Path
    name: str
    size: tuple[int, int]
    missed: int
    invented: int
    truth: pd.DataFrame
    predictions: pd.DataFrame


@dataclass(frozen=True)
class Story:
    """All that the report shows.

    Attributes:
        title: Name of the project.
        facts: Figures for the head, value and what it is.
        turns: Finished iterations, in order.
        class_counts: Boxes by class (rows) and batch (columns).
        places: x, y and group of each sample on the map; a group is `pool`, `held out` or an iteration.
        failed_of: Iteration whose failures are shown.
        failures: The worst images, worst first.
        stopped: Why the loop stopped; empty while it goes on.
    """

    title: str
    made: str
    facts: Sequence[tuple[str, str]]
    turns: Sequence[Turn]
    class_counts: pd.DataFrame
    places: pd.DataFrame
    failed_of: str
    failures: Sequence[Failure]
    stopped: str
