"""A project replayed on labelled images: nobody is asked and nothing is sent, the labels of the source answer.

Everything else is what the loop does: the same splits, embeddings, ZCore scores, query strategies and detector.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from labelloop.adapters.embedding.run import embed
from labelloop.adapters.files import atomic
from labelloop.adapters.files.home import Home
from labelloop.adapters.files.ledger import Ledger
from labelloop.adapters.images import inspect_all
from labelloop.core.annotation import AnnotatedFrame, TaskContent
from labelloop.core.boxes import CORNERS
from labelloop.core.drawn import RECTANGLE
from labelloop.core.errors import ConfigError
from labelloop.core.registry import SAMPLE_COLUMNS, samples_table
from labelloop.core.source_labels import labels_by_sample, without_their_boxes
from labelloop.core.splits import cut
from labelloop.core.vocabulary import HOLDOUT, TEST, LabelKind, Split
from labelloop.core.zcore import zcore_scores
from labelloop.resources.classes import freeze_schema
from labelloop.resources.embedded import provider_of
from labelloop.resources.growth import grouping_of, sizes_of
from labelloop.resources.project import Project
from labelloop.resources.sources import path_labels, sources_of
from labelloop.settings.model import Settings

Log = Callable[[str], None]

OF_OTHERS = ("locks", "ultralytics", "work")  # what a copy of a home does without


class Replay(Project):
    """A project whose state lies in a folder of its own.

    Args:
        config: The labelloop.yaml it replays; paths in it start there.
        settings: What it says, with what this replay changes.
        root: Folder of the state.
        stream: Another word, another stream of random numbers.
    """

    def __init__(self, config: Path, settings: Settings, root: Path, stream: str = "") -> None:
        # Labels of the source must not be known before they are asked for.
        self.settings = settings.model_copy(update={"trust_source_labels": "none", "sandbox": "off"})
        self.config, self.stream = config, stream
        project = config.parent.resolve()
        self.home = Home(project=project, root=root, media_root=(project / settings.media_root).resolve())
        self.ledger = Ledger(self.home)

    def rng(self, *purpose: str) -> np.random.Generator:
        """As in every project, from a stream of its own where the replay has one."""
        return super().rng(*purpose, *([self.stream] if self.stream else []))

    def begin_from(self, other: "Replay") -> None:
        """Take over the state of another replay, all of it or nothing; large files are shared, none is ever changed."""
        partial = self.home.root.with_name(f".{self.home.root.name}.{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(
            other.home.root, partial, copy_function=_share, ignore=shutil.ignore_patterns(*OF_OTHERS), symlinks=True
        )
        partial.rename(self.home.root)


def prepare(now: Replay, log: Log) -> None:
    """Register the labelled images of the source, cut the splits and embed; what is there already stays.

    Raises:
        ConfigError: If the source has no labelled image.
    """
    if now.ledger.has_splits():
        return
    _register(now, log)
    wanted, store, provider = now.settings.embeddings, now.ledger.vectors, provider_of(now)
    paths = {row.sample_id: now.home.locate(row.path) for row in now.ledger.samples().itertuples()}
    done = embed(
        provider, paths, store.known(wanted.provider, provider.version),
        keep=lambda ids, vectors: store.keep(wanted.provider, provider.version, ids, vectors),
        on_progress=lambda _done, _total: None,
    )  # fmt: skip
    store.save(wanted.provider, provider.version, done.ids, done.vectors, {"recipe": wanted.recipe})
    settings = now.settings.splits
    splits = cut(
        now.ledger.samples(), sizes_of(now), seed=now.settings.seed, grouping=grouping_of(now),
        from_source=settings.from_source,
    )  # fmt: skip
    now.ledger.save_splits(splits)  # last: where it is, all is there


def _register(now: Replay, log: Log) -> None:
    source = sources_of(now)
    inspected = inspect_all(source.images, {}, lambda _done, _total: None)
    files = pd.DataFrame([asdict(file) | {"path": now.home.relative(file.path)} for file in inspected])
    if files.empty:
        raise ConfigError("The source has no images", "Correct source in labelloop.yaml.")
    labels, labelled, _ = labels_by_sample(files, path_labels(now, source))
    splits = {now.home.relative(path): name for path, name in source.splits.items()}
    samples = samples_table(files, splits, labelled, pd.DataFrame(columns=SAMPLE_COLUMNS))
    usable = samples["labelled"] & ~samples["sample_id"].isin(without_their_boxes(labels))
    if not usable.any():
        raise ConfigError(
            f"None of the {len(samples)} images of the source has boxes to replay from",
            "Name a labelled data set under source in labelloop.yaml: `labelloop init --from PATH`.",
        )
    freeze_schema(now, source.object_classes, set(labels.loc[labels["kind"] != LabelKind.TAG, "label"]))
    now.ledger.save_source_annotations(labels)
    now.ledger.save_samples(samples[usable].astype({"dhash": "uint64"}))
    log(f"labels: {', '.join(f'{each.type} {each.path}' for each in now.settings.all_sources)}")
    log(f"{int(usable.sum())} labelled images, {int((~usable).sum())} without labels are left out")


def score(now: Replay) -> None:
    """ZCore of the pool, from this replay's seed."""
    ids, vectors = now.ledger.embeddings(now.settings.embeddings.provider)
    pool = set(now.ledger.in_split(Split.POOL))
    rows = [row for row, sample_id in enumerate(ids) if sample_id in pool]
    scores = zcore_scores(vectors[rows], **now.settings.zcore.model_dump(), seed=now.settings.seed)
    made_from = now.ledger.vectors.key(now.settings.embeddings.provider)
    result = pd.DataFrame({"sample_id": [ids[row] for row in rows], "zcore": scores, "embeddings": made_from})
    now.ledger.save_zcore(result)


def answer(now: Replay, batch: str, sample_ids: Iterable[str]) -> None:
    """Label a batch as the source does: a label version like one that people drew."""
    if now.ledger.has_labels(batch):
        return
    truth, sizes = now.ledger.source_labels(), now.ledger.samples().set_index("sample_id")
    truth = truth[truth["label"].isin(now.ledger.schema().classes)]
    boxes = dict(list(truth.assign(id=np.arange(len(truth))).groupby("sample_id")))
    frames = []
    for number, sample_id in enumerate(sorted(sample_ids)):
        own = boxes.get(sample_id, truth.iloc[:0].assign(id=0))
        shapes = tuple(
            {"id": int(row.id), "type": RECTANGLE, "label": row.label, "points": list(corners)}
            for row, corners in zip(own.itertuples(), own[CORNERS].to_numpy(dtype=float).tolist(), strict=True)
        )
        size = sizes.loc[sample_id]
        frames.append(
            AnnotatedFrame(
                number, sample_id, int(size["width"]), int(size["height"]), deleted=False, job_id=None, shapes=shapes,
                tags=(), tracks=(),
            )
        )  # fmt: skip
    content = TaskContent(1, batch, "", "", tuple(frames))
    now.ledger.save_labels(batch, [content], {frame.name: frame.name for frame in frames})


def answer_held_out(now: Replay) -> None:
    """Label val, which steers strategies, and test, which measures them."""
    for batch, split in ((HOLDOUT, Split.VAL), (TEST, Split.TEST)):
        found = now.ledger.in_split(split)
        if found:
            answer(now, batch, found)


def _share(source: str, target: str) -> None:
    with suppress(OSError):
        os.link(source, target)
        return
    atomic.write_bytes(Path(target), Path(source).read_bytes())
