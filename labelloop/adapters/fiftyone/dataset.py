"""The loop's FiftyOne data set: written in bulk, keyed by labelloop's own sample ids."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from labelloop.adapters.fiftyone.belonging import follow, refuse_of_others
from labelloop.adapters.fiftyone.documents import Values, insert_samples, write_fields
from labelloop.adapters.fiftyone.environment import prepare
from labelloop.adapters.fiftyone.labels import detections_by_sample
from labelloop.adapters.files.home import Home
from labelloop.core.vocabulary import (
    IMG_VIZ,
    MAP_WORKSPACE,
    SHAPE_FIELDS,
    SPLIT_VIEWS,
    AnnotationStatus,
    Field,
    Provenance,
    Source,
    Split,
    Tag,
    annotated_tag,
    batch_tag,
    batch_view,
    source_tag,
)

BATCH_VIEW = f"Images of {{}}; {Field.CVAT_URL} and {Field.DAGSTER_URL} lead to their task and to what chose them"


class LoopDataset:
    """A persistent FiftyOne data set whose samples carry labelloop's `sample_id`."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self._gathered: tuple[dict[str, dict[str, Any]], dict[str, Any]] | None = None

    @classmethod
    def open(cls, home: Home, database_uri: str, name: str) -> "LoopDataset":
        """Open the data set of a home, or make it; one that is behind the files of its home is brought up to them.

        Raises:
            DatabaseError: If the data set of this name is somebody else's.
        """
        prepare(home, database_uri)
        import fiftyone as fo

        dataset = fo.load_dataset(name) if fo.dataset_exists(name) else fo.Dataset(name, persistent=True)
        refuse_of_others(dataset, home)
        if not dataset.has_field(Field.SAMPLE_ID):
            dataset.add_sample_field(Field.SAMPLE_ID, fo.StringField)
            dataset.create_index(Field.SAMPLE_ID, unique=True)
        follow(dataset, home)
        return cls(dataset)

    @classmethod
    def anew(cls, home: Home, database_uri: str, name: str) -> "LoopDataset":
        """Drop the data set of a home, and make it again with nothing in it.

        Raises:
            DatabaseError: If the data set of this name is somebody else's.
        """
        prepare(home, database_uri)
        import fiftyone as fo

        if fo.dataset_exists(name):
            refuse_of_others(fo.load_dataset(name), home)
            fo.delete_dataset(name)
        return cls.open(home, database_uri, name)

    def known_ids(self) -> list[str]:
        """The `sample_id` of every sample, in the data set's order."""
        return list(self.dataset.values(Field.SAMPLE_ID))

    def view_of(self, sample_ids: Iterable[str]) -> Any:
        """A view with these samples, in the data set's order."""
        return self.dataset.match({Field.SAMPLE_ID: {"$in": sorted(sample_ids)}})

    def add_samples(self, samples: pd.DataFrame, paths: Mapping[str, str]) -> int:
        """Add the samples that are not there yet, follow those whose image lies elsewhere; returns how many are new.

        Args:
            samples: sample_id, width, height.
            paths: Absolute path of each sample.
        """
        import fiftyone as fo

        known = dict(zip(*self.dataset.values([Field.SAMPLE_ID, "filepath"]), strict=True))
        moved = {name: paths[name] for name in known.keys() & paths.keys() if known[name] != paths[name]}
        if moved:
            self.set_values("filepath", moved)
        ids = (samples[name].tolist() for name in ("sample_id", "width", "height"))
        new = [
            {
                "filepath": paths[name],
                "width": int(width),
                "height": int(height),
                str(Field.SAMPLE_ID): name,
                str(Field.STATUS): AnnotationStatus.UNLABELED.value,
            }
            for name, width, height in zip(*ids, strict=True)
            if name not in known
        ]
        if new and not self.dataset.has_sample_field(Field.STATUS):
            self.dataset.add_sample_field(Field.STATUS, fo.StringField)
        insert_samples(self.dataset, new, _sample)
        return len(new)

    def set_values(self, field: str, values: Mapping[str, Any]) -> None:
        """Set a field of many samples in one go, by sample id."""
        view = self.view_of(values)
        view.set_values(field, [values[sample_id] for sample_id in view.values(Field.SAMPLE_ID)])

    def set_exactly(self, field: str, values: Mapping[str, Any]) -> None:
        """Let exactly these samples have a value, by sample id."""
        self.keep_only(field, values)
        self.set_values(field, values)

    def write(self, values: Values, kinds: Mapping[str, Any] | None = None) -> None:
        """Set many fields of many samples, as `write_fields` does; within `one_write`, at its end."""
        if self._gathered is None:
            write_fields(self.dataset, values, kinds)
            return
        for sample_id, own in values.items():
            self._gathered[0].setdefault(sample_id, {}).update(own)
        self._gathered[1].update(kinds or {})

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """Gather what is written by `write`, and write it when the block ends well; not within another."""
        if self._gathered is not None:
            raise RuntimeError("one_write within one_write: the outer one writes all of it")
        self._gathered = ({}, {})
        try:
            yield
            gathered = self._gathered
        finally:
            self._gathered = None
        self.write(*gathered)

    def set_boxes(self, field: str, boxes: pd.DataFrame, samples: pd.DataFrame, sample_ids: Sequence[str]) -> None:
        """Replace a detections field of these samples; looked at and empty is stored as an empty list."""
        made = detections_by_sample(boxes, samples, sample_ids)
        self._write_boxes(str(field), {sample_id: {str(field): each} for sample_id, each in made.items()})

    def replace_tag(self, tag: str, sample_ids: Iterable[str]) -> None:
        """Let exactly these samples carry a tag."""
        wanted = set(sample_ids)
        # Whoever reads meanwhile must not find the tag gone where it stays.
        self.dataset.match_tags(tag).match({Field.SAMPLE_ID: {"$nin": sorted(wanted)}}).untag_samples(tag)
        if wanted:
            self.view_of(wanted).tag_samples(tag)

    def save_view(self, name: str, view: Any, description: str) -> None:
        """Save a view under a name, replacing the one before."""
        self.dataset.save_view(name, view, description=description, overwrite=True)

    def write_info(self, key: str, value: Any) -> None:
        """Keep a small record in `dataset.info`."""
        self.dataset.reload()
        self.dataset.info[key] = value
        self.dataset.save()

    def show_splits(self, splits: pd.DataFrame) -> None:
        """Tags and saved views of the splits."""
        for split in Split:
            self.replace_tag(split.tag, splits.loc[splits["split"] == split, "sample_id"])
        for split, name in SPLIT_VIEWS.items():
            self.save_view(name, self.dataset.match_tags(split.tag), f"Samples of the {split} split")

    def show_map(self, sample_ids: Sequence[str], points: np.ndarray) -> None:
        """The 2-D map of the Embeddings panel, brain key `img_viz`; points are (N, 2) in the order of sample_ids.

        A saved workspace opens it beside the images, coloured by how far each is on its way through annotation.
        """
        import fiftyone.brain as fob

        if IMG_VIZ in self.dataset.list_brain_runs():
            self.dataset.delete_brain_run(IMG_VIZ)
        order = {sample_id: row for row, sample_id in enumerate(sample_ids)}
        view = self.view_of(sample_ids)
        rows = [order[sample_id] for sample_id in view.values(Field.SAMPLE_ID)]
        fob.compute_visualization(view, points=points[rows], brain_key=IMG_VIZ, verbose=False)
        self.save_map_workspace(MAP_WORKSPACE, IMG_VIZ, Field.STATUS.value, "The map beside the images")

    def save_map_workspace(self, name: str, brain_key: str, colour_by: str, description: str) -> None:
        """Save a workspace that opens a map beside the images, coloured by a field."""
        import fiftyone as fo

        # From 1.22 on the panel opens with the list of maps, and this is one click; before, it is the map itself.
        shown = {"brainResult": brain_key, "colorByField": colour_by}
        panels = [fo.Panel(type="Samples", pinned=True), fo.Panel(type="Embeddings", state=shown)]
        sides = [fo.Space(children=[panel], active_child=panel.component_id) for panel in panels]
        spaces = fo.Space(children=sides, orientation="horizontal")
        self.dataset.save_workspace(name, spaces, description=description, overwrite=True)

    def show_near_duplicates(self, groups: Mapping[str, str]) -> None:
        """The image that stands for each near-duplicate's group, by sample id, and a view with each group together."""
        import fiftyone as fo

        if self.dataset.has_sample_field(Field.NEAR_DUPLICATES):
            self.dataset.clear_sample_field(Field.NEAR_DUPLICATES)
        else:
            self.dataset.add_sample_field(Field.NEAR_DUPLICATES, fo.StringField)
        if groups:
            self.set_values(Field.NEAR_DUPLICATES, groups)
        view = self.dataset.exists(Field.NEAR_DUPLICATES).sort_by(Field.NEAR_DUPLICATES)
        self.save_view(Field.NEAR_DUPLICATES, view, "Images that look nearly the same, group by group")

    def show_batch(self, iteration: str, manifest: pd.DataFrame) -> None:
        """Tags, status and saved view of a batch; golden rows only get the batch's tag, their status is their own."""
        self.replace_tag(batch_tag(iteration), manifest["sample_id"])
        own = manifest[manifest["source"] != Source.GOLDEN]
        for source, rows in own.groupby("source"):
            self.view_of(rows["sample_id"]).tag_samples(source_tag(str(source)))
        # Shown again, a batch asks for nothing a second time: people may have done some of it.
        waiting = self.view_of(own["sample_id"]).match({Field.STATUS: AnnotationStatus.UNLABELED})
        waiting.tag_samples(Tag.TO_ANNOTATE)
        waiting.set_values(Field.STATUS, [AnnotationStatus.SELECTED] * len(waiting))
        self.save_view(
            batch_view(iteration), self.dataset.match_tags(batch_tag(iteration)), BATCH_VIEW.format(iteration)
        )

    def show_ways_back(self, tasks: Mapping[str, str], page: str) -> None:
        """Addresses that lead from a sample to the CVAT task it is in, and to the page of the asset that sent it."""
        if tasks:
            self.set_values(Field.CVAT_URL, tasks)
            self.set_values(Field.DAGSTER_URL, dict.fromkeys(tasks, page))

    def show_tags(self, tags: pd.DataFrame, reviewed: Sequence[str]) -> None:
        """Classes of whole images: sample_id, label; an image that has none gets an empty list."""
        import fiftyone as fo

        labels = tags.groupby("sample_id")["label"].agg(list).to_dict() if len(tags) else {}
        made = {
            sample_id: fo.Classifications(
                classifications=[fo.Classification(label=label) for label in labels.get(sample_id, [])]
            )
            for sample_id in reviewed
        }
        if made:
            self.set_values(Field.HUMAN_TAGS, made)

    def show_labels(
        self, batch: str, boxes: pd.DataFrame, samples: pd.DataFrame, reviewed: Sequence[str],
        only: Collection[str] | None = None,
    ) -> None:  # fmt: skip
        """What people drew on a batch, also where they drew nothing; with `only` on some of the images, tagged all."""
        field, done = str(Field.HUMAN_LABELS), {str(Field.STATUS): AnnotationStatus.ANNOTATED.value}
        written = [sample_id for sample_id in reviewed if only is None or sample_id in only]
        made = detections_by_sample(boxes, samples, written)
        self._write_boxes(field, {sample_id: {field: each, **done} for sample_id, each in made.items()})
        self.replace_tag(annotated_tag(batch), reviewed)
        self.view_of(written).untag_samples(Tag.TO_ANNOTATE)

    def forget_labels(self, sample_ids: Iterable[str]) -> None:
        """Let samples be as nobody ever labelled or sent them; tags of batches stay."""
        view = self.view_of(sample_ids)
        view.untag_samples([Tag.TO_ANNOTATE, Tag.REMOVED])
        drawn = (Field.HUMAN_LABELS, Field.HUMAN_TAGS, *SHAPE_FIELDS, Field.CVAT_URL, Field.DAGSTER_URL, *Provenance)
        nothing = {str(field): None for field in drawn if self.dataset.has_field(str(field))}
        state = {str(Field.STATUS): AnnotationStatus.UNLABELED.value}
        self.write(dict.fromkeys(sample_ids, nothing | state))

    def keep_only(self, field: str, kept: Iterable[str]) -> None:
        """Take the value of a field from all samples but these."""
        if self.dataset.has_field(field):
            stale = self.dataset.exists(field).match({Field.SAMPLE_ID: {"$nin": sorted(kept)}})
            stale.set_values(field, [None] * len(stale))

    def _write_boxes(self, field: str, values: Values) -> None:
        import fiftyone as fo

        self.write(values, {field: fo.Detections})


def _sample(row: Mapping[str, Any]) -> Any:
    import fiftyone as fo

    fields = {name: value for name, value in row.items() if name not in ("width", "height")}
    return fo.Sample(metadata=fo.ImageMetadata(width=row["width"], height=row["height"]), **fields)
