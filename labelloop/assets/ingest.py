"""Ingest: the images of the source become samples."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from labelloop.adapters.fiftyone.source_labels import show_source_labels
from labelloop.adapters.images import ImageFile, inspect_all
from labelloop.adapters.sources import Source
from labelloop.core.annotation import content_hash
from labelloop.core.errors import ConfigError
from labelloop.core.registry import samples_table, set_aside
from labelloop.core.source_labels import label_table, labels_by_sample, unfit_boxes, without_their_boxes
from labelloop.core.vocabulary import LabelKind
from labelloop.resources.classes import freeze_schema
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.links import app_link
from labelloop.resources.name_fields import show_fields_of_names
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.sources import path_labels, sources_of
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import counts, table

REPORT_EVERY = 1000
NO_SOURCE = "source.type is none in labelloop.yaml: images come from annotation.pull_project alone"


@dg.asset(group_name="pool", owners=OWNERS, kinds={"image", "fiftyone"})
@stage
def source_images(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource
) -> dg.MaterializeResult:
    """Every usable image of the source, known by its content.

    Reads the folder or data sets that `source` or `sources` in labelloop.yaml name. Running again reads only images
    that are new or changed. The same content at two paths is one sample. Files that are empty, damaged or no images
    are set aside, counted and listed with the reason. Labels that the source brings, of every kind, are kept beside
    the images and count only as far as `trust_source_labels` says; an image with an object that is no box trains only
    where `shapes_as_boxes` is on. Fields `ground_truth`, `ground_truth_polylines`, `_keypoints` and `_tags`.
    """
    now = project.current
    source = sources_of(now)
    if not source.images:
        _forget(now)
        return dg.MaterializeResult(data_version=dg.DataVersion("no source"), metadata={"status": NO_SOURCE})
    inspected = inspect_all(source.images, _known(now), lambda done, total: _tell(context, done, total))
    files = pd.DataFrame([asdict(file) | {"path": now.home.relative(file.path)} for file in inspected])
    found = _register(now, source, files)
    with dataset.writing(now, context.log.info) as loop:
        samples = found.samples
        loop.add_samples(samples, {row.sample_id: str(now.home.locate(row.path)) for row in samples.itertuples()})
        if now.settings.sandbox == "off":
            show_source_labels(loop, found.labels, samples)
        show_fields_of_names(now, loop)
    return dg.MaterializeResult(data_version=dg.DataVersion(found.version), metadata=_describe(now, source, found))


@dataclass(frozen=True, eq=False)
class Registered:
    """What became of a source: its files, samples and labels, labels refused with the reason, samples that are new."""

    files: pd.DataFrame
    samples: pd.DataFrame
    labels: pd.DataFrame
    refused: dict[str, str]
    new: int

    @property
    def version(self) -> str:
        """Changes with the samples and their labels."""
        return content_hash([list(self.samples["sample_id"]), self.labels.fillna(-1.0).to_dict("list")])


def _register(now: Project, source: Source, files: pd.DataFrame) -> Registered:
    """Write files, samples, labels and schema; the schema first, since a contradiction there must change nothing."""
    before = now.ledger.samples_or_empty()
    labels, labelled, refused = labels_by_sample(files, path_labels(now, source))
    # What the source no longer labels is no longer labelled, also where the image is gone.
    known = before.assign(labelled=False)
    samples = samples_table(
        files, {now.home.relative(path): name for path, name in source.splits.items()}, labelled, known
    )
    if samples.empty:
        raise ConfigError(
            f"None of the {len(files)} files of the source is a usable image", "Correct source in labelloop.yaml."
        )
    freeze_schema(now, source.object_classes, set(labels.loc[labels["kind"] != LabelKind.TAG, "label"]))
    now.ledger.save_files(files.assign(dhash=files["dhash"].astype("uint64")))
    now.ledger.save_source_annotations(labels)
    now.ledger.save_samples(samples.assign(dhash=samples["dhash"].astype("uint64")))
    return Registered(files, samples, labels, refused, len(samples) - len(before))


def _forget(now: Project) -> None:
    """Without a source nothing is labelled by it; its images stay, as always."""
    now.ledger.save_source_annotations(label_table([]))
    now.ledger.save_samples(now.ledger.samples_or_empty().assign(labelled=False))


def _known(now: Project) -> dict[Path, ImageFile]:
    rows = now.ledger.files().to_dict("records")
    return {path: ImageFile(**(row | {"path": path})) for row in rows if (path := now.home.locate(row["path"]))}


def _tell(context: dg.AssetExecutionContext, done: int, total: int) -> None:
    if done % REPORT_EVERY == 0 or done == total:
        context.log.info(f"read {done} of {total} new files")


def _describe(now: Project, source: Source, found: Registered) -> dict[str, Any]:
    files, labels, bad = found.files, found.labels, set_aside(found.files)
    damaged = {**source.damaged, **found.refused}
    unfit = without_their_boxes(labels)
    replay = now.settings.sandbox == "replay"
    return {
        "dagster/row_count": len(found.samples),
        "new samples": found.new,
        "files": len(files),
        "same content twice": int(files["sample_id"].notna().sum() - files["sample_id"].nunique()),
        "set aside": len(bad),
        "set aside by reason": counts(bad["reason"].value_counts().to_dict(), "reason"),
        "files set aside": table(bad),
        "annotations that cannot be read": table(
            pd.DataFrame({"annotation": list(damaged), "reason": list(damaged.values())})
        ),
        "images named and not there": table(pd.DataFrame({"image": list(source.missing)})),
        "images with labels of the source": int(found.samples["labelled"].sum()),
        "labels of the source": counts(labels["kind"].value_counts().to_dict(), "kind"),
        "boxes of the source": counts(labels.loc[labels["as_box"], "label"].value_counts().to_dict(), "class"),
        "boxes of the source set aside": table(unfit_boxes(labels, found.samples)),
        "images not trained on: an object is no box": len(unfit),
        "classes": ", ".join(now.ledger.schema().classes),
        "labels are": "hidden (sandbox: replay)" if replay else now.settings.trust_source_labels,
        **app_link(now),
    }
