"""What people draw in the App, read straight from FiftyOne's database.

A sensor asks every few seconds, in a process that must not carry fiftyone: one light query for a batch tells how far
people are, and only a batch that has changed is read. Stages read the same way, so that both see the same revision.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymongo
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure

from labelloop.adapters.fiftyone.environment import database_name
from labelloop.adapters.files.home import Home
from labelloop.core.annotation import AnnotatedFrame, RawShape
from labelloop.core.drawn import RECTANGLE
from labelloop.core.errors import DatabaseBusyError, LabelError
from labelloop.core.vocabulary import AnnotationStatus, Backend, Field, Tag, batch_tag

MASK = "mask"
REBUILD = "Run `labelloop rebuild`, which makes the data set anew from the files and keeps what was drawn."


@dataclass(frozen=True)
class Asked:
    """The images of a batch that people were asked to label.

    Attributes:
        batch: Iteration, or `holdout`.
        sample_ids: Its images, in order.
        taken: Whether labels of it were taken back before.
    """

    batch: str
    sample_ids: tuple[str, ...]
    taken: bool


@dataclass(frozen=True)
class Looked:
    """How far people are with a batch: how many images they have not done, and when one was changed last."""

    waiting: int
    updated: str


class Drawings:
    """The samples of one data set, as documents of the database."""

    def __init__(self, samples: Collection) -> None:
        self._samples = samples

    def look(self, asked: Asked) -> Looked:
        """How far people are.

        Raises:
            LabelError: If images of the batch are not in the data set as they were when people were asked.
        """
        counts = {
            "_id": None, "found": {"$sum": 1}, "updated": {"$max": "$last_modified_at"},
            "waiting": {"$sum": {"$cond": [_waits(taken=asked.taken), 1, 0]}},
        }  # fmt: skip
        rows: list[dict[str, Any]] = list(self._samples.aggregate([{"$match": _of(asked)}, {"$group": counts}]))
        _require_all(asked, rows[0]["found"] if rows else 0)
        return Looked(rows[0]["waiting"], rows[0]["updated"].isoformat()) if rows else Looked(0, "")

    def waiting(self, asked: Asked) -> list[str]:
        """The images of a batch that people have not done, sorted."""
        query = {"$and": [_of(asked), {"$expr": _waits(taken=asked.taken)}]}
        return sorted(doc[Field.SAMPLE_ID] for doc in self._samples.find(query, {Field.SAMPLE_ID: 1}))

    def frames(
        self, asked: Asked, sizes: Mapping[str, tuple[int, int]], *, some: bool = False
    ) -> tuple[AnnotatedFrame, ...]:
        """All that people drew on a batch; boxes become pixels, and keep what FiftyOne says of them.

        Args:
            asked: The batch.
            sizes: Width and height of each image.
            some: Whether those that are there are enough.

        Raises:
            LabelError: If images of the batch are missing.
        """
        wanted = {Field.SAMPLE_ID: 1, Field.HUMAN_LABELS: 1, Field.HUMAN_TAGS: 1}
        found = {doc[Field.SAMPLE_ID]: doc for doc in self._samples.find(_of(asked), wanted)}
        if not some:
            _require_all(asked, len(found))
        numbers = iter(range(1, 1 << 31))
        return tuple(
            _frame(place, found[sample_id], sizes[sample_id], numbers)
            for place, sample_id in enumerate(asked.sample_ids)
            if sample_id in found
        )


@contextmanager
def reading(home: Home, uri: str, dataset: str) -> Iterator[Drawings | None]:
    """The drawings of a data set, or None when there is no such data set.

    Raises:
        DatabaseBusyError: If the database does not answer.
    """
    try:
        with pymongo.MongoClient(uri) as client:
            database = client[database_name(home)]
            described = database["datasets"].find_one({"name": dataset}, {"sample_collection_name": 1})
            yield Drawings(database[described["sample_collection_name"]]) if described else None
    except ConnectionFailure as error:
        raise DatabaseBusyError(f"FiftyOne's database does not answer: {error}", "It is asked again.") from error


def _of(asked: Asked) -> dict[str, Any]:
    # A sample without the tag of the batch was made anew since: what people drew is not on it.
    return {Field.SAMPLE_ID.value: {"$in": list(asked.sample_ids)}, "tags": batch_tag(asked.batch)}


def _waits(*, taken: bool) -> dict[str, Any]:
    """Whether people have not done an image, as an expression of MongoDB.

    At first an image carries the tag and is `selected`: it is done when the tag is gone or it is `annotated`. After
    its labels were taken the tag is gone and it is `annotated`: either one, put back, takes the image up again.
    """
    tagged = {"$in": [Tag.TO_ANNOTATE.value, {"$ifNull": ["$tags", []]}]}
    status = f"${Field.STATUS.value}"
    if taken:
        return {"$or": [tagged, {"$eq": [status, AnnotationStatus.SELECTED.value]}]}
    return {"$and": [tagged, {"$ne": [status, AnnotationStatus.ANNOTATED.value]}]}


def _require_all(asked: Asked, found: int) -> None:
    if found != len(asked.sample_ids):
        missing = len(asked.sample_ids) - found
        raise LabelError(
            f"{missing} of the {len(asked.sample_ids)} images of {asked.batch} are not in FiftyOne as they were, with "
            f"the tag {batch_tag(asked.batch)}",
            REBUILD,
        )


def _frame(place: int, sample: Mapping[str, Any], size: tuple[int, int], numbers: Iterator[int]) -> AnnotatedFrame:
    shapes = (sample.get(Field.HUMAN_LABELS) or {}).get("detections") or []
    tags = (sample.get(Field.HUMAN_TAGS) or {}).get("classifications") or []
    return AnnotatedFrame(
        frame=place,
        name=sample[Field.SAMPLE_ID],
        width=size[0],
        height=size[1],
        deleted=False,
        job_id=None,
        shapes=tuple({"id": next(numbers), **_shape(shape, size)} for shape in shapes),
        tags=tuple({"id": next(numbers), "label": tag.get("label") or "", **_origin(tag)} for tag in tags),
        tracks=(),
    )


def _shape(drawn: Mapping[str, Any], size: tuple[int, int]) -> RawShape:
    """What counts of a detection: what evaluations and the App write beside it is not people's."""
    x, y, width, height = drawn["bounding_box"]
    masked = {key: _plain(drawn[key]) for key in ("mask", "mask_path") if drawn.get(key) is not None}
    return {
        "type": MASK if masked else RECTANGLE,
        "label": drawn.get("label") or "",
        "points": [x * size[0], y * size[1], (x + width) * size[0], (y + height) * size[1]],
        "bounding_box": [x, y, width, height],  # exactly, for pixels cannot be made back into the same shares
        **masked,
        **_origin(drawn),
    }


def _origin(drawn: Mapping[str, Any]) -> dict[str, Any]:
    return {"source": Backend.FIFTYONE.value, "fiftyone": {"id": str(drawn["_id"])}}


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
