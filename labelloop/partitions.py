"""One partition for each turn of the loop: v0, v1, v2, …"""

import dagster as dg

from labelloop.core.vocabulary import ITERATION

ITERATIONS = dg.DynamicPartitionsDefinition(name=ITERATION)
