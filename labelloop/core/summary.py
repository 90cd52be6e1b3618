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
        yardstick: What val was: figures compare where it is equal.
        measured: The same in words.
    """

    iteration: str
    labels_used: int
    map50: float
    map50_95: float
    training: float
    inference: float
    yardstick: str = ""
    measured: str = ""

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
    """The table people read: one row of text for each iteration, columns as in TURN_COLUMNS.

    Figures that do not compare with the last ones bear a star, which `footnote` explains.
    """
    return [
        (t.iteration, str(t.labels_used), f"{t.map50:.3f}{star}", f"{t.map50_95:.3f}{star}", f"{t.seconds:.0f}")
        for t in turns
        for star in ["*" if t.yardstick != turns[-1].yardstick else ""]
    ]


def footnote(turns: Sequence[Turn]) -> str:
    """What the stars of `turn_rows` mean; empty where there are none."""
    others = {turn.yardstick: turn for turn in turns if turn.yardstick != turns[-1].yardstick}
    if not others:
        return ""
    told = ", ".join(turn.measured or "another val" for turn in others.values())
    return (
        f"* measured by {told}; the last by {turns[-1].measured or 'another val'}: they do not compare. "
        "Job score_again measures an iteration anew."
    )
