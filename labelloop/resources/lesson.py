"""What a model may learn, and what it is measured by: only classes that people looked for on every image of it.

YOLO takes whatever is not labelled for background, and no label says "not looked for". So a class that was appended
is learnt once the images were gone through for it, and counts in mAP once val was. Until then the images stay, and
the class waits.
"""

from dataclasses import dataclass

from labelloop.core.annotation import content_hash
from labelloop.core.looked import common_version, lacking
from labelloop.core.vocabulary import Split, previous_iteration
from labelloop.resources.labelled import Labelled, labelled
from labelloop.resources.project import Project


@dataclass(frozen=True, eq=False)
class Lesson:
    """Images with labels of the same classes.

    Attributes:
        data: The labels, of these classes alone.
        version: Version of the class list.
        classes: Names, in the order of their ids.
        waiting: Classes of today that are not among them, because people have not looked for them everywhere.
        unseen: Images that people did not look at with today's class list.
        left_out: Those of the images that were left out for it.
    """

    data: Labelled
    version: int
    classes: tuple[str, ...]
    waiting: tuple[str, ...]
    unseen: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What is not looked for, and the remedy; empty when all is well."""
        if not self.unseen:
            return ""
        names = f"{len(self.unseen)} of {len(self.data.reviewed) + len(self.left_out)} images were labelled before"
        fate = f"; {len(self.left_out)} of them are left out" if self.left_out else ""
        wait = f"; {', '.join(self.waiting)} wait until they are gone through" if self.waiting else ""
        return f"{names} a class was appended{fate}{wait}: `labelloop relabel` sends them to people again"


def lesson(now: Project, iteration: str) -> Lesson:
    """What the model of an iteration learns: the labels of all batches so far.

    `train.older_labels` says whether the newest classes or the oldest images have to wait. A class that the model
    before knows is never forgotten: an image on which nobody looked for it is left out.
    """
    data = labelled(now, now.ledger.labelled_batches(iteration)).of(now.ledger.in_split(Split.POOL))
    schema = now.ledger.schema()
    version = common_version(data.looked_for.values(), schema)
    if now.settings.train.older_labels == "leave_out":
        version = max(data.looked_for.values(), default=schema.version)
    version = max(version, _learnt(now, iteration))
    return _lesson(now, data, version)


def measure(now: Project) -> Lesson:
    """What models are measured by: the labels of val, of the classes that were looked for on all of it."""
    truth = labelled(now, []).of(now.ledger.in_split(Split.VAL))
    return _lesson(now, truth, common_version(truth.looked_for.values(), now.ledger.schema()))


def yardstick(val: Lesson) -> str:
    """What tells whether two figures of mAP can be compared: the same images and the same classes."""
    return content_hash([list(val.data.reviewed), len(val.classes)])


def _lesson(now: Project, data: Labelled, version: int) -> Lesson:
    schema = now.ledger.schema()
    classes, left_out = schema.classes_at(version), tuple(data.older_than(version))
    kept = data.of(set(data.reviewed) - set(left_out)).speaking_of(classes)
    return Lesson(kept, version, classes, lacking(schema, version), tuple(data.older_than(schema.version)), left_out)


def _learnt(now: Project, iteration: str) -> int:
    """Version of the class list that the model to go on from has learnt."""
    before = previous_iteration(iteration)
    record = (now.ledger.read_or_none("models", before) if before else None) or {}
    return int(record.get("schema_version", 1))
