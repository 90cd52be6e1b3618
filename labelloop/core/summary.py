"""The loop in a few figures: what each iteration cost and gave, and where the time went."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """A finished iteration.

    Attributes:
        labels_used: Images that people looked at so far, those of the hold-out included.
        training: Seconds of training.
        inference: Seconds of prediction and evaluation.
    """

    iteration: str
    labels_used: int
    map50: float
    map50_95: float
    training: float
    inference: float

    @property
    def seconds(self) -> float:
        """What the detector took."""
        return self.training + self.inference


def overhead_share(turns: Iterable[Turn], wall_seconds: float) -> float:
    """Share of wall time that was neither training nor inference."""
    busy = sum(turn.seconds for turn in turns)
    return max(0.0, 1.0 - busy / wall_seconds) if wall_seconds > 0 else 0.0


TURN_COLUMNS = ("iteration", "labels used", "mAP50", "mAP50-95", "seconds")


def turn_rows(turns: Sequence[Turn]) -> list[tuple[str, ...]]:
    """The table people read: one row of text for each iteration, columns as in TURN_COLUMNS."""
    return [(t.iteration, str(t.labels_used), f"{t.map50:.3f}", f"{t.map50_95:.3f}", f"{t.seconds:.0f}") for t in turns]
