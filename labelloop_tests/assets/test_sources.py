"""Half-labelled sets, the commonest start: what is labelled trains, what is not is the pool."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from labelloop.adapters import mongod
from labelloop.adapters.cvat.access import access_from_file
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.images import sample_id
from labelloop.adapters.sources import read_source
from labelloop.core.vocabulary import HELD_OUT, Source, Split
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.labelled import labelled, labelled_test
from labelloop.resources.pool import remaining_pool
from labelloop.resources.project import Project
from labelloop.resources.rebuild import rebuild
from labelloop.sandbox.annotator import HiddenTruth, annotate_open_tasks
from labelloop.sandbox.scenes.dataset import write_scenes
from labelloop.sandbox.server.running import SandboxServer
from labelloop.settings.model import SourceSettings
from labelloop_tests.assets.test_pull import finished_task
from labelloop_tests.fakes import MemorisingDetector
from labelloop_tests.worlds import World, failure_of, metadata_of

pytestmark = pytest.mark.slow
SIDE, COUNT = 96, 40
CORNERS = ["x1", "y1", "x2", "y2"]


def whole_truth(folder: Path) -> pd.DataFrame:
    """Boxes of all scenes, by sample id: what nobody but the annotators knows."""
    boxes = read_source(SourceSettings(type="voc", path=str(folder / "scenes")), folder).boxes
    ids = {path: sample_id(path.read_bytes()) for path in set(boxes["path"])}
    return boxes.assign(sample_id=boxes["path"].map(ids))[["sample_id", "label", *CORNERS]]


class KnowingDetector(MemorisingDetector):
    """Finds objects also where the source has no label."""

    scenes: str = ""

    def truth(self, now: Project) -> pd.DataFrame:
        return whole_truth(Path(self.scenes))


def half_coco(folder: Path, shapes: str = "box") -> dict[str, Any]:
    """Every second scene annotated, every scene listed, as CVAT exports a task in the middle of its work."""
    source = read_source(SourceSettings(type="voc", path=str(folder / "scenes")), folder)
    images = [{"id": n, "file_name": p.name, "width": SIDE, "height": SIDE} for n, p in enumerate(source.images)]
    classes = ["zero", "one", "two", "three", "four"]
    annotations = []
    for number, path in enumerate(source.images):
        for row in source.boxes[source.boxes["path"] == path].itertuples() if number % 2 == 0 else ():
            x, y, width, height = row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1
            ring = [x, y, row.x2, y, row.x2, row.y2, x, row.y2]
            shape = {"bbox": [x, y, width, height]} if shapes == "box" else {"segmentation": [ring]}
            annotations.append({"image_id": number, "category_id": classes.index(row.label) + 1, **shape})
    categories = [{"id": n, "name": name} for n, name in enumerate(classes, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances_default.json").write_text(json.dumps(content))
    return {"type": "coco", "path": "."} | {"images": "scenes/images", "annotations": "instances_default.json"}


def half_yolo(folder: Path) -> dict[str, Any]:
    """A published val, labelled as a whole, and a train set of which every second image has a label file."""
    source = read_source(SourceSettings(type="voc", path=str(folder / "scenes")), folder)
    classes = ["zero", "one", "two", "three", "four"]
    for number, path in enumerate(source.images):
        split = "val" if number % 5 == 0 else "train"
        target = folder / "yolo" / "images" / split / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        if split == "val" or number % 2:
            label = folder / "yolo" / "labels" / split / f"{path.stem}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            rows = source.boxes[source.boxes["path"] == path]
            lines = [
                f"{classes.index(r.label)} {(r.x1 + r.x2) / 2 / SIDE} {(r.y1 + r.y2) / 2 / SIDE} "
                f"{(r.x2 - r.x1) / SIDE} {(r.y2 - r.y1) / SIDE}"
                for r in rows.itertuples()
            ]
            label.write_text("\n".join(lines))
    card = f"names: {classes}\ntrain: images/train\nval: images/val\n"
    (folder / "yolo" / "data.yaml").write_text(card)
    return {"type": "yolo", "path": "yolo"}


@pytest.fixture
def half(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A project on a CVAT of its own; no source and no trust yet."""
    write_scenes(tmp_path / "scenes", count=COUNT, seed=3, side=SIDE)
    (tmp_path / ".labelloop").mkdir()
    with SandboxServer(tmp_path / "cvat", anonymous_limit=0) as server:
        access = access_from_file(server.data / "credentials.json")
        monkeypatch.setenv("CVAT_URL", access.url)
        monkeypatch.setenv("CVAT_USERNAME", access.username)
        monkeypatch.setenv("CVAT_PASSWORD", access.password)
        world = World(tmp_path, dg.DagsterInstance.ephemeral(), detector=KnowingDetector(scenes=str(tmp_path)))
        world.configure(
            name=f"half-{tmp_path.name}", annotation={"push": True, "segment_size": 5},
            batch={"budget": 6, "golden_per_batch": 1}, splits={"golden": 3.0, "test": 4.0, "val": 6.0},
            zcore={"n_sample": 300},
        )  # fmt: skip
        yield world
        world.close()


