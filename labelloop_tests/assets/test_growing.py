"""Images that come later, and held-out sets that grow with them."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
from PIL import Image, ImageEnhance

from labelloop.adapters.images import sample_id
from labelloop.cli import changes
from labelloop.core.vocabulary import HELD_OUT, JobName, Split
from labelloop.resources.growth import history
from labelloop.resources.history import turns
from labelloop.resources.pool import remaining_pool
from labelloop.sandbox.scenes.dataset import write_scenes
from labelloop.sensors import cvat_tasks_completed, next_iteration
from labelloop_tests.test_sensors import Daemon
from labelloop_tests.worlds import World


def add_scenes(world: World, folder: Path, count: int) -> None:
    """New images with their labels in the source folder, and a brighter copy of every val image."""
    write_scenes(folder, count=count, seed=77, side=96)
    for part, suffix in (("images", "jpg"), ("annotations", "xml")):
        for path in (folder / part).glob(f"*.{suffix}"):
            shutil.copyfile(path, world.folder / "scenes" / part / f"late-{path.name}")


def brighter_copies(world: World, split: Split) -> set[str]:
    """Near-duplicates of the images of a split, in the source folder; returns their sample ids."""
    now = world.now
    paths = now.ledger.samples().set_index("sample_id")["path"]
    made = set()
    for one in now.ledger.in_split(split):
        copy = now.home.locate(paths[one]).with_name(f"copy-{one[:8]}.png")
        with Image.open(now.home.locate(paths[one])) as image:
            ImageEnhance.Brightness(image).enhance(1.02).save(copy)
        made.add(sample_id(copy.read_bytes()))
    return made


def stands(world: World) -> dict[str, str]:
    splits = world.now.ledger.splits()
    return dict(zip(splits["sample_id"], splits["split"], strict=True))


@pytest.mark.slow
def test_images_that_come_later_go_to_the_pool_unless_they_nearly_equal_a_held_out_one(world, tmp_path) -> None:
    one = world()
    one.turn([("prepare_pool", None)])
    before = stands(one)
    add_scenes(one, tmp_path / "more", 6)
    copies = brighter_copies(one, Split.VAL)
    one.turn([("prepare_pool", None)])
    after = stands(one)
    fresh = set(after) - set(before)
    assert {name: after[name] for name in before} == before
    assert {name for name in fresh if after[name] == Split.LEAK} == copies
    assert {after[name] for name in fresh - copies} == {Split.POOL}
    assert fresh - copies <= set(remaining_pool(one.now).index)
    assert not copies & set(remaining_pool(one.now).index)
    assert [version["why"] for version in history(one.now)] == ["cut", "newcomers"]


@pytest.mark.slow
def test_held_out_sets_grow_and_every_model_is_measured_by_the_new_val(world, tmp_path) -> None:
    one = world()
    one.turn_v0()
    one.turn([("next_batch", "v1")])
    add_scenes(one, tmp_path / "more", 40)
    one.turn([("prepare_pool", None)])
    now, before, tasks = one.now, stands(one), one.now.ledger.read("tasks", "holdout")["tasks"]
    measured = turns(now)[0].yardstick

    said: list[str] = []
    changes.extend(now, said.append)
    after = stands(one)
    held = {name for name, split in before.items() if split in HELD_OUT}
    joined = {name for name in after if after[name] != before[name]}
    assert {name: after[name] for name in held} == {name: before[name] for name in held}
    assert {before[name] for name in joined} == {"pool"}
    assert {after[name] for name in joined} >= {"val", "test"}
    assert not joined & (now.ledger.selected() | set(now.ledger.label_version("v0").reviewed))
    assert not joined & set(remaining_pool(now).index)
    assert (history(now)[-1]["why"], history(now)[-1]["seed"]) == ("extended", now.settings.seed)
    assert any("more images" in line for line in said)
    changes.extend(now, said.append)
    assert "nothing to add" in said[-1]

    daemon = Daemon(one)
    assert ("send_holdout", None, True) in daemon.act(next_iteration)
    grown = now.ledger.read("tasks", "holdout")["tasks"]
    assert [task["key"] for task in grown if task in tasks] == [task["key"] for task in tasks]
    assert {name for task in grown if task not in tasks for name in task["frames"].values()} == {
        name for name in joined if after[name] in ("val", "golden")
    }
    one.annotate()
    assert ("take_holdout", None, True) in daemon.act(cvat_tasks_completed)
    daemon.act(cvat_tasks_completed)
    assert turns(one.now)[0].yardstick != measured
    assert one.now.ledger.read("reports", "v0")["val_images"] == len(one.now.ledger.in_split(Split.VAL))
    assert len({turn.yardstick for turn in turns(one.now)}) == 1
    runs = one.instance.get_runs(dg.RunsFilter(job_name=JobName.SCORE_AGAIN.value))
    assert [run.tags["dagster/partition"] for run in runs] == ["v0"]
