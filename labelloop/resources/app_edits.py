"""What people changed in the FiftyOne App on labels that came from CVAT, as content of its tasks: only when asked.

Labels are compared with what an image shows that nobody touched, made anew from the label version. What has no
difference there has none in the task. What would not come back as people left it is refused, label by label.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.label_specs import labels_there
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.edits import (
    COMPARED,
    OnSample,
    boxes_as_shown,
    read_samples,
    tags_as_shown,
    with_tags_known,
)
from labelloop.adapters.fiftyone.shapes import as_shown
from labelloop.adapters.files.stored_labels import StoredLabels
from labelloop.core.annotation import RawShape, TaskContent
from labelloop.core.as_left import State, refuse_unlike, state
from labelloop.core.carried import attributes_said
from labelloop.core.edited import Shown, edited
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.shape_labels import ShapeLabel
from labelloop.core.task_labels import TaskLabels
from labelloop.core.vocabulary import SOURCE, Field
from labelloop.resources.project import Project
from labelloop.resources.shown import shapes_besides, tells_of_image

PARTS = ("shapes", "elements")


@dataclass(frozen=True)
class Edits:
    """The tasks of a batch with what people changed in the App, and what it was read from.

    Attributes:
        contents: The tasks as they are to be.
        state: What the images show that were compared, by sample and field.
        attributes: Names of attributes that CVAT has, which were looked for.
        not_shown: Images of the batch that do not show the labels that were last taken; they stay as they are.
    """

    contents: tuple[TaskContent, ...]
    state: State
    attributes: tuple[str, ...]
    not_shown: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The edits as JSON-like values."""
        return {**vars(self), "contents": [content.to_dict() for content in self.contents]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Edits":
        """What `to_dict` made, read back from JSON."""
        contents = tuple(TaskContent.from_dict(content) for content in plain["contents"])
        return cls(contents, plain["state"], tuple(plain["attributes"]), int(plain["not_shown"]))


def read_edits(
    now: Project, loop: LoopDataset, server: CvatServer, batch: str, only: Collection[str] | None = None
) -> Edits:
    """The tasks of a batch as they are after what people changed in the App; nothing is changed anywhere.

    With `only` what is on other images counts as not shown.

    Raises:
        MissingStateError: If no image shows the labels of the batch.
        LabelError: If a label became something that cannot be brought to CVAT as it is; names it.
    """
    stored, current = now.ledger.stored_labels(batch), now.ledger.schema().current
    labels = labels_there(server, stored.contents, by_project=batch == SOURCE)
    there = {each.task_id: TaskLabels.of(labels[each.task_id], [each], current) for each in stored.contents}
    known = {name for each in there.values() for name in each.attributes}
    attributes = sorted(known | {name for content in stored.contents for _, name in attributes_said(content)})
    live = {sample_id: at for sample_id, at in _live(stored).items() if only is None or sample_id in only}
    found = read_samples(loop, live, attributes)
    samples = {each: shown for each, shown in found.items() if (shown.task_id, shown.revision) == live[each]}
    expected = as_untouched(now, batch, stored, attributes, samples)
    on = _showing(samples, expected)
    if not on:
        raise MissingStateError(
            f"No image in FiftyOne shows the labels of {batch} as they were last taken", "Run `labelloop rebuild`."
        )
    before = [label for label in expected if label.sample_id in on]
    after = _left(now, batch, stored, on, samples, before)
    was, left = state(before, on, COMPARED), state(after, on, COMPARED)
    touched = {sample_id for sample_id in on if was[sample_id] != left[sample_id]}
    contents = stored.contents
    if touched:  # also what is no difference there is not as people left it
        contents = _edited(now, batch, stored, Shown(on, before, after), touched, there)
        task_of = {sample_id: task_id for sample_id, (task_id, _) in live.items()}
        refuse_unlike(
            after,
            as_untouched(now, batch, _with(stored, contents), attributes, on),
            lambda label: _attributes(there[task_of[label.sample_id]], label),
        )
    return Edits(contents, left, tuple(attributes), len(live) - len(on))


def refuse_edited_since(now: Project, loop: LoopDataset, batch: str, edits: Edits) -> None:
    """Refuse to go on where an image shows neither what was read nor the labels of the batch as they are here.

    Raises:
        LabelError: If people went on in the App since; names the images.
    """
    stored = now.ledger.stored_labels(batch)
    expected = as_untouched(now, batch, stored, edits.attributes, edits.state)
    samples = read_samples(loop, edits.state, edits.attributes)
    today = _left(now, batch, stored, set(samples), samples, expected)
    seen, untouched = (state(labels, samples, COMPARED) for labels in (today, expected))
    odd = [
        sample_id
        for sample_id, fields in seen.items()
        if any(each not in (edits.state[sample_id][f], untouched[sample_id][f]) for f, each in fields.items())
    ]
    if odd:
        raise LabelError(
            f"Labels on {', '.join(odd)} were changed in the App since the edits of {batch} were read",
            "`labelloop rebuild` takes these last changes away; run the command again then, and make them anew.",
        )


def as_untouched(
    now: Project, batch: str, stored: StoredLabels, attributes: Collection[str], sample_ids: Collection[str]
) -> list[ShapeLabel]:
    """Labels of some images of a batch as these give them back when nobody touched them."""
    version, taken = stored.version(now.ledger.schema()), (stored.contents, stored.sample_of)
    wanted = [sample_id for sample_id in version.reviewed if sample_id in sample_ids]
    tagged = tells_of_image(now, batch, version, wanted)
    besides = (label for label in shapes_besides(now, version, taken) if label.sample_id in sample_ids)
    return [
        *boxes_as_shown(version.boxes, now.ledger.samples(), wanted),
        *as_shown(besides, attributes),
        *tags_as_shown(version.tags[version.tags["sample_id"].isin(tagged)]),
    ]


def _live(stored: StoredLabels) -> dict[str, tuple[int, str]]:
    """Task and revision of each image whose frame was not deleted."""
    return {
        stored.sample_of[frame.name]: (content.task_id, content.revision)
        for content in stored.contents
        for frame in content.frames
        if not frame.deleted
    }


def _showing(samples: Mapping[str, OnSample], expected: Sequence[ShapeLabel]) -> set[str]:
    """Images that have every field that has any of the labels which they are to show."""
    needed: dict[str, set[Field]] = {sample_id: {Field.HUMAN_LABELS} for sample_id in samples}
    for label in expected:
        needed.get(label.sample_id, set()).add(label.shown_in)
    return {sample_id for sample_id, shown in samples.items() if needed[sample_id] <= shown.fields}


def _left(
    now: Project,
    batch: str,
    stored: StoredLabels,
    on: Collection[str],
    samples: Mapping[str, OnSample],
    before: Sequence[ShapeLabel],
) -> list[ShapeLabel]:
    """Labels of images as people left them; classes of whole images only where the batch tells of them."""
    tagged = set(tells_of_image(now, batch, stored.version(now.ledger.schema()), sorted(on)))
    found = [label for sample_id in sorted(on) for label in samples[sample_id].labels]
    kept = [label for label in found if label.shown_in != Field.HUMAN_TAGS or label.sample_id in tagged]
    return with_tags_known(kept, before)


def _edited(
    now: Project,
    batch: str,
    stored: StoredLabels,
    shown: Shown,
    touched: Collection[str],
    there: Mapping[int, TaskLabels],
) -> tuple[TaskContent, ...]:
    settled = [label for label in shown.before if label.sample_id not in touched]
    after = [*settled, *(label for label in shown.after if label.sample_id in touched)]
    numbers = itertools.count(_highest(now, batch, stored) + 1)
    seen = replace(shown, after=after)
    return tuple(edited(each, stored.sample_of, seen, there[each.task_id], numbers) for each in stored.contents)


def _with(stored: StoredLabels, contents: Sequence[TaskContent]) -> StoredLabels:
    return StoredLabels(
        tuple(contents), stored.sample_of, stored.schema, stored.looked_for, stored.image_classes, stored.provenance
    )


def _attributes(there: TaskLabels, label: ShapeLabel) -> Collection[str]:
    known = there.by_shown.get(label.label)
    return known.attributes if known else ()


def _highest(now: Project, batch: str, stored: StoredLabels) -> int:
    """The highest id that anything of a batch has or had: a new shape must not be taken for an old one."""
    versions = [*stored.contents, *now.ledger.all_contents(batch)]
    items = (item for c in versions for f in c.frames for kind in (f.shapes, f.tags, f.tracks) for item in kind)
    sent = (now.ledger.read_or_none("prefilled", batch) or {"rows": []})["rows"]
    drawn = (int(row["shape_id"]) for row in sent if row["shape_id"] is not None)
    return max(itertools.chain([0], stored.provenance, drawn, *map(_ids, items)))


def _ids(item: RawShape) -> Iterator[int]:
    yield int(item.get("id") or 0)
    for part in (part for name in PARTS for part in item.get(name) or ()):
        yield from _ids(part)