def annotate(world: World) -> None:
    """People draw what is really there, also where the source says nothing."""
    now = world.now
    truth = HiddenTruth(whole_truth(world.folder), frozenset(now.ledger.samples()["sample_id"]))
    annotate_open_tasks(
        world.cvat.server(now), now.settings.project_name, truth, now.settings.annotators, now.settings.seed
    )


def turn(world: World) -> None:
    world.turn([("prepare_pool", None), ("next_batch", "v0"), ("send_holdout", None)])
    annotate(world)
    world.turn([("take_holdout", None), ("label_loop", "v0"), ("next_batch", "v1")])


def trained_on(world: World, iteration: str) -> set[str]:
    model = world.now.ledger.read("models", iteration)["model"]
    return set(eval((world.now.ledger.model_folder(model) / "weights.pt").read_text()))  # noqa: S307


def given(world: World) -> set[str]:
    samples = world.now.ledger.samples()
    return set(samples.loc[samples["labelled"], "sample_id"])


def looked_at(world: World) -> set[str]:
    """Images with labels that count, those of test included, which nothing but its report reads."""
    return {*labelled(world.now, []).reviewed, *labelled_test(world.now).reviewed}


@pytest.mark.parametrize("make", [half_coco, half_yolo])
def test_labelled_images_train_v0_and_are_never_selected_and_the_rest_is_the_pool(half: World, make) -> None:
    half.configure(source=make(half.folder), trust_source_labels="all")
    turn(half)
    ledger, known = half.now.ledger, given(half)
    assert ledger.schema().classes == ("zero", "one", "two", "three", "four")
    pool, held = set(ledger.in_split(Split.POOL)), set(ledger.in_split(*HELD_OUT))
    assert known & pool
    assert pool - known
    batches = [ledger.manifest(iteration) for iteration in ("v0", "v1")]
    own = [set(rows.loc[rows["source"] != Source.GOLDEN, "sample_id"]) for rows in batches]
    assert own[0] | own[1] <= pool - known
    assert not own[0] & own[1]
    # Nobody looked at the other images: they are neither trained on nor counted as empty.
    assert trained_on(half, "v0") == (known & pool) | own[0]
    sent = set(ledger.manifest("holdout")["sample_id"])
    assert sent == set(ledger.in_split(Split.VAL, Split.GOLDEN)) - known
    assert ledger.read("reports", "v0")["labels_used"] == len(sent) + len(batches[0])
    assert set(remaining_pool(half.now).index) == pool - known - own[0] - own[1]
    truth = whole_truth(half.folder)
    boxes = labelled(half.now, ["v0"]).boxes
    assert len(boxes) == truth["sample_id"].isin(set(labelled(half.now, ["v0"]).reviewed)).sum()
    assert not held & own[0]


