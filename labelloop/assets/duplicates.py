"""Duplicates: images that look nearly the same, found before people label them twice."""

import dagster as dg

from labelloop.core.annotation import content_hash
from labelloop.core.vocabulary import Field
from labelloop.resources import near_duplicates as near
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.links import app_link
from labelloop.resources.project import ProjectResource
from labelloop.resources.sheets import sheet
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import table


@dg.asset(group_name="quality", owners=OWNERS, kinds={"numpy", "fiftyone"}, deps=["embeddings"])
@stage
def near_duplicates(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource
) -> dg.MaterializeResult:
    """Groups of images whose embeddings nearly equal each other, linked also by a chain of pairs.

    It only shows them: splits go by dHash, and a batch leaves out twins by `batch.twin_cosine`. Groups on both sides
    of the hold-out are worth a look, as a model that learns one is scored on the other. Field and saved view
    `near_duplicates` in FiftyOne; a group is called after the image of the smallest id, which stands for it.
    """
    now = project.current
    found = near.find_near_duplicates(now, context.log.info)
    near.keep_near_duplicates(now, found)
    with dataset.writing(now, context.log.info) as loop:
        loop.show_near_duplicates(dict(zip(found.groups["sample_id"], found.groups["group"], strict=True)))
    groups = found.by_group()
    largest = found.groups.set_index("group").loc[groups["group"], "sample_id"].tolist()
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(found.groups.to_dict("list"))),
        metadata={
            "dagster/row_count": len(found.groups), "groups": len(groups), "of": found.images,
            "without the copies": found.images - len(found.groups) + len(groups),
            "groups on both sides of the hold-out": int(groups["on_both_sides"].sum()),
            "searched": found.searched, "largest": table(groups, most=20), "images": sheet(now, largest),
            **app_link(now, view=Field.NEAR_DUPLICATES),
        },
    )  # fmt: skip
