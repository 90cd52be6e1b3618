"""Images on the page of an asset: a look says more than a table of ids."""

from collections.abc import Sequence

import dagster as dg
import pandas as pd

from labelloop.adapters.contact_sheet import contact_sheet
from labelloop.resources.project import Project
from labelloop.resources.tables import picture

SHOWN = 8


def sheet(
    now: Project,
    sample_ids: Sequence[str],
    labels: pd.DataFrame | None = None,
    predictions: pd.DataFrame | None = None,
) -> dg.MarkdownMetadataValue:
    """The first SHOWN samples as a picture, labels in green, predictions in orange."""
    paths = now.ledger.samples().set_index("sample_id")["path"]
    shown = {sample_id: now.home.locate(paths[sample_id]) for sample_id in sample_ids[:SHOWN]}
    nothing = pd.DataFrame({"sample_id": []})
    return picture(contact_sheet(shown, nothing if labels is None else labels, predictions), "jpeg")
