"""zcore: coverage that looks at the batch: far from all that is labelled or chosen, and typical images between.

ZCore (Griffin, Marks, Corso, arXiv 2411.15349) scores each image once, so the best ones may be twins, and it rewards
what is rare without asking how much there is of the rest. Here a pick maximises ZCore score times distance to what is
labelled or chosen (the greedy step of Sener and Savarese, arXiv 1708.00489). Spread over the batch, `typical_share` of
the picks are typical images of clusters (TypiClust, arXiv 2202.02794), which get their turns in proportion to their
sizes: that much of a batch goes where the images are. Of 900 images in one crowd and 100 elsewhere the crowd gets 15 or
16 of 50: nearly all that score best lie elsewhere, and `typical_share`, 0.3, is what goes to the crowd.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from labelloop.core.batch import Candidate
from labelloop.core.selection import coverage_ranking
from labelloop.core.strategies.nearest import Nearest
from labelloop.core.strategies.query import Openings, Query
from labelloop.core.strategies.typical import TypicalImages
from labelloop.core.strategies.typiclust import candidate
from labelloop.core.vocabulary import Source


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:
    """Manifest of covering and typical images; the score of a covering one is ZCore score times distance."""
    query = query.in_order()
    coverage_ranking(query.pool.zcore)  # refuses missing scores
    return query.manifest(candidates(query, rng)) if len(query.ids) else query.manifest([])


def candidates(query: Query, rng: np.random.Generator) -> Iterator[Candidate]:
    """Images in the order in which they cover the pool best, given those before; `query` is in order."""
    openings, near = Openings(query.pool), Nearest(query)
    share, zcore = query.mix.typical_share, query.pool.zcore.to_numpy(dtype=float)
    typical = TypicalImages(query, openings, rng) if share else None
    proposed = 0
    while True:
        openings.close_twins(near.cosine)
        gain = zcore * near.distance
        row = openings.best(gain)
        if row is None:
            return
        turn = int((proposed + 1) * share) > int(proposed * share)
        found = typical.next_by_mass(near.distance) if typical and turn else None
        if found:
            row = found.row
            yield candidate(query, found)
        else:
            reason = f"covers what nothing chosen covers (zcore {zcore[row]:.2f}, distance {near.distance[row]:.2f})"
            yield Candidate(query.ids[row], Source.COVERAGE, float(gain[row]), reason)
        proposed += 1
        openings.take(row)
        if typical:
            typical.take(row)
        near.cover(row, np.where(openings.mask, gain, -1.0))
