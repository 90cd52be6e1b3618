"""Whose data set it is, and what has changed about its home since it was last opened."""

from collections.abc import Mapping
from typing import Any

from labelloop.adapters.files.home import Home, way_back
from labelloop.adapters.files.ledger import Ledger
from labelloop.core.errors import DatabaseError
from labelloop.core.vocabulary import SHAPE_FIELDS, Field

MARK = "labelloop"  # key in `dataset.info`


def refuse_of_others(dataset: Any, home: Home) -> None:
    """Two projects may share a database, but not a data set: each would take the other's samples for its own.

    Raises:
        DatabaseError: If the data set is that of another project, or was made without labelloop.
    """
    owner = dataset.info.get(MARK, {}).get("uuid")
    strange = owner is None and len(dataset) > 0 and not dataset.has_field(Field.SAMPLE_ID)
    if strange or owner not in (None, home.dataset_uuid()):
        whose = "was not made by labelloop" if strange else "belongs to another labelloop project"
        remedy = "Set `name` in labelloop.yaml to another name." + (f" {way_back(owner)}" if owner else "")
        raise DatabaseError(f"The FiftyOne data set '{dataset.name}' {whose}", remedy)


def follow(dataset: Any, home: Home) -> None:
    """Mark the data set as this home's, and bring it up to a home that was moved or a class that was renamed."""
    ledger = Ledger(home)
    schema = ledger.schema_or_none()
    now = {
        "uuid": home.dataset_uuid(), "media_root": str(home.media_root),
        "renamed": dict(schema.renamed) if schema else {},
    }  # fmt: skip
    before = dataset.info.get(MARK, {})
    if before == now:
        return
    if before.get("media_root") != now["media_root"] and len(dataset):
        samples = ledger.samples_or_empty()
        _move(dataset, {row.sample_id: str(home.locate(row.path)) for row in samples.itertuples()})
    if before.get("renamed", {}) != now["renamed"]:
        _rename(dataset, schema.renamed if schema else {})
    dataset.info[MARK] = now
    dataset.save()


def _move(dataset: Any, paths: Mapping[str, str]) -> None:
    """Let the samples point to where their images are."""
    ids, files = dataset.values([Field.SAMPLE_ID, "filepath"])
    dataset.set_values("filepath", [paths.get(sample_id, file) for sample_id, file in zip(ids, files, strict=True)])


def _rename(dataset: Any, names: Mapping[str, str]) -> None:
    """Let labels bear today's name of their class, in every field of boxes and in those of shapes."""
    import fiftyone as fo

    boxes = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    for field in [*boxes, *(str(field) for field in SHAPE_FIELDS if field not in boxes and dataset.has_field(field))]:
        dataset.map_labels(field, dict(names)).save(field)
