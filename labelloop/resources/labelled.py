"""All that is known about what is on the images: from the source where it is trusted, and from people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from labelloop.adapters.files.ledger import HOLDOUT, SOURCE
from labelloop.core.bad_boxes import bad_boxes
from labelloop.core.label_version import BOX_COLUMNS, LabelVersion
from labelloop.core.looked import version_of_source
from labelloop.core.source_labels import without_their_boxes
from labelloop.core.vocabulary import HELD_OUT, TEST, Split
from labelloop.resources.project import Project

SINGLE_BOX_COLUMNS = list(BOX_COLUMNS)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of a set of images.

    Attributes:
        boxes: sample_id, label, x1, y1, x2, y2 and where each box came from.
        reviewed: Images whose boxes are all of their objects, those without a box included; sorted.
        by_people: How many images people looked at for this, an image labelled twice counted twice.
        looked_for: Version of the class list that each reviewed image was looked at with.
    """

    boxes: pd.DataFrame
    reviewed: tuple[str, ...]
    by_people: int
    looked_for: Mapping[str, int] = field(default_factory=dict)

    def of(self, sample_ids: Iterable[str]) -> "Labelled":
        """The labels of some of the images."""
        wanted = set(sample_ids) & set(self.reviewed)
        versions = {name: version for name, version in self.looked_for.items() if name in wanted}
        boxes = self.boxes[self.boxes["sample_id"].isin(wanted)]
        return Labelled(boxes, tuple(sorted(wanted)), self.by_people, versions)

    def speaking_of(self, classes: Iterable[str]) -> "Labelled":
        """The labels as if there were these classes alone."""
        return replace(self, boxes=self.boxes[self.boxes["label"].isin(set(classes))])

    def older_than(self, version: int) -> list[str]:
        """Images that people did not look at with the class list of this version."""
        return [name for name in self.reviewed if self.looked_for.get(name, version) < version]


def labelled(now: Project, batches: Iterable[str]) -> Labelled:
    """Labels of the source, the hold-out and these batches; for an image with several, the latest count.

    Where people went through labelled images again, for classes that came later, that counts for those of these
    images. An image that carries something which could not be stored as a box is left out: trained as it is, the
    object that is missing would count as background. Images of test are left out whoever labelled them.
    """
    known = _known(now, [SOURCE, HOLDOUT, *batches])
    return known.of(set(known.reviewed) - _test(now))


def labelled_test(now: Project) -> Labelled:
    """Labels of test, from the source where it is trusted, and from people. For `final_report` alone."""
    return _known(now, [SOURCE, TEST]).of(_test(now))


def _test(now: Project) -> set[str]:
    return set(now.ledger.in_split(Split.TEST)) if now.ledger.has_splits() else set()


def _known(now: Project, batches: Iterable[str]) -> Labelled:
    own = (SOURCE, HOLDOUT, TEST)
    held_out = set(now.ledger.in_split(*HELD_OUT)) if now.ledger.has_splits() else set()
    known, seen = _trusted(now), set[str]()
    for name in batches:
        if name in own and not now.ledger.has_labels(name):
            continue
        version = now.ledger.label_version(name)
        # A golden image hidden in a batch is a test of the annotators: its first labels stay the ones that count.
        fresh = set(version.reviewed) - (held_out if name not in own else set())
        known = _with(known, version, fresh)
        known = replace(known, by_people=known.by_people + len(version.reviewed))
        seen |= fresh
    for name in filter(now.ledger.has_labels, now.ledger.relabels()):
        version = now.ledger.label_version(name)
        again = (seen | set(known.reviewed)) & {*version.reviewed, *version.removed}
        known = _with(_without(known, again), version, again & set(version.reviewed))
        known = replace(known, by_people=known.by_people + len(again & set(version.reviewed)))
    return replace(known, boxes=known.boxes.reset_index(drop=True), reviewed=tuple(sorted(known.reviewed)))


def _with(known: Labelled, version: LabelVersion, sample_ids: set[str]) -> Labelled:
    """What is known, and the labels of these images as a label version has them."""
    fresh = sample_ids - set(version.incomplete)
    boxes = version.boxes[version.boxes["sample_id"].isin(fresh)]
    rest = _without(known, fresh)
    return Labelled(
        pd.concat([rest.boxes, boxes]) if len(rest.boxes) else boxes,
        (*rest.reviewed, *fresh),
        known.by_people,
        {**rest.looked_for, **{name: version.looked_for[name] for name in fresh}},
    )


def _without(known: Labelled, sample_ids: set[str]) -> Labelled:
    rest = tuple(name for name in known.reviewed if name not in sample_ids)
    versions = {name: known.looked_for[name] for name in rest}
    return Labelled(known.boxes[~known.boxes["sample_id"].isin(sample_ids)], rest, known.by_people, versions)


def _trusted(now: Project) -> Labelled:
    """Good boxes of the source, as far as they are trusted; an image with an object that is no box is left out."""
    if now.settings.trust_source_labels == "none" or now.settings.sandbox == "replay":
        return Labelled(pd.DataFrame(columns=SINGLE_BOX_COLUMNS), (), 0)
    samples, schema = now.ledger.samples(), now.ledger.schema()
    unfit = without_their_boxes(now.ledger.source_annotations())
    trusted = set(samples.loc[samples["labelled"], "sample_id"]) - unfit
    if now.settings.trust_source_labels == "holdout":
        trusted &= set(now.ledger.in_split(*HELD_OUT))
    labels = now.ledger.source_labels()
    boxes = labels[labels["sample_id"].isin(trusted) & labels["label"].isin(schema.classes)]
    sizes = {row.sample_id: (row.width, row.height) for row in samples.itertuples()}
    good = boxes.drop(bad_boxes(boxes, sizes).index).reindex(columns=SINGLE_BOX_COLUMNS)
    return Labelled(good, tuple(trusted), 0, dict.fromkeys(trusted, version_of_source(schema, labels["label"])))