def test_without_trust_the_labels_count_for_nobody_and_every_image_may_be_selected(half: World) -> None:
    half.configure(source=half_coco(half.folder), trust_source_labels="none", batch={"budget": 24})
    half.turn([("prepare_pool", None), ("next_batch", "v0"), ("send_holdout", None)])
    ledger, known = half.now.ledger, given(half)
    assert labelled(half.now, []).reviewed == ()
    assert ledger.selected() & known
    assert set(ledger.manifest("holdout")["sample_id"]) == set(ledger.in_split(Split.VAL, Split.GOLDEN))


def test_with_trust_in_the_hold_out_alone_the_pool_is_unlabelled(half: World) -> None:
    half.configure(source=half_yolo(half.folder), trust_source_labels="holdout")
    half.turn([("prepare_pool", None)])
    ledger, known = half.now.ledger, given(half)
    assert looked_at(half) == known & set(ledger.in_split(*HELD_OUT))
    assert set(remaining_pool(half.now).index) == set(ledger.in_split(Split.POOL))


def test_polygons_train_only_where_the_settings_say_so_and_are_shown_as_what_they_are(half: World) -> None:
    half.configure(source=half_coco(half.folder, "polygon"), trust_source_labels="all")
    result = half.run("prepare_pool")
    assert result.success, failure_of(result)
    said = metadata_of(result, "source_images")
    assert said["images not trained on: an object is no box"] == said["images with labels of the source"] > 0
    assert labelled(half.now, []).reviewed == ()
    assert set(remaining_pool(half.now).index) == set(half.now.ledger.in_split(Split.POOL))
    half.configure(source=half.now.settings.source.model_dump() | {"shapes_as_boxes": True})
    half.turn([("prepare_pool", None)])
    assert looked_at(half) == given(half)
    home = half.now.home
    dataset = LoopDataset.open(home, mongod.ensure(home), half.now.settings.name).dataset
    shown = dataset.count("ground_truth_polylines.polylines")
    assert shown == len(half.now.ledger.source_annotations()) > 0
    rebuild(half.now, DatasetResource(), lambda _: None)
    again = LoopDataset.open(home, mongod.ensure(home), half.now.settings.name).dataset
    assert again.count("ground_truth_polylines.polylines") == shown


def test_a_split_that_nobody_knows_is_refused_with_those_that_are_known(half: World) -> None:
    source = half_yolo(half.folder)
    card = half.folder / "yolo" / "data.yaml"
    card.write_text(card.read_text().replace("val: images/val", "fold7: images/val"))
    half.configure(source=source)
    result = half.run("prepare_pool")
    assert "The source has splits that labelloop does not know: fold7. Rename them to one of train" in failure_of(
        result
    )


def test_a_project_of_cvat_alone_needs_no_folder(half: World) -> None:
    images = sorted((half.folder / "scenes" / "images").iterdir())
    finished_task(half, images)
    half.configure(source={"type": "none"}, annotation={"pull_project": "Existing", "push": True})
    half.configure(classes=["zero", "one", "two", "three", "four"], trust_source_labels="all")
    result = half.run("prepare_pool")
    assert result.success, failure_of(result)
    assert metadata_of(result, "source_images")["status"].startswith("source.type is none")
    assert len(looked_at(half)) == len(images)
    assert rebuild(half.now, DatasetResource(), lambda _: None) == len(images)


def test_two_sources_are_one_pool_and_an_image_in_both_keeps_its_label(half: World) -> None:
    coco = half_coco(half.folder)
    copies = half.folder / "aaa"
    copies.mkdir()
    for path in sorted((half.folder / "scenes" / "images").iterdir())[:4]:
        (copies / path.name).write_bytes(path.read_bytes())
    half.configure(sources=[{"type": "folder", "path": "aaa"}, coco], trust_source_labels="all")
    half.turn([("prepare_pool", None)])
    samples = half.now.ledger.samples()
    assert len(samples) == COUNT
    assert samples.loc[samples["path"].str.startswith("aaa/"), "labelled"].sum() == 2
    boxes = half.now.ledger.source_labels()
    copied = set(samples.loc[samples["path"].str.startswith("aaa/"), "sample_id"])
    assert len(boxes[boxes["sample_id"].isin(copied)]) > 0
