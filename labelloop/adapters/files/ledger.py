"""The plain files that decide what was chosen, labelled, trained and measured; FiftyOne is rebuilt from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelloop.adapters.files import record_names
from labelloop.adapters.files.atomic import read_json, write_json
from labelloop.adapters.files.embedding_store import EmbeddingStore
from labelloop.adapters.files.home import Home
from labelloop.adapters.files.missing import FIRST, PREPARE
from labelloop.adapters.files.stored_labels import LabelFiles, StoredLabels, record_of
from labelloop.adapters.files.tables import read_frame, write_frame
from labelloop.core import vocabulary
from labelloop.core.annotation import TaskContent
from labelloop.core.label_version import LabelVersion
from labelloop.core.looked import versions_of_tasks
from labelloop.core.registry import SAMPLE_COLUMNS
from labelloop.core.schema import Schema
from labelloop.core.source_labels import boxes_alone, label_table, training_boxes

RAW = ("pulled", "backups", "rewriting", "drawings")  # kinds of record that hold what people drew
HOLDOUT, SOURCE, iteration_number = vocabulary.HOLDOUT, vocabulary.SOURCE, vocabulary.iteration_number


@dataclass(frozen=True)
class Ledger:
    """Typed access to the plain files of a home; a missing file is an error that says what to run first."""

    home: Home
    label_files: LabelFiles = field(default_factory=LabelFiles, repr=False, compare=False)

    @property
    def root(self) -> Path:
        """Folder of the files."""
        return self.home.root

    def samples(self) -> pd.DataFrame:
        """One row per sample, sorted by sample_id: path, width, height, dhash (uint64), source_split, labelled."""
        return read_frame(self.root / "samples.parquet", PREPARE)

    def samples_or_empty(self) -> pd.DataFrame:
        """The samples table, or an empty one before the first ingest."""
        path = self.root / "samples.parquet"
        return self.samples() if path.is_file() else pd.DataFrame(columns=SAMPLE_COLUMNS)

    def save_samples(self, samples: pd.DataFrame) -> None:
        """Replace the samples table."""
        write_frame(self.root / "samples.parquet", samples.sort_values("sample_id", kind="stable"))

    def files(self) -> pd.DataFrame:
        """One row per file of the source: path, bytes, mtime_ns, sample_id or the reason it was set aside."""
        path = self.root / "files.parquet"
        return read_frame(path, PREPARE) if path.is_file() else pd.DataFrame()

    def save_files(self, files: pd.DataFrame) -> None:
        """Replace the table of source files."""
        write_frame(self.root / "files.parquet", files)

    def source_annotations(self) -> pd.DataFrame:
        """All that the source brought, of every kind (core/source_labels.py); in an older home its boxes alone."""
        path = self.root / "source_annotations.parquet"
        if path.is_file():
            return read_frame(path, PREPARE)
        return boxes_alone(self.source_labels()) if (self.root / "source_labels.parquet").is_file() else label_table([])

    def save_source_annotations(self, labels: pd.DataFrame) -> None:
        """Replace all that the source brought, and its boxes, which follow from it."""
        write_frame(self.root / "source_annotations.parquet", labels)
        self.save_source_labels(training_boxes(labels))

    def source_labels(self) -> pd.DataFrame:
        """Boxes a detector may learn from the source: sample_id, label, x1, y1, x2, y2; the hidden truth in replay."""
        boxes = read_frame(self.root / "source_labels.parquet", PREPARE)
        schema = self.schema_or_none()
        return boxes.assign(label=boxes["label"].map(schema.current)) if schema and schema.renamed else boxes

    def save_source_labels(self, boxes: pd.DataFrame) -> None:
        """Replace the boxes of the source."""
        write_frame(self.root / "source_labels.parquet", boxes)

    def splits(self) -> pd.DataFrame:
        """sample_id, split, group, origin; written once, only appended to."""
        return read_frame(self.root / "splits.parquet", PREPARE)

    def has_splits(self) -> bool:
        """Whether the held-out sets are cut."""
        return (self.root / "splits.parquet").is_file()

    def save_splits(self, splits: pd.DataFrame) -> None:
        """Write the splits with the newcomers appended."""
        write_frame(self.root / "splits.parquet", splits)

    def in_split(self, *names: str) -> list[str]:
        """Sorted ids of the samples in these splits."""
        splits = self.splits()
        return sorted(splits.loc[splits["split"].isin(names), "sample_id"])

    def schema(self) -> Schema:
        """The frozen list of classes."""
        stored = read_json(self.root / "schema.json", "Set classes in labelloop.yaml, or " + PREPARE)
        return Schema.from_dict(stored)

    def schema_or_none(self) -> Schema | None:
        """The frozen list of classes, or None before the first one."""
        return self.schema() if (self.root / "schema.json").is_file() else None

    def save_schema(self, schema: Schema) -> None:
        """Write the list of classes."""
        write_json(self.root / "schema.json", schema.to_dict())

    @property
    def vectors(self) -> EmbeddingStore:
        """Embeddings, by provider."""
        return EmbeddingStore(self.root / "embeddings", PREPARE)

    def embeddings(self, provider: str) -> tuple[list[str], np.ndarray]:
        """Sample ids, sorted, and their memory-mapped vectors (N, D) float32."""
        return self.vectors.load(provider)

    def embedding_version(self, provider: str) -> str | None:
        """Version of the provider that made the stored vectors, or None when there are none."""
        record = self.vectors.record_or_none(provider)
        return None if record is None else str(record["version"])

    def zcore(self) -> pd.DataFrame:
        """sample_id, zcore in [0, 1] of the pool, and `embeddings`, the key of the vectors they were computed from."""
        return read_frame(self.root / "zcore.parquet", PREPARE)

    def has_zcore(self) -> bool:
        """Whether the pool is scored."""
        return (self.root / "zcore.parquet").is_file()

    def save_zcore(self, scores: pd.DataFrame) -> None:
        """Replace the scores."""
        write_frame(self.root / "zcore.parquet", scores)

    def iterations(self) -> list[str]:
        """Iterations that have a batch, in order."""
        return sorted((path.stem for path in (self.root / "batches").glob("v*.json")), key=iteration_number)

    def read(self, kind: str, name: str) -> Any:
        """A small record, such as `batches`/`v0` or `reports`/`v1`."""
        return read_json(self.root / kind / f"{name}.json", FIRST[kind].format(name=name))

    def read_or_none(self, kind: str, name: str) -> Any | None:
        """A small record, or None when it was not written yet."""
        return self.read(kind, name) if (self.root / kind / f"{name}.json").is_file() else None

    def is_being_rewritten(self, batch: str) -> bool:
        """Whether labels from here are on their way into the tasks of a batch, or were when it broke off."""
        notes = {path.stem for path in (self.root / "rewriting" / batch).glob("*.json")}
        mine = {record_names.FROM_APP, *map(record_names.of_task, self.task_ids(batch) if notes else ())}
        return not notes.isdisjoint(mine)

    def task_ids(self, batch: str) -> list[int]:
        """CVAT's ids of the tasks that a batch was sent in, or that were pulled."""
        if batch == SOURCE:
            return [int(task_id) for task_id in (self.read_or_none("pulled", SOURCE) or {"updated": {}})["updated"]]
        return [int(task["task_id"]) for task in (self.read_or_none("tasks", batch) or {"tasks": []})["tasks"]]

    def sent(self) -> dict[str, Any]:
        """The records of all batches that were sent to people, by name."""
        return {path.stem: self.read("tasks", path.stem) for path in sorted((self.root / "tasks").glob("*.json"))}

    def remove(self, kind: str, name: str) -> None:
        """Remove a small record, if it is there."""
        (self.root / kind / f"{name}.json").unlink(missing_ok=True)

    def write(self, kind: str, name: str, value: Any) -> None:
        """Write a small record of a known kind."""
        if kind not in FIRST:
            raise KeyError(kind)
        write_json(self.root / kind / f"{name}.json", value, compact=kind in RAW)

    def manifest(self, batch: str) -> pd.DataFrame:
        """Rows of a batch: rank, sample_id, source, score, reason; also part where rows were added later."""
        rows = self.read("batches", batch)["rows"]
        later = any("part" in row for row in rows)
        manifest = pd.DataFrame(rows, columns=[*MANIFEST_COLUMNS, "part"] if later else MANIFEST_COLUMNS)
        return manifest.assign(part=manifest["part"].fillna(1).astype(int)) if later else manifest

    def selected(self, before: str = "") -> set[str]:
        """Ids of all samples that are in some batch of the loop, or in one before an iteration."""
        names = [it for it in self.iterations() if not before or iteration_number(it) < iteration_number(before)]
        return {sample_id for name in names for sample_id in self.manifest(name)["sample_id"]}

    def label_version(self, batch: str) -> LabelVersion:
        """Current labels of a batch: the stored raw shapes, projected with the classes of that time, named as today.

        Raises:
            MissingStateError: If the labels of the batch were not taken back yet.
        """
        return self.stored_labels(batch).version(self.schema())

    def stored_labels(self, batch: str) -> StoredLabels:
        """All that the current label version file of a batch holds."""
        path = self.label_file(batch, self.revision(batch))
        return self.label_files.read(path, FIRST["labels"].format(name=batch))

    def revision(self, batch: str) -> str:
        """Revision of the current labels of a batch."""
        return str(self.read("labels", batch)["revision"])

    def has_labels(self, batch: str) -> bool:
        """Whether the labels of a batch were taken back."""
        return self.read_or_none("labels", batch) is not None

    def drawn(self, batch: str) -> str:
        """Revision of what people drew, as it was last taken back, whatever the classes were; empty before that."""
        return str((self.read_or_none("labels", batch) or {}).get("drawn", ""))

    def label_file(self, batch: str, revision: str) -> Path:
        """Where a label version lies; named by its revision, so never overwritten with something else."""
        return self.root / "labels" / batch / f"{revision}.json"

    def contents(self, batch: str) -> tuple[list[TaskContent], dict[str, str]]:
        """The tasks of a batch as they were last taken back, and the sample of each frame name."""
        stored = self.stored_labels(batch)
        return list(stored.contents), dict(stored.sample_of)

    def samples_of_frames(self, batch: str) -> dict[str, str]:
        """Sample id by frame name, over the tasks that a batch was sent in."""
        tasks = self.read("tasks", batch)["tasks"]
        return {name: sample_id for task in tasks for name, sample_id in task["frames"].items()}

    def all_contents(self, batch: str) -> list[TaskContent]:
        """The tasks of a batch as every label version of it has them, also those that are not current any more."""
        stored = [read_json(path, "") for path in sorted((self.root / "labels" / batch).glob("*.json"))]
        return [TaskContent.from_dict(content) for each in stored for content in each["contents"]]

    def save_labels(
        self, batch: str, contents: Sequence[TaskContent], sample_of: Mapping[str, str],
        image_classes: Sequence[str] = (), provenance: Mapping[int, str] | None = None,
    ) -> bool:  # fmt: skip
        """Write the raw content of tasks as a label version and make it current, with what shapes a model drew.

        Returns False, and writes nothing, when these labels are the current ones already.

        Raises:
            LabelError: If the content does not add up; the version of before stays.
        """
        schema = self.schema()
        record = record_of(contents, schema, image_classes)
        if self._is_current(batch, record):
            return False
        looked = versions_of_tasks(self.read_or_none("tasks", batch), schema.version)
        made = StoredLabels(tuple(contents), dict(sample_of), schema, looked, tuple(image_classes), provenance or {})
        made.version(schema)  # refuses before anything is written
        self.label_files.write(self.label_file(batch, record["revision"]), made)
        self.write("labels", batch, record)
        return True

    def has_these(self, batch: str, contents: Sequence[TaskContent], image_classes: Sequence[str] = ()) -> bool:
        """Whether this content of its tasks is the current label version of a batch already."""
        return self._is_current(batch, record_of(contents, self.schema(), image_classes))

    def _is_current(self, batch: str, record: Mapping[str, str]) -> bool:
        return self.read_or_none("labels", batch) == record and self.label_file(batch, record["revision"]).is_file()

    def relabels(self) -> list[str]:
        """Batches of labelled images that people go through again, in order."""
        found = (self.root / "batches").glob(f"{vocabulary.RELABEL}-*.json")
        return sorted((path.stem for path in found), key=lambda name: int(name.rpartition("-")[2]))

    def labelled_batches(self, up_to: str) -> list[str]:
        """Iterations up to and with `up_to` whose labels are back."""
        last = iteration_number(up_to)
        return [it for it in self.iterations() if iteration_number(it) <= last and self.has_labels(it)]

    def model_folder(self, digest: str) -> Path:
        """Where a model lies: weights.pt and card.json, never overwritten."""
        return self.root / "models" / digest

    def predictions(self, iteration: str, folder: str = "predictions") -> pd.DataFrame:
        """What the model of an iteration predicted on val (test, pool): sample_id, label, x1, y1, x2, y2, score."""
        found = read_frame(self.root / folder / f"{iteration}.parquet", FIRST["reports"].format(name=iteration))
        schema = self.schema_or_none()
        return found.assign(label=found["label"].map(schema.current)) if schema and schema.renamed else found

    def save_predictions(self, iteration: str, predictions: pd.DataFrame, folder: str = "predictions") -> None:
        """Write the predictions of an iteration; those on test have a folder of their own."""
        write_frame(self.root / folder / f"{iteration}.parquet", predictions)

    def reports(self) -> pd.DataFrame:
        """One row per evaluated iteration, in order: iteration, labels_used, map50, map50_95, seconds, yardstick."""
        rows = [report for it in self.iterations() if (report := self.read_or_none("reports", it))]
        return pd.DataFrame(rows, columns=REPORT_COLUMNS)


MANIFEST_COLUMNS = ["rank", "sample_id", "source", "score", "reason"]
REPORT_COLUMNS = ["iteration", "labels_used", "map50", "map50_95", "seconds", "yardstick"]
