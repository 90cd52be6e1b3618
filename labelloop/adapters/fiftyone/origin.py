"""What a sample says of itself in the App: where in CVAT its labels come from, and what its file name tells."""

from typing import Any

import pandas as pd
import pymongo
from pymongo.errors import ConnectionFailure

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.environment import database_name
from labelloop.adapters.files.home import Home
from labelloop.core.errors import ConfigError, DatabaseBusyError
from labelloop.core.name_fields import NameFields, clashing
from labelloop.core.vocabulary import Field, Provenance, Tag

NAME_FIELDS = "name_fields"  # key in `dataset.info`: fields that come from file names


def show_origin(loop: LoopDataset, origin: pd.DataFrame) -> None:
    """Set the fields of `Provenance`, and the address of the task, from a row for each sample."""
    if origin.empty:
        return
    shown = origin[[*map(str, Provenance), str(Field.CVAT_URL)]]
    plain = shown.astype(object).where(shown.notna(), None).to_dict("records")
    loop.write(dict(zip(origin["sample_id"].tolist(), plain, strict=True)))


def show_removed(loop: LoopDataset, removed: list[str], reviewed: list[str]) -> None:
    """Tag the samples whose frame was deleted in CVAT; those that are back lose the tag."""
    loop.view_of(reviewed).match_tags(Tag.REMOVED).untag_samples(Tag.REMOVED)
    if removed:
        loop.view_of(removed).tag_samples(Tag.REMOVED)


def show_name_fields(loop: LoopDataset, fields: NameFields) -> None:
    """Let every sample say what its file name tells; fields that come from no group any more go.

    Raises:
        ConfigError: If a group bears the name of a field that is somebody else's.
    """
    import fiftyone as fo

    kinds: dict[type, Any] = {int: fo.IntField, float: fo.FloatField, str: fo.StringField}
    ours, schema = set(loop.dataset.info.get(NAME_FIELDS, [])), loop.dataset.get_field_schema()
    clashes = clashing(fields.types, set(schema) - ours)
    if clashes:
        raise ConfigError(
            f"annotation.name_fields would write over the fields {', '.join(clashes)}",
            "Give these groups other names, or remove the fields in the App.",
        )
    wanted = {name: kinds[kind] for name, kind in fields.types.items()}
    gone = [name for name in sorted(ours & set(schema)) if type(schema[name]) is not wanted.get(name)]
    # First of all, so that a field of ours is never taken for somebody else's.
    loop.write_info(NAME_FIELDS, sorted({*wanted, *gone}))
    if gone:
        loop.dataset.delete_sample_fields(gone)
    for name, kind in wanted.items():
        loop.dataset.add_sample_field(name, kind)
        loop.set_values(name, dict.fromkeys(loop.known_ids()) | dict(fields.values[name]))
    loop.write_info(NAME_FIELDS, sorted(wanted))


def read_info(home: Home, uri: str, name: str, key: str) -> Any:
    """A record of `dataset.info`, straight from the database; None where there is none.

    Opening the data set would write when it was opened, and load FiftyOne.

    Raises:
        DatabaseBusyError: If the database does not answer.
    """
    try:
        with pymongo.MongoClient(uri) as client:
            described = client[database_name(home)]["datasets"].find_one({"name": name}, {f"info.{key}": 1})
    except ConnectionFailure as error:
        raise DatabaseBusyError(f"FiftyOne's database does not answer: {error}", "It is asked again.") from error
    return ((described or {}).get("info") or {}).get(key)
