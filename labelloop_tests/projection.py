"""All that a FiftyOne data set says, document by document, without what is drawn by lot: ids and moments."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.belonging import MARK
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.rebuild import rebuild
from labelloop_tests.worlds import World

BY_LOT = {"_id", "_dataset_id", "_rand", "created_at", "last_modified_at"}


def shown(world: World) -> dict[str, Any]:
    """What FiftyOne shows of a project: fields of every sample, views, maps, workspaces, evaluations, info."""
    dataset = _open(world).dataset
    dataset.reload()
    documents = {each["sample_id"]: each for each in dataset._sample_collection.find()}
    names = _names(documents)
    maps = {key: _map(dataset, key, names) for key in dataset.list_brain_runs()}
    mark = {key: value for key, value in dataset.info[MARK].items() if key != "media_root"}
    fields = dataset.app_config.active_fields
    return {f"sample {sample_id[:8]}": _plain(each, names) for sample_id, each in documents.items()} | {
        "fields": sorted(dataset.get_field_schema()),
        "views": {name: _view(dataset, name) for name in dataset.list_saved_views()},
        "maps": maps,
        "workspaces": sorted(dataset.list_workspaces()),
        "evaluations": {key: _evaluation(dataset, key) for key in dataset.list_evaluations()},
        "info": {**dataset.info, MARK: mark},
        "drawn at first": list(fields.paths) if fields else [],
    }


def rebuilt(world: World) -> dict[str, Any]:
    """The same of a data set that `labelloop rebuild` makes from the files, beside the one that is there."""
    with _other_name(world):
        rebuild(world.now, DatasetResource(), lambda _: None)
        found = shown(world)
        _open(world).dataset.delete()
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any], path: str = "") -> list[str]:
    """Where two of them differ, one line each."""
    found = []
    for key in sorted({*one, *other}):
        a, b, here = one.get(key), other.get(key), f"{path}/{key}"
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, here)
        elif repr(a) != repr(b):  # a share of nothing is no number, and not even equal to itself
            found.append(f"{here}: {str(a)[:150]} | {str(b)[:150]}")
    return found


@contextmanager
def _other_name(world: World) -> Iterator[None]:
    name = world.now.settings.name
    # The CVAT project bears the name of the data set, unless somebody says otherwise; nobody is asked meanwhile.
    world.configure(name=f"rebuilt-{uuid.uuid4().hex[:8]}")
    try:
        yield
    finally:
        world.configure(name=name)


def _open(world: World) -> LoopDataset:
    home = world.now.home
    return LoopDataset.open(home, mongod.ensure(home), world.now.settings.name)


def _names(documents: Mapping[str, Any]) -> dict[str, str]:
    """What each label is called that has an id: its sample, field and place."""
    found = {}
    for sample_id, document in documents.items():
        for field, value in document.items():
            for place, label in enumerate(_labels(value)):
                found[str(label["_id"])] = f"{sample_id}/{field}/{place}"
    return found


def _labels(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        return []
    return next((part for part in value.values() if isinstance(part, list)), [])


def _plain(value: Any, names: Mapping[str, str]) -> Any:
    """Without ids, in order of the keys, absent and None being the same; ids of labels become their names."""
    if isinstance(value, dict):
        kept = {key: each for key, each in sorted(value.items()) if key not in BY_LOT and each is not None}
        return {key: sorted(each) if key == "tags" else _plain(each, names) for key, each in kept.items()}
    if isinstance(value, list):
        return [_plain(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def _view(dataset: Any, name: str) -> tuple[str, list[str]]:
    return dataset.get_saved_view_info(name)["description"], sorted(dataset.load_saved_view(name).values("sample_id"))


def _map(dataset: Any, key: str, names: Mapping[str, str]) -> dict[str, list[float]]:
    found = dataset.load_brain_results(key)
    whose = found.sample_ids if found.config.patches_field is None else found.label_ids
    said = dict(zip(*dataset.values(["id", "sample_id"]), strict=True)) | dict(names)
    pairs = zip(whose, np.asarray(found.points).tolist(), strict=True)
    return {said.get(str(one), f"gone {one}"): [round(each, 4) for each in point] for one, point in pairs}


def _evaluation(dataset: Any, key: str) -> Any:
    found = dataset.load_evaluation_results(key)
    return sorted(zip(map(str, found.ytrue), map(str, found.ypred), map(str, found.ious), strict=True))
