"""Ingest: the images of the source become samples."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from labelloop.adapters.images import ImageFile, inspect_all
from labelloop.adapters.sources import Source, read_source
from labelloop.core.annotation import content_hash
from labelloop.core.errors import ConfigError
from labelloop.core.registry import boxes_by_sample, samples_table, set_aside
from labelloop.core.vocabulary import Field
from labelloop.resources.classes import freeze_schema
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.links import app_link
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import counts, table

REPORT_EVERY = 1000


@dg.asset(group_name="pool", owners=OWNERS, kinds={"image", "fiftyone"})
@stage
def source_images(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource
) -> dg.MaterializeResult:
    """Every usable image of the source, known by its content.

    Reads the folder or data set that `source` in labelloop.yaml names. Running again reads only what is new or
    changed. The same content at two paths is one sample. Files that are empty, damaged or no images are set aside,
    counted and listed with the reason. Labels that the source brings are kept beside the images and count only as
    far as `trust_source_labels` says.
    """
    now = project.current
    source = read_source(now.settings.source, now.home.project)
    inspected = inspect_all(source.images, _known(now), lambda done, total: _tell(context, done, total))
    files = pd.DataFrame([asdict(file) | {"path": now.home.relative(file.path)} for file in inspected])
    samples, boxes, added = _register(now, source, files)
    with dataset.writing(now, context.log.info) as loop:
        loop.add_samples(samples, {row.sample_id: str(now.home.locate(row.path)) for row in samples.itertuples()})
        if now.settings.sandbox == "off" and samples["labelled"].any():
            loop.set_boxes(Field.GROUND_TRUTH, boxes, samples, list(samples.loc[samples["labelled"], "sample_id"]))
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash([list(samples["sample_id"]), content_hash(boxes.to_dict("list"))])),
        metadata=_describe(now, files, samples, boxes, source) | {"new samples": added},
    )


def _register(now: Project, source: Source, files: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Write files, samples, boxes and schema; the schema first, since a contradiction there must change nothing."""
    before = now.ledger.samples_or_empty()
    stored = now.home.relative
    samples = samples_table(
        files, {stored(path): name for path, name in source.splits.items()}, map(stored, source.labelled), before
    )
    if samples.empty:
        raise ConfigError(
            f"None of the {len(files)} files of the source is a usable image", "Correct source in labelloop.yaml."
        )
    boxes = boxes_by_sample(source.boxes.assign(path=source.boxes["path"].map(stored)), samples)
    freeze_schema(now, sorted(boxes["label"].unique()))
    now.ledger.save_files(files.assign(dhash=files["dhash"].astype("uint64")))
    now.ledger.save_source_labels(boxes)
    now.ledger.save_samples(samples.assign(dhash=samples["dhash"].astype("uint64")))
    return samples, boxes, len(samples) - len(before)


def _known(now: Project) -> dict[Path, ImageFile]:
    rows = now.ledger.files().to_dict("records")
    return {path: ImageFile(**(row | {"path": path})) for row in rows if (path := now.home.locate(row["path"]))}


def _tell(context: dg.AssetExecutionContext, done: int, total: int) -> None:
    if done % REPORT_EVERY == 0 or done == total:
        context.log.info(f"read {done} of {total} new files")


def _describe(
    now: Project, files: pd.DataFrame, samples: pd.DataFrame, boxes: pd.DataFrame, source: Source
) -> dict[str, Any]:
    bad = set_aside(files)
    damaged = pd.DataFrame({"annotation": map(str, source.damaged), "reason": source.damaged.values()})
    return {
        "dagster/row_count": len(samples),
        "files": len(files),
        "same content twice": int(files["sample_id"].notna().sum() - files["sample_id"].nunique()),
        "set aside": len(bad),
        "set aside by reason": counts(bad["reason"].value_counts().to_dict(), "reason"),
        "files set aside": table(bad),
        "annotations that cannot be read": table(damaged),
        "images with labels of the source": int(samples["labelled"].sum()),
        "boxes of the source": counts(boxes["label"].value_counts().to_dict(), "class"),
        "classes": ", ".join(now.ledger.schema().classes),
        "labels are": "hidden (sandbox: replay)"
        if now.settings.sandbox == "replay"
        else now.settings.trust_source_labels,
        **app_link(now),
    }
