"""entropy: images whose boxes the model neither believes nor disbelieves.

The entropy of each box being an object, from its score: 1 bit at 0.5, 0 at certainty. Shannon entropy as in Settles,
"Active Learning Literature Survey", 2009; for boxes in Haussmann et al., "Scalable Active Learning for Object
Detection", IV 2020, arXiv 2004.04699. How boxes make an image: `unsure.py`.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from labelloop.core.strategies.query import Query
from labelloop.core.strategies.unsure import by_uncertainty


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:  # noqa: ARG001  nothing is drawn
    """Manifest of the images with the most entropy."""
    boxes = query.predicted()
    return by_uncertainty(query, boxes, entropy(boxes["score"]), "entropy")


def entropy(scores: ArrayLike) -> NDArray[np.float64]:
    """Bits of entropy of each score in [0, 1]."""
    sure = np.clip(np.asarray(scores, dtype=float), 1e-12, 1 - 1e-12)
    return np.asarray(-(sure * np.log2(sure) + (1 - sure) * np.log2(1 - sure)))
