"""What people change in the App on labels that `cvat_pull` brought is kept before CVAT's are shown over it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from labelloop.adapters.cvat.pull import content
from labelloop.cli import restore as command
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import CvatUnreachableError, MissingStateError
from labelloop.core.vocabulary import Field
from labelloop.resources import repush, unsent
from labelloop.resources.backups import backups
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.shown import PULLED
from labelloop_tests.assets.test_pull_modes import (
    boxes_of,
    counting_writes,
    data_set,
    empty,
    pull,
    refused,
    server_of,
    two,
)
from labelloop_tests.worlds import World

__all__ = ["two"]
pytestmark = pytest.mark.slow

KEPT = "edits of the App, kept"
PIXELS = [16.0, 12.8, 48.0, 44.8]  # of 64


def edit(world: World, task: int, change: Callable[[Any], None]) -> str:
    """What a person does in the App on the first box of the first image of a task; the name of its frame."""
    sample = data_set(world).match({"cvat_task_id": task}).sort_by("cvat_frame").first()
    change(sample[Field.HUMAN_LABELS].detections[0])
    sample.save()
    return str(sample["cvat_frame_name"]).partition("/")[2]


def move(box: Any) -> None:
    box.bounding_box = [0.25, 0.2, 0.5, 0.5]


def kept(world: World, name: str) -> Any:
    return json.loads((world.now.home.root / "backups" / "source" / f"{name}.json").read_text())


def test_edits_on_pulled_labels_are_kept_as_their_whole_task_before_cvat_is_shown_again(two) -> None:
    world, first, second = two
    whole = TaskContent.from_dict(world.now.ledger.read("pulled", f"task-{second}"))
    name = edit(world, second, move)
    empty(world, first)
    shown = pull(world)
    assert shown[KEPT].startswith(f"from-app-{second}-")
    [content] = [each.content for each in backups(world.now, "source") if each.name == shown[KEPT]]
    assert [frame.name for frame in content.frames] == [frame.name for frame in whole.frames]
    boxes = {frame.name: [shape["points"] for shape in frame.shapes] for frame in content.frames}
    before = {frame.name: [shape["points"] for shape in frame.shapes] for frame in whole.frames}
    assert boxes == {**before, name: [pytest.approx(PIXELS)]}
    assert KEPT not in pull(world)


def test_edits_on_labels_of_a_task_whose_file_was_lost_are_kept_as_what_counts_of_it(two) -> None:
    world, first, second = two
    name = edit(world, second, move)
    (world.now.home.root / "pulled" / f"task-{second}.json").unlink()
    empty(world, first)
    shown = pull(world)
    [content] = [each.content for each in backups(world.now, "source") if each.name == shown[KEPT]]
    assert name in {frame.name.partition("/")[2] for frame in content.frames}


def test_a_pull_without_news_neither_keeps_nor_touches_what_was_changed_in_the_app(two) -> None:
    world, first, _ = two
    edit(world, first, move)
    with counting_writes(world) as written:
        assert KEPT not in pull(world)
        assert written() == ([], 0)
    found = data_set(world).match({"cvat_task_id": first}).sort_by("cvat_frame").first()[Field.HUMAN_LABELS].detections
    assert found[0].bounding_box == [0.25, 0.2, 0.5, 0.5]


def test_objects_are_made_of_those_images_alone_that_are_not_as_they_were_shown(two, monkeypatch) -> None:
    world, first, second = two
    read, looked_at = unsent.read_edits, list[set[str]]()

    def read_edits(*args: Any) -> Any:
        looked_at.append(set(args[-1]))
        return read(*args)

    monkeypatch.setattr(unsent, "read_edits", read_edits)
    empty(world, first)
    assert KEPT not in pull(world)
    edit(world, second, move)
    empty(world, second)
    assert KEPT in pull(world)
    [sample] = data_set(world).match({"cvat_task_id": second}).sort_by("cvat_frame").limit(1)
    assert looked_at == [{sample["sample_id"]}]


def test_what_is_shown_is_asked_once_by_a_pull(two, monkeypatch) -> None:
    world, first, _ = two
    ask, asked = DatasetResource.noted, list[str]()

    def noted(*args: Any) -> Any:
        asked.append(args[-1])
        return ask(*args)

    monkeypatch.setattr(DatasetResource, "noted", noted)
    pull(world)
    assert asked == [PULLED]
    empty(world, first)
    pull(world)
    pull(world)
    assert asked == [PULLED] * 2, "what is new is not shown, whatever is noted"


def test_edits_on_labels_of_a_task_that_is_gone_and_those_that_cvat_cannot_hold_are_kept_as_shown(two) -> None:
    world, first, second = two

    def rename(box: Any) -> None:
        box.label = "nothing of that name"

    edit(world, second, move)
    edit(world, first, rename)
    server_of(world).write("DELETE", f"/api/tasks/{second}", "deleting as people do")
    empty(world, first)
    name = pull(world)[KEPT]
    assert name.startswith("in-app/shown-")
    labels = [box["label"] for fields in kept(world, name).values() for box in fields["human_labels"]["detections"]]
    assert "nothing of that name" in labels
    assert len(labels) == 5


def restored(world: World, *names: str, over_people: bool = False) -> list[str]:
    """What `labelloop restore source` says."""
    said: list[str] = []
    if names:
        command.restore(world.now, "source", names, said.append, over_people=over_people, agreed=True)
    else:
        command.show(world.now, "source", said.append)
    return said


def edits_kept_by_a_pull(two: tuple[World, int, int]) -> str:
    """Name of the backup of what was changed on the second task, as the first one was pulled again."""
    world, first, second = two
    edit(world, second, move)
    empty(world, first)
    return str(pull(world)[KEPT])


def test_edits_that_a_pull_kept_go_into_the_task_of_people_and_come_back_from_there(two) -> None:
    world, first, second = two
    assert restored(world) == [
        "there is no backup of source: a pull makes one of what was changed in the App, before CVAT is shown again"
    ]
    edit(world, second, move)
    before = content(server_of(world), second)
    empty(world, first)
    name = pull(world)[KEPT]
    assert restored(world)[-1] == f"put one back: labelloop restore source --backup {name}"
    said = restored(world, name)
    assert any("1 changed" in line or "1 added, 1 removed" in line for line in said)
    assert said[-1].endswith("they are taken again by the sensors, or job prepare_pool")
    assert before.revision in {each.content.revision for each in backups(world.now, "source")}
    assert KEPT not in pull(world)
    sample = data_set(world).match({"cvat_task_id": second}).sort_by("cvat_frame").first()
    assert sample[Field.HUMAN_LABELS].detections[0].bounding_box == pytest.approx([0.25, 0.2, 0.5, 0.5])


def test_what_is_written_in_part_into_a_task_of_people_is_not_pulled(two) -> None:
    world, _, second = two
    name = edits_kept_by_a_pull(two)
    there = world.now.ledger.read("pulled", f"task-{second}")
    world.now.ledger.write("rewriting", f"source/task-{second}", [])
    assert f"writes is in the tasks #{second}. Run that command again." in refused(world)
    assert world.now.ledger.read("pulled", f"task-{second}") == there
    restored(world, name)
    assert KEPT not in pull(world)


def test_a_task_that_people_changed_since_the_pull_is_written_only_when_that_is_said(two) -> None:
    world, _, second = two
    name = edits_kept_by_a_pull(two)
    empty(world, second)
    with pytest.raises(MissingStateError, match=r"People changed tasks of source .*\(job prepare_pool\)"):
        restored(world, name)
    assert not any(frame.shapes for frame in content(server_of(world), second).frames)


def test_a_project_that_pulled_nothing_has_no_backup_of_it(world) -> None:
    one: World = world(source={"type": "none"}, classes=["cat"])
    with pytest.raises(MissingStateError, match="'source' was never sent to CVAT; sent were: none"):
        restored(one)


def broken_off(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restoring that does not hear from the server any more after its note."""

    def unheard(*_: Any) -> TaskContent:
        raise CvatUnreachableError("CVAT does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(repush, "write_prepared", unheard)
        with pytest.raises(CvatUnreachableError, match="perhaps written in part"):
            restored(world, name)


def test_a_task_that_was_deleted_after_half_of_it_was_written_holds_no_pull_back(two, monkeypatch) -> None:
    world, _, second = two
    name = edits_kept_by_a_pull(two)
    before = boxes_of(world)
    broken_off(world, name, monkeypatch)
    assert f"is in the tasks #{second}. Run that command again." in refused(world)
    server_of(world).write("DELETE", f"/api/tasks/{second}", "deleting a task")
    assert f"#{second}" in pull(world)["tasks reopened or deleted, kept as they were"]
    assert boxes_of(world) == before
    assert not list((world.now.home.root / "rewriting" / "source").glob("*.json"))
    assert any(line.startswith(f"{name}: ") for line in restored(world))


def test_a_task_that_people_changed_after_half_of_it_was_written_is_told_with_the_way_out(two, monkeypatch) -> None:
    """It cannot be pulled as it is, so nobody is sent there."""
    world, _, second = two
    name = edits_kept_by_a_pull(two)
    broken_off(world, name, monkeypatch)
    empty(world, second)
    with pytest.raises(MissingStateError, match=rf"broke off in #{second}, .* with --over-people") as refusal:
        restored(world, name)
    assert "prepare_pool" not in str(refusal.value)
    assert "is in the tasks" in refused(world)
    restored(world, name, over_people=True)
    assert KEPT not in pull(world)


def test_a_pull_that_reads_no_task_again_is_told_as_what_has_to_change_first(two) -> None:
    world = two[0]
    name = edits_kept_by_a_pull(two)
    world.configure(annotation={"pull_mode": "skip_existing"})
    assert restored(world, name)[-1].endswith(
        "job prepare_pool, once annotation.pull_mode is task_tracking: skip_existing reads no task again"
    )
    there = world.now.ledger.revision("source")
    pull(world, pull_mode="skip_existing")
    assert world.now.ledger.revision("source") == there
    pull(world, pull_mode="task_tracking")
    assert world.now.ledger.revision("source") != there
