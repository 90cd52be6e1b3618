"""What a task held before it was written over goes back into it, and is taken again afterwards."""

import os
import re
from dataclasses import replace

import pytest

from labelloop.adapters.cvat.jobs import delete_frames, rectangle
from labelloop.cli import repush as repushing
from labelloop.cli import restore as command
from labelloop.core.errors import CvatError, CvatUnreachableError, LabelError, MissingStateError
from labelloop.resources import repush, restore, restored
from labelloop.resources.backups import TAKEN, backups
from labelloop.sensors.looking import Seen, look_at_batches
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server
from labelloop_tests.resources.test_repush import OVERLAPPING, Sent, begun, break_off, edit_everywhere, points, sent
from labelloop_tests.sending import place, through

__all__ = ["place", "sent"]
pytestmark = pytest.mark.slow


def pushed(sent: Sent) -> str:
    """Labels changed here are in CVAT; the name of the backup of what was there."""
    sent.edit()
    sent.carry_out(sent.plan())
    [backup] = backups(sent.now, "v0")
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


def test_a_backup_tells_when_it_was_taken_and_an_older_one_says_that_only_its_file_does(sent):
    name = pushed(sent)
    [said] = [each.taken for each in backups(sent.now, "v0")]
    [path] = (sent.now.home.root / "backups").rglob("*.json")
    os.utime(path, (0, 0))
    assert [each.taken for each in backups(sent.now, "v0")] == [said]
    stored = sent.now.ledger.read("backups", f"v0/{name}")
    sent.now.ledger.write("backups", f"v0/{name}", {key: stored[key] for key in stored if key != TAKEN})
    os.utime(path, (0, 0))
    [older] = backups(sent.now, "v0")
    assert older.told.startswith(f"{name}: 1970-01-01 00:00:00 UTC (the date of its file), task ")


def test_what_a_task_held_is_back_after_what_it_holds_was_backed_up(sent, monkeypatch):
    before = revisions(sent)
    name = pushed(sent)
    written = revisions(sent)
    assert written[0] != before[0]
    said = run(sent, monkeypatch, name)
    assert revisions(sent) == before
    assert any("frame 0 " in line and "2 added, 2 removed" in line for line in said)
    assert not any("people changed" in line for line in said)
    assert {each.content.revision for each in backups(sent.now, "v0")} == {before[0], written[0]}
    assert begun(sent) == []


def test_a_restoring_can_be_taken_back_itself(sent, monkeypatch):
    name = pushed(sent)
    written = revisions(sent)
    run(sent, monkeypatch, name)
    [other] = [each.name for each in backups(sent.now, "v0") if each.name != name]
    run(sent, monkeypatch, other)
    assert revisions(sent) == written
    assert run(sent, monkeypatch, other) == [f"the tasks hold what is in {other}"]


def test_each_backup_is_read_once_to_put_one_back(sent, monkeypatch):
    """Each is a whole task."""
    name, read = pushed(sent), []
    monkeypatch.setattr(restore, "backups", lambda *asked: read.append(asked) or backups(*asked))
    run(sent, monkeypatch, name)
    assert len(read) == 1
    assert name in restored.told(sent.now, "v0", sent.tasks)


def test_without_consent_nothing_is_written(sent, monkeypatch):
    name = pushed(sent)
    before = revisions(sent)
    said = run(sent, monkeypatch, name, agreed=lambda question: "over what is in 1 tasks of v0 now?" not in question)
    assert said[-1] == "nothing was changed"
    assert revisions(sent) == before
    assert len(backups(sent.now, "v0")) == 1


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
    assert theirs[0] in {each.content.revision for each in backups(sent.now, "v0")}


def test_a_task_that_people_change_while_somebody_reads_the_difference_is_not_written(sent):
    plans = plan(sent, pushed(sent))
    sent.draw(sent.tasks[0], [sent.box(1, 3)])
    theirs = revisions(sent)
    with pytest.raises(MissingStateError, match="People changed"):
        sent.carry_out(plans)
    assert revisions(sent) == theirs


def warned_by_repush(sent: Sent, monkeypatch, *, agreed: bool = False) -> list[str]:
    """What somebody is warned of who writes the labels that are here over those there; agreed or not when asked."""
    said: list[str] = []
    monkeypatch.setattr(repushing, "CvatResource", lambda: through(sent.server))
    repushing.repush(sent.now, "v0", said.append, agreed=agreed or (lambda question: bool(said.append(question))))
    assert any(line.startswith("Write the labels that are here over ") for line in said) is not agreed
    return [line for line in said if "undoes" in line]


@pytest.mark.parametrize("agreed", [False, True], ids=["asked", "agreed"])
def test_who_would_undo_a_restoring_is_told_what_was_restored_and_when(sent, monkeypatch, agreed):
    sent.edit()
    assert warned_by_repush(sent, monkeypatch) == []
    name = pushed(sent)
    run(sent, monkeypatch, name)
    [warning] = warned_by_repush(sent, monkeypatch, agreed=agreed)
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    told = rf"Task #{sent.tasks[0]} was restored from {name}, {when}: this undoes it\."
    assert re.fullmatch(told, warning)
    sent.carry_out(sent.plan())
    sent.take()
    edit_everywhere(sent)
    assert warned_by_repush(sent, monkeypatch) == []


