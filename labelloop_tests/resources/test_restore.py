"""What a task held before it was written over goes back into it, and is taken again afterwards."""

import contextlib
from dataclasses import replace

import pytest

from labelloop.adapters.cvat.jobs import delete_frames
from labelloop.cli import restore as command
from labelloop.core.errors import CvatUnreachableError, LabelError, MissingStateError
from labelloop.resources import repush, restore
from labelloop.sensors.looking import Seen, look_at_batches
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server
from labelloop_tests.resources.test_repush import OVERLAPPING, Sent, begun, edit_everywhere, points, sent
from labelloop_tests.sending import place, through

__all__ = ["place", "sent"]


def pushed(sent: Sent) -> str:
    """Labels changed here are in CVAT; the name of the backup of what was there."""
    sent.edit()
    sent.carry_out(sent.plan())
    [backup] = restore.backups(sent.now, "v0")
    return backup.name


def plan(sent: Sent, *names: str, over_people: bool = False) -> list[repush.Rewriting]:
    return restore.plan(sent.now, through(sent.server), "v0", names, over_people=over_people)


def run(sent: Sent, monkeypatch, *names: str, over_people: bool = False, agreed=True) -> list[str]:
    """What the command says."""
    monkeypatch.setattr(command, "CvatResource", lambda: through(sent.server))
    said: list[str] = []
    command.restore(sent.now, "v0", names, said.append, over_people=over_people, agreed=agreed)
    return said


def revisions(sent: Sent) -> list[str]:
    return [content.revision for content in sent.on_server()]


def test_the_backups_are_listed_with_task_revision_and_shapes(sent):
    said: list[str] = []
    command.show(sent.now, "v0", said.append)
    assert said == ["there is no backup of v0: `labelloop repush v0` makes one before it writes"]
    before = sent.on_server()[0]
    name = pushed(sent)
    said.clear()
    command.show(sent.now, "v0", said.append)
    [backup, how] = said
    assert backup.startswith(f"{name}: 20")
    assert backup.endswith(f" UTC, task {sent.tasks[0]} '{before.name}', revision {before.revision[:8]}, rectangle 2")
    assert how == f"put one back: labelloop restore v0 --backup {name}"


def test_what_a_task_held_is_back_after_what_it_holds_was_backed_up(sent, monkeypatch):
    before = revisions(sent)
    name = pushed(sent)
    written = revisions(sent)
    assert written[0] != before[0]
    said = run(sent, monkeypatch, name)
    assert revisions(sent) == before
    assert any("frame 0 " in line and "2 added, 2 removed" in line for line in said)
    assert not any("people changed" in line for line in said)
    assert {each.content.revision for each in restore.backups(sent.now, "v0")} == {before[0], written[0]}
    assert begun(sent) == []


def test_a_restoring_can_be_taken_back_itself(sent, monkeypatch):
    name = pushed(sent)
    written = revisions(sent)
    run(sent, monkeypatch, name)
    [other] = [each.name for each in restore.backups(sent.now, "v0") if each.name != name]
    run(sent, monkeypatch, other)
    assert revisions(sent) == written
    assert run(sent, monkeypatch, other) == [f"the tasks hold what is in {other}"]


def test_without_consent_nothing_is_written(sent, monkeypatch):
    name = pushed(sent)
    before = revisions(sent)
    said = run(sent, monkeypatch, name, agreed=lambda question: "over what is in 1 tasks of v0 now?" not in question)
    assert said[-1] == "nothing was changed"
    assert revisions(sent) == before
    assert len(restore.backups(sent.now, "v0")) == 1


def test_over_what_people_did_since_only_when_it_is_said_and_never_without_a_backup(sent, monkeypatch):
    before = revisions(sent)
    name = pushed(sent)
    sent.draw(sent.tasks[0], [sent.box(1, 3)])
    theirs = revisions(sent)
    with pytest.raises(MissingStateError, match=rf"People changed tasks of v0 .*#{sent.tasks[0]} .*--over-people"):
        run(sent, monkeypatch, name)
    assert revisions(sent) == theirs
    said = run(sent, monkeypatch, name, over_people=True)
    assert "  people changed it since its labels were taken: their work is in the new backup alone" in said
    assert revisions(sent) == before
    assert theirs[0] in {each.content.revision for each in restore.backups(sent.now, "v0")}


