import pytest

from labelloop.core.decision import MOST_DEATHS, MOST_TRIES, Act, Outcome, PastRun, broken, request
from labelloop.core.vocabulary import HOLDOUT, JobName
from labelloop_tests.core.builders import Told


def asked(*past, revision="r1", busy="", job=JobName.LABEL_LOOP, batch="v0"):
    return request(job, batch, revision, "v0 is annotated", Told(busy=busy, past=past))


def run(outcome, revision="r1", number=0):
    return PastRun(f"{number:08x}-long", f"v0@{revision}" if revision else "", outcome)


FAILED, CANCELLED, SUCCEEDED, DIED = Outcome.FAILED, Outcome.CANCELLED, Outcome.SUCCEEDED, Outcome.DIED


def test_the_first_run_for_a_revision_is_its_first_attempt():
    decision = asked()
    assert (decision.act, decision.run_key) == (Act.REQUEST, "v0@r1#1")


@pytest.mark.parametrize(
    ("past", "key"),
    [
        ([run(FAILED)], "v0@r1#2"),
        ([run(FAILED)] * 2, "v0@r1#3"),
        ([run(FAILED, "r0")] * 3, "v0@r1#1"),
        ([run(FAILED), run(FAILED, "r0"), run(FAILED), run(FAILED)], "v0@r1#4"),
        ([run(FAILED), run(FAILED), run(FAILED, ""), run(FAILED)], "v0@r1#4"),
        ([run(FAILED, ""), run(FAILED), run(FAILED), run(FAILED)], "v0@r1#4"),
        ([run(CANCELLED)] * 5, "v0@r1#6"),
        ([run(SUCCEEDED, "r0"), run(SUCCEEDED)], "v0@r1#2"),
    ],
    ids=[
        "failed once", "failed twice", "another revision failed", "another revision in between",
        "a person in between", "a person last", "cancelled", "back to an earlier revision",
    ],
)  # fmt: skip
def test_a_failed_run_is_followed_by_another_with_a_key_of_its_own(past, key):
    decision = asked(*past)
    assert (decision.act, decision.run_key) == (Act.REQUEST, key)


@pytest.mark.parametrize("outcome", [FAILED, SUCCEEDED])
def test_after_three_tries_a_person_is_called_with_the_runs_and_the_way_on(outcome):
    decision = asked(*(run(outcome, number=number) for number in (3, 2, 1)))
    assert decision.act is Act.ALARM
    assert f"tried {MOST_TRIES} times" in decision.why
    assert "00000003" in decision.why
    assert """-j label_loop --tags '{"dagster/partition": "v0"}'""" in decision.why


def test_cancelled_runs_are_no_failures():
    assert asked(run(FAILED), run(CANCELLED), run(FAILED), run(CANCELLED)).act is Act.REQUEST
    assert asked(run(FAILED), run(CANCELLED), run(FAILED), run(FAILED)).act is Act.ALARM


@pytest.mark.parametrize(
    ("past", "act"),
    [
        ([DIED] * MOST_TRIES, Act.REQUEST),
        ([DIED] * (MOST_DEATHS - 1), Act.REQUEST),
        ([DIED] * MOST_DEATHS, Act.ALARM),
        ([FAILED, DIED, FAILED, DIED, DIED], Act.REQUEST),
        ([FAILED, DIED, FAILED, DIED, FAILED], Act.ALARM),
        ([DIED, FAILED, FAILED, FAILED], Act.ALARM),
    ],
    ids=["as often as it may fail", "nearly too often", "too often", "with two failures", "with three", "after three"],
)
def test_runs_that_were_killed_count_less_and_yet_not_for_ever(past, act):
    assert asked(*map(run, past)).act is act


def test_a_person_is_told_how_many_runs_were_killed():
    assert f"tried {MOST_DEATHS} times" in asked(*[run(DIED)] * MOST_DEATHS).why
    assert f"{MOST_DEATHS} of them were killed" in asked(*[run(DIED)] * MOST_DEATHS).why
    assert "killed" not in asked(*[run(FAILED)] * MOST_TRIES).why


def test_the_way_on_has_no_partition_where_there_is_none():
    runs = Told(past=[PastRun("1", "holdout@r1", FAILED)] * 3)
    decision = request(JobName.TAKE_HOLDOUT, HOLDOUT, "r1", "why", runs)
    assert decision.why.endswith("-j take_holdout")


def test_nothing_is_requested_while_somebody_is_at_it():
    decision = asked(run(FAILED), busy="run 1234 is started")
    assert decision.act is Act.WAIT
    assert "run 1234 is started" in decision.why


@pytest.mark.parametrize(
    ("past", "was"),
    [
        ([], False),
        ([run(SUCCEEDED), run(FAILED)], False),
        ([run(FAILED), run(SUCCEEDED)], True),
        ([run(CANCELLED)], True),
        ([run(DIED)], True),
    ],
)
def test_work_is_broken_off_when_its_newest_run_did_not_end_well(past, was):
    assert broken(JobName.LABEL_LOOP, "v0", Told(past=past)) is was
