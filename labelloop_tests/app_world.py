"""A person at the App, played through FiftyOne's own API: draws, says done, takes up again."""

from collections.abc import Sequence
from typing import Any

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop_tests.worlds import World

Box = tuple[str, tuple[float, float, float, float]]  # label, and x, y, width, height in shares


def opened(world: World) -> LoopDataset:
    now = world.now
    loop = LoopDataset.open(now.home, mongod.ensure(now.home), now.settings.name)
    loop.dataset.reload()
    return loop


def sample_of(loop: LoopDataset, sample_id: str) -> Any:
    sample = loop.view_of([sample_id]).first()
    sample.reload()
    return sample


def draw(loop: LoopDataset, sample_id: str, *boxes: Box, tags: Sequence[str] = ()) -> None:
    """Replace what is drawn on an image; every object gets a new id, as when it is drawn by hand."""
    import fiftyone as fo  # noqa: PLC0415  # only after the database is known

    sample = sample_of(loop, sample_id)
    sample["human_labels"] = fo.Detections(
        detections=[fo.Detection(label=label, bounding_box=list(box)) for label, box in boxes]
    )
    if tags:
        sample["human_tags"] = fo.Classifications(classifications=[fo.Classification(label=tag) for tag in tags])
    sample.save()


def drawn(loop: LoopDataset, sample_id: str) -> list[Box]:
    found = sample_of(loop, sample_id)["human_labels"]
    return [(each.label, tuple(each.bounding_box)) for each in found.detections] if found else []


def set_status(loop: LoopDataset, sample_ids: Sequence[str], status: str) -> None:
    """What a click on annotation_status in the Annotate tab does."""
    for sample_id in sample_ids:
        sample = sample_of(loop, sample_id)
        sample["annotation_status"] = status
        sample.save()


def untag(loop: LoopDataset, sample_ids: Sequence[str]) -> None:
    """What the tag button of the grid does."""
    loop.view_of(sample_ids).untag_samples("to_annotate")


def tag(loop: LoopDataset, sample_ids: Sequence[str]) -> None:
    loop.view_of(sample_ids).tag_samples("to_annotate")