def test_a_task_that_people_change_while_somebody_reads_the_difference_is_not_written(sent):
    plans = plan(sent, pushed(sent))
    sent.draw(sent.tasks[0], [sent.box(1, 3)])
    theirs = revisions(sent)
    with pytest.raises(MissingStateError, match="People changed"):
        sent.carry_out(plans)
    assert revisions(sent) == theirs


class Ticking:
    """The connection of a sensor's tick."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    def watched(self, _):
        return self._sent.server


def test_a_restored_task_is_taken_again(sent, monkeypatch):
    name = pushed(sent)
    sent.take()
    [before, *_] = (each.content for each in restore.backups(sent.now, "v0"))
    [v0] = look_at_batches(sent.now, Ticking(sent), Seen()).iterations
    assert v0.drawn == v0.taken
    run(sent, monkeypatch, name)
    [v0] = look_at_batches(sent.now, Ticking(sent), Seen()).iterations
    assert v0.complete
    assert v0.drawn != v0.taken
    sent.take()
    assert sent.now.ledger.contents("v0")[0][0].revision == before.revision
    assert sent.plan() == []


def test_frames_that_were_deleted_before_are_deleted_again(sent, monkeypatch):
    delete_frames(sent.server, sent.tasks[0], [1])
    sent.take()
    first, *rest = sent.now.ledger.contents("v0")[0]
    frames = tuple(replace(frame, deleted=False) for frame in first.frames)
    sent.now.ledger.save_labels("v0", [replace(first, frames=frames), *rest], sent.sample_of)
    sent.carry_out(sent.plan())
    [backup] = restore.backups(sent.now, "v0")
    assert backup.told.endswith("rectangle 2, 1 frames deleted")
    run(sent, monkeypatch, backup.name)
    assert [frame.deleted for frame in sent.on_server()[0].frames] == [False, True]


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_restoring_that_broke_off_between_jobs_is_ended_by_the_same_command(place, tmp_path, written):
    sent = Sent(place, tmp_path, **OVERLAPPING)
    before = points(sent)
    edit_everywhere(sent)
    sent.carry_out(sent.plan())
    [backup] = restore.backups(sent.now, "v0")
    puts = []

    def cut(method, *_):
        puts.append(method) if method == "PUT" else None
        return method == "PUT" and len(puts) > written

    lossy, _ = lossy_server(place.access, cut, Cut(for_good=True))
    with pytest.raises(CvatUnreachableError) if written < 2 else contextlib.nullcontext():
        repush.carry_out(sent.now, through(lossy), "v0", plan(sent, backup.name), print)
    assert len(begun(sent)) == (written < 2)
    sent.carry_out(plan(sent, backup.name))
    assert points(sent) == before
    assert plan(sent, backup.name) == [] == begun(sent)


def test_a_half_written_task_that_people_changed_gets_back_what_it_held(place, tmp_path):
    """It can neither be taken nor be written on with: only the backup helps."""
    sent = Sent(place, tmp_path, **OVERLAPPING)
    before = points(sent)
    edit_everywhere(sent)
    lossy, _ = lossy_server(place.access, lambda method, *_: method == "PUT", Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        repush.carry_out(sent.now, through(lossy), "v0", sent.plan(), print)
    sent.draw(sent.tasks[0], [sent.box(0, 31)])
    with pytest.raises(MissingStateError, match="Only a part of v0"):
        sent.take()
    with pytest.raises(MissingStateError, match=rf"broke off in #{sent.tasks[0]}.*`labelloop restore v0` lists"):
        sent.plan()
    [backup] = restore.backups(sent.now, "v0")
    sent.carry_out(plan(sent, backup.name, over_people=True))
    assert points(sent) == before
    sent.take()


def test_only_a_backup_that_is_there_and_of_a_task_of_the_batch_can_be_put_back(sent):
    name = pushed(sent)
    with pytest.raises(MissingStateError, match=rf"v0 has no backup \.\./v0/{name}; there are: {name}"):
        plan(sent, f"../v0/{name}")
    record = sent.now.ledger.read("tasks", "v0")
    sent.now.ledger.write("tasks", "v0", {**record, "tasks": record["tasks"][1:]})
    with pytest.raises(LabelError, match=f"#{sent.tasks[0]} is no task of v0 any more"):
        plan(sent, name)


def test_two_backups_of_one_task_cannot_both_be_put_back(sent, monkeypatch):
    run(sent, monkeypatch, pushed(sent))
    with pytest.raises(LabelError, match="are of one task"):
        plan(sent, *(each.name for each in restore.backups(sent.now, "v0")))
