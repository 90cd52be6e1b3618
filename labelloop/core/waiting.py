"""What the loop waits for and what it can go on with: from plain facts to decisions, each with a sentence for people.

Nothing here asks anybody. Files say what is done, CVAT how far people are, Dagster what was tried; sensors bring the
answers and carry out the decisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.core.annotation import TaskProgress, content_hash
from labelloop.core.decision import Act, Decision, Runs, alarm, broken, request, wait
from labelloop.core.vocabulary import HOLDOUT, POOL, RELABEL, JobName, next_iteration

SHOWN = 3  # tasks named in a sentence


@dataclass(frozen=True)
class Batch:
    """A batch on its way through CVAT or the App.

    Attributes:
        name: Iteration, or `holdout`.
        progress: Its tasks; None before it is sent.
        drawn: Revision of what people drew; empty while they work, or when it was not read yet.
        taken: Revision of what was taken back; empty before that.
        checked: Whether the labels that were taken were judged.
        refused: Why these labels must not be trained on; empty if they may.
        finished: Whether there are a report for these labels and a selection for the next iteration.
        yardstick: What its model was measured by; empty before that.
        rewriting: Whether labels from here are written over those in CVAT, so that what is there is neither of both.
    """

    name: str
    progress: tuple[TaskProgress, ...] | None = None
    drawn: str = ""
    taken: str = ""
    checked: bool = False
    refused: str = ""
    finished: bool = False
    yardstick: str = ""
    rewriting: bool = False

    @property
    def lost(self) -> list[TaskProgress]:
        """Tasks that were deleted in CVAT."""
        return [task for task in self.progress or () if not task.found]

    @property
    def complete(self) -> bool:
        """Whether every annotation job of every task is accepted and completed."""
        return self.progress is not None and all(task.completed for task in self.progress)

    @property
    def told(self) -> str:
        """How far people are, with a way to the tasks that are open."""
        tasks = self.progress or ()
        done, total = sum(task.jobs_completed for task in tasks), sum(task.jobs_total for task in tasks)
        waiting = [task.url for task in tasks if not task.completed]
        more = [f"and {len(waiting) - SHOWN} more"] if len(waiting) > SHOWN else []
        unit = tasks[0].unit if tasks else "jobs"
        return ", ".join([f"{done} of {total} {unit}", *waiting[:SHOWN], *more])


@dataclass(frozen=True)
class Loop:
    """How far the choosing and sending of images is.

    Attributes:
        split: Whether the held-out sets are cut.
        scored: Whether the pool is scored.
        autostart: Whether v0 begins by itself.
        may_push: Whether images may be sent to this CVAT.
        sends_holdout: Whether the hold-out is sent by itself.
        holdout_sent: Whether it is in CVAT, all of it.
        unsent: Revision of what is not, where the hold-out has grown.
        to_relabel: Revision of the labelled images that lack a class of `relabel_for`; empty where none does.
        newest: Newest iteration that has a batch; empty before v0.
        newest_sent: Whether that batch is in CVAT.
        selection: What was chosen for the iteration after it, or why the loop stops; None before either.
    """

    split: bool = False
    scored: bool = False
    autostart: bool = False
    may_push: bool = True
    sends_holdout: bool = False
    holdout_sent: bool = False
    unsent: str = ""
    to_relabel: str = ""
    newest: str = ""
    newest_sent: bool = False
    selection: Mapping[str, Any] | None = None


def after_annotation(
    iterations: Sequence[Batch],
    holdout: Batch,
    *,
    scorable: bool,
    runs: Runs,
    relabels: Sequence[Batch] = (),
    yardstick: str = "",
) -> list[Decision]:
    """What to do with finished tasks.

    Args:
        iterations: Batches of the loop, in order.
        holdout: The batch of held-out images.
        scorable: Whether val has labels, from people or from the source.
        runs: What was tried.
        relabels: Batches of labelled images that people go through again.
        yardstick: What val is today; models that were measured by another one are measured again.
    """
    again: list[Decision | None] = [_take_holdout(holdout, scorable, runs), _take_relabels(relabels, runs)]
    again += [_take_again(batch, runs) for batch in iterations[:-1]]
    takes = [decision for decision in again if decision is not None]
    if not iterations:
        return [wait("no batch was chosen yet"), *takes]
    # A training whose labels change under it would have to be repeated.
    pending = [decision for decision in takes if decision.job is not None and decision.act is not Act.ALARM]
    late = [] if pending else [_score_again(batch, yardstick, runs) for batch in iterations]
    newest = _label_loop(iterations[-1], pending, scorable, runs)
    stale = [decision for decision in late if decision is not None and decision.batch != newest.batch]
    return [newest, *takes, *stale]


def before_annotation(loop: Loop, runs: Runs) -> list[Decision]:
    """What to choose and send next."""
    decisions = [_next_batch(loop, runs)]
    if loop.sends_holdout and loop.split and not loop.holdout_sent:
        unsent = loop.unsent or "split"
        decisions.append(request(JobName.SEND_HOLDOUT, HOLDOUT, unsent, "the held-out images are chosen", runs))
    if loop.may_push and loop.to_relabel:
        why = "labelled images lack a class of relabel_for"
        decisions.append(request(JobName.SEND_RELABEL, RELABEL, loop.to_relabel, why, runs))
    return decisions


def after_pull(project: str, tasks: str, news: Mapping[str, str], runs: Runs) -> Decision:
    """Whether to take tasks of people's own project in.

    Args:
        project: Name of the project.
        tasks: How many were looked at, in words.
        news: What is new about those that are new or changed, by id.
        runs: What was tried.
    """
    if not news and not broken(JobName.PREPARE_POOL, POOL, runs):
        return wait(f"project '{project}': {tasks}, all taken as they are")
    why = f"project '{project}': {len(news)} of {tasks} are new or changed"
    return request(JobName.PREPARE_POOL, POOL, content_hash(news), why, runs)


def _take_holdout(batch: Batch, scorable: bool, runs: Runs) -> Decision | None:
    if batch.progress is None:
        return None if scorable else wait("waiting for the hold-out: it was not sent yet (send_holdout)")
    if batch.lost and batch.taken:
        return None
    waiting = [task for task in batch.progress if not task.completed]
    told = ", ".join(f"{task.name} {task.told}, {task.url}" for task in waiting)
    lead = "the hold-out was reopened" if batch.taken else "waiting for the hold-out"
    at_people = _at_people(batch, f"{lead}: {told}", JobName.SEND_HOLDOUT)
    if at_people or (batch.drawn == batch.taken and not broken(JobName.TAKE_HOLDOUT, HOLDOUT, runs)):
        return at_people
    return request(JobName.TAKE_HOLDOUT, HOLDOUT, batch.drawn, "the hold-out is annotated", runs)


def _take_relabels(relabels: Sequence[Batch], runs: Runs) -> Decision | None:
    """Images that people went through again: what is done is taken, whatever else is open."""
    open_ = [batch for batch in relabels if batch.progress is not None and not (batch.lost and batch.taken)]
    fresh = [batch for batch in open_ if batch.complete and batch.drawn and batch.drawn != batch.taken]
    if fresh:
        names, drawn = ", ".join(batch.name for batch in fresh), content_hash([batch.drawn for batch in fresh])
        return request(JobName.TAKE_RELABEL, RELABEL, drawn, f"{names} is annotated", runs)
    waiting = [decision for batch in open_ if (decision := _at_people(batch, _again(batch), JobName.SEND_RELABEL))]
    alarms = [decision for decision in waiting if decision.act is Act.ALARM]
    return next(iter([*alarms, *waiting]), None)


def _again(batch: Batch) -> str:
    return f"{batch.name} {'was reopened' if batch.taken else 'is gone through again'}: {batch.told}"


def _score_again(batch: Batch, yardstick: str, runs: Runs) -> Decision | None:
    """A finished model that was measured by another val than today's, so that the learning curve compares."""
    if not (yardstick and batch.finished and batch.yardstick) or batch.yardstick == yardstick:
        return None
    return request(JobName.SCORE_AGAIN, batch.name, f"{yardstick}/{batch.yardstick}", "val has changed", runs)


