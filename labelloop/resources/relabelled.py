"""Labels of images that people went through again, in FiftyOne: there they lie over those of before."""

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.resources.project import Project
from labelloop.resources.shown import show_version


def show_relabels(now: Project, loop: LoopDataset) -> None:
    """Let these labels be the ones that are seen; to be called whenever labels of before were shown again."""
    for name in filter(now.ledger.has_labels, now.ledger.relabels()):
        version = now.ledger.label_version(name)
        show_version(now, loop, name, version, version.reviewed)
