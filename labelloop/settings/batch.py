"""The section of `labelloop.yaml` about batches: how many images people label, and which."""

import re

from pydantic import Field, field_validator

from labelloop.core.strategies.table import STRATEGIES
from labelloop.settings.section import Section


class BatchSettings(Section):
    """How many images people label in an iteration."""

    budget: int | str = Field(40, description="Images in a batch: a number, or a share of what remains like 10%.")
    strategy: str = Field(
        "hybrid",
        description="How a batch is chosen. hybrid: the coverage of zcore and neighbours of failures, by "
        "mine.coverage_share. zcore: coverage that looks at what is labelled and chosen. k_center: farthest first. "
        "typiclust: typical images. entropy, margin: where the newest model is unsure. random. Without a model hybrid, "
        "entropy and margin are coverage.",
    )
    class_balanced: bool = Field(
        False, description="Of what the strategy proposes, prefer images that seem to show classes with few labels."
    )
    typical_share: float = Field(
        0.3, ge=0, le=1, description="zcore: share of a batch, in whole images, for crowded parts of the pool."
    )
    twin_cosine: float = Field(
        0.999,
        ge=0,
        le=1,
        description="An image whose embedding has this cosine with a labelled or chosen one waits until nothing else "
        "is left, like near-duplicates by dHash; 1: equal ones only; 0: by dHash alone.",
    )
    golden_per_batch: int = Field(
        0,
        ge=0,
        description="Golden images hidden in each batch, on top of the budget, annotated again blind. None with "
        "annotation.backend fiftyone: the App shows their first labels.",
    )

    @field_validator("budget")
    @classmethod
    def _count_or_share(cls, value: int | str) -> int | str:
        fits = (
            value >= 1
            if isinstance(value, int)
            else re.fullmatch(r"\d+(\.\d+)?%", value) is not None and 0 < float(value[:-1]) <= 100
        )
        if fits:
            return value
        raise ValueError("a number of images, at least 1, or a share of what remains like 10%")

    @field_validator("strategy")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in STRATEGIES:
            raise ValueError(f"one of {', '.join(STRATEGIES)}")
        return value