def _take_again(batch: Batch, runs: Runs) -> Decision | None:
    """An older iteration: its labels are taken again when they have changed."""
    if batch.progress is None or (batch.lost and batch.taken):
        return None
    at_people = _at_people(batch, f"{batch.name} was reopened: {batch.told}", JobName.NEXT_BATCH)
    if at_people or (batch.drawn == batch.taken and batch.checked):
        return at_people
    return request(JobName.TAKE_BATCH, batch.name, batch.drawn, f"{batch.name} has changed", runs)


def _label_loop(batch: Batch, pending: Sequence[Decision], scorable: bool, runs: Runs) -> Decision:
    """The newest iteration: from its labels to the selection for the next one."""
    name = batch.name
    if batch.lost and batch.finished:
        return wait(f"{name} is finished")
    undone = _at_people(batch, f"{name}: {batch.told}", JobName.NEXT_BATCH) or _settled(batch, runs)
    if undone:
        return undone
    if not scorable:
        return wait(f"{name}: {batch.told}, all done")
    if pending:
        return wait(f"{name} is annotated and goes on after {', '.join(f'{d.job} of {d.batch}' for d in pending)}")
    return request(JobName.LABEL_LOOP, name, batch.drawn, f"{name} is annotated", runs)


def _at_people(batch: Batch, told: str, send: JobName) -> Decision | None:
    """What to wait for before a batch can be taken back; None when it can."""
    if batch.progress is None:
        return wait(f"{batch.name} is chosen, but not sent yet")
    if batch.lost:
        named = ", ".join(f"#{task.task_id}" for task in batch.lost)
        return alarm(
            f"the tasks {named} of {batch.name} are no longer in CVAT. Restore them, or run {send} to send them again"
        )
    if batch.rewriting:
        commands = f"`labelloop repush {batch.name}` or `labelloop restore`"
        return wait(f"{batch.name} is written by {commands}; where that broke off, run it again")
    if not batch.complete:
        return wait(told)
    return None if batch.drawn else wait(f"{batch.name} is annotated, and is compared at the next tick")


