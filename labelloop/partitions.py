"""One partition for each turn of the loop: v0, v1, v2, …"""

import dagster as dg

ITERATIONS = dg.DynamicPartitionsDefinition(name="iteration")
