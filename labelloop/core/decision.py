"""Decisions of the loop, each with a sentence for people, and how often the same is tried."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from typing import Protocol

from labelloop.core.vocabulary import UNPARTITIONED, JobName

MOST_TRIES = 3
# A training goes on where it was killed, so each of these brings it further; but a machine with too little memory
# would kill it for ever.
MOST_DEATHS = 9


class Act(StrEnum):
    """What a decision asks of a sensor."""

    REQUEST = "request"  # a run
    WAIT = "wait"
    ALARM = "alarm"  # a person


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DIED = "died"  # in the middle of a step: its process was killed, or the machine went down
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Decision:
    """What to do about one part of the loop, and why.

    Attributes:
        act: A run, waiting, or a person.
        why: A sentence for the tick's page.
        job: The job that is requested, and so on for the fields below.
        batch: Iteration, `holdout` or `pool`.
        revision: Of what the run would work on.
        attempt: Counts the runs for the same revision, for Dagster never repeats a run key.
    """

    act: Act
    why: str
    job: JobName | None = None
    batch: str = ""
    revision: str = ""
    attempt: int = 0

    @property
    def request(self) -> str:
        """What is asked for, whatever the attempt."""
        return f"{self.batch}@{self.revision}"

    @property
    def run_key(self) -> str:
        """Identity of the run."""
        return f"{self.request}#{self.attempt}"


@dataclass(frozen=True)
class PastRun:
    """A run that has ended; `request` is empty where a person started it."""

    run_id: str
    request: str
    outcome: Outcome


class Runs(Protocol):
    """What Dagster and the locks of the home know about runs."""

    def busy(self, job: JobName, batch: str) -> str:
        """Who is at this work at the moment, in words; empty if nobody is."""

    def past(self, job: JobName, batch: str) -> Sequence[PastRun]:
        """Runs of a job for a batch that have ended, newest first."""

    def count(self, job: JobName, request: str) -> int:
        """How many runs there were for a request."""


def wait(why: str) -> Decision:
    """Nothing to do yet."""
    return Decision(Act.WAIT, why)


def alarm(why: str) -> Decision:
    """Nothing to do before a person did something."""
    return Decision(Act.ALARM, why)


def request(job: JobName, batch: str, revision: str, why: str, runs: Runs) -> Decision:
    """A run with its number, unless somebody is at this work already or it has failed, or was killed, too often."""
    wish = Decision(Act.REQUEST, why, job, batch, revision)
    busy = runs.busy(job, batch)
    if busy:
        return replace(wish, act=Act.WAIT, why=f"{batch}: {busy}")
    counted = [run for run in runs.past(job, batch) if run.outcome is not Outcome.CANCELLED]
    # A run that a person starts in between, or another revision, is news: the tries are counted anew.
    tries = list(takewhile(lambda run: run.request == wish.request, counted))
    died = sum(run.outcome is Outcome.DIED for run in tries)
    if len(tries) - died >= MOST_TRIES or died >= MOST_DEATHS:
        return replace(wish, act=Act.ALARM, why=_given_up(wish, tries))
    return replace(wish, attempt=runs.count(job, wish.request) + 1)


def broken(job: JobName, batch: str, runs: Runs) -> bool:
    """Whether the newest run did not end well: files may say that it is done, and FiftyOne not know of it yet."""
    past = runs.past(job, batch)
    return bool(past) and past[0].outcome is not Outcome.SUCCEEDED


def _given_up(wish: Decision, tries: Sequence[PastRun]) -> str:
    named = ", ".join(run.run_id[:8] for run in tries)
    died = sum(run.outcome is Outcome.DIED for run in tries)
    killed = f"; {died} of them were killed, perhaps for want of memory" if died else ""
    tag = "" if wish.batch in UNPARTITIONED else f""" --tags '{{"dagster/partition": "{wish.batch}"}}'"""
    return (
        f"{wish.job} of {wish.batch} was tried {len(tries)} times and is not done (runs {named}{killed}). Open the "
        f"newest of these runs, mend what it says, then run it yourself: "
        f"dagster job execute -m labelloop.definitions -j {wish.job}{tag}"
    )