def _settled(batch: Batch, runs: Runs) -> Decision | None:
    """Why there is nothing more to do with the labels that were taken; None when there is."""
    if batch.drawn != batch.taken:
        return None
    if batch.refused:
        return alarm(
            f"the labels of {batch.name} failed their checks ({batch.refused}). Correct them where they were drawn and "
            f"complete them again, or change the limits under checks: and run label_loop of {batch.name} yourself"
        )
    done = batch.finished and not broken(JobName.LABEL_LOOP, batch.name, runs)
    return wait(f"{batch.name} is finished") if done else None


def _next_batch(loop: Loop, runs: Runs) -> Decision:
    if not loop.scored:
        return wait("the pool is not scored yet (prepare_pool)")
    if not loop.newest:
        by_hand = wait("v0 is started by a person: run next_batch for it, or set loop.autostart: true")
        return _send("v0", "the pool is scored", loop, runs) if loop.autostart else by_hand
    if not loop.newest_sent or broken(JobName.NEXT_BATCH, loop.newest, runs):
        return _send(loop.newest, f"{loop.newest} is chosen, but its sending was broken off", loop, runs)
    upcoming = next_iteration(loop.newest)
    if loop.selection is None:
        return wait(f"{upcoming} is chosen when {loop.newest} is annotated and its model is scored")
    if loop.selection["stopped"]:
        return wait(f"the loop has stopped: {loop.selection['stopped']}")
    return _send(upcoming, f"{upcoming} was selected by the failures of {loop.newest}", loop, runs)


def _send(iteration: str, why: str, loop: Loop, runs: Runs) -> Decision:
    if not loop.may_push:
        return wait(f"{iteration} is not sent: annotation.push is false in labelloop.yaml")
    preparing = runs.busy(JobName.PREPARE_POOL, POOL)
    if preparing:
        return wait(f"{iteration} is chosen when the pool is prepared: {preparing}")
    return request(JobName.NEXT_BATCH, iteration, "batch", why, runs)