class Ticking:
    """The connection of a sensor's tick."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    def watched(self, _):
        return self._sent.server


def test_a_restored_task_is_taken_again(sent, monkeypatch):
    name = pushed(sent)
    sent.take()
    [before, *_] = (each.content for each in backups(sent.now, "v0"))
    [v0] = look_at_batches(sent.now, Ticking(sent), Seen()).iterations
    assert v0.drawn == v0.taken
    run(sent, monkeypatch, name)
    [v0] = look_at_batches(sent.now, Ticking(sent), Seen()).iterations
    assert v0.complete
    assert v0.drawn != v0.taken
    assert name in restored.told(sent.now, "v0", sent.tasks)
    sent.take()
    assert restored.told(sent.now, "v0", sent.tasks) == ""
    assert sent.now.ledger.contents("v0")[0][0].revision == before.revision
    assert sent.plan() == []


def test_frames_that_were_deleted_before_are_deleted_again(sent, monkeypatch):
    delete_frames(sent.server, sent.tasks[0], [1])
    sent.take()
    first, *rest = sent.now.ledger.contents("v0")[0]
    frames = tuple(replace(frame, deleted=False) for frame in first.frames)
    sent.now.ledger.save_labels("v0", [replace(first, frames=frames), *rest], sent.sample_of)
    sent.carry_out(sent.plan())
    [backup] = backups(sent.now, "v0")
    assert backup.told.endswith("rectangle 2, 1 frames deleted")
    run(sent, monkeypatch, backup.name)
    assert [frame.deleted for frame in sent.on_server()[0].frames] == [False, True]


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_restoring_that_broke_off_between_jobs_is_ended_by_the_same_command(place, tmp_path, written):
    sent = Sent(place, tmp_path, **OVERLAPPING)
    before = points(sent)
    edit_everywhere(sent)
    sent.carry_out(sent.plan())
    [backup] = backups(sent.now, "v0")
    break_off(sent, plan(sent, backup.name), written)
    assert (restored.told(sent.now, "v0", sent.tasks) != "") is (written == 2)
    sent.carry_out(plan(sent, backup.name))
    assert points(sent) == before
    assert plan(sent, backup.name) == [] == begun(sent)


def lost(sent: Sent, *, written: bool):
    """A connection that breaks for good at the first write, before or after that is done."""
    cut = Cut(after_commit=written, for_good=True)
    return through(lossy_server(sent.place.access, lambda method, *_: method == "PUT", cut)[0])


@pytest.mark.parametrize("written", [False, True])
def test_a_restoring_that_broke_off_is_told_of_only_where_it_was_done(sent, written):
    name = pushed(sent)
    with pytest.raises(CvatUnreachableError):
        repush.carry_out(sent.now, lost(sent, written=written), "v0", plan(sent, name), print)
    assert bool(sent.plan()) is written
    assert bool(plan(sent, name)) is not written
    assert (f"from {name}, " in restored.told(sent.now, "v0", sent.tasks)) is written
    assert begun(sent) == []


@pytest.mark.parametrize("written", [False, True])
def test_what_was_restored_is_told_of_until_it_is_undone(sent, monkeypatch, written):
    name = pushed(sent)
    run(sent, monkeypatch, name)
    with pytest.raises(CvatUnreachableError):
        repush.carry_out(sent.now, lost(sent, written=written), "v0", sent.plan(), print)
    assert (sent.plan() == [], plan(sent, name) == []) == (written, not written)
    assert (f"from {name}, " in restored.told(sent.now, "v0", sent.tasks)) is not written
    assert begun(sent) == []


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
    [backup] = backups(sent.now, "v0")
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


def test_a_backup_that_a_task_cannot_hold_is_refused_before_anybody_is_asked(sent, monkeypatch):
    sent.draw(sent.tasks[1], [sent.box(0, 1), rectangle(sent.label["dog"]["id"], 0, (5, 5, 20, 20))])
    sent.take()
    edit_everywhere(sent, tasks=2)
    sent.carry_out(sent.plan())
    sent.take()
    names, before = [each.name for each in backups(sent.now, "v0")], revisions(sent)
    sent.delete_label("dog")
    with pytest.raises(CvatError, match=rf"^task {sent.tasks[1]} has no label 'dog'\. Add it in CVAT"):
        run(sent, monkeypatch, *names, agreed=lambda _: pytest.fail("it cannot be done"))
    assert (revisions(sent), begun(sent), len(backups(sent.now, "v0"))) == (before, [], len(names))
    sent.take()


def test_two_backups_of_one_task_cannot_both_be_put_back(sent, monkeypatch):
    run(sent, monkeypatch, pushed(sent))
    with pytest.raises(LabelError, match="are of one task"):
        plan(sent, *(each.name for each in backups(sent.now, "v0")))
