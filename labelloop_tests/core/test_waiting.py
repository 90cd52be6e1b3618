"""What is requested in which state of the loop, and what people read when nothing is."""

from dataclasses import replace

import pytest

from labelloop.core.annotation import TaskProgress
from labelloop.core.decision import Act, Outcome, PastRun
from labelloop.core.vocabulary import HOLDOUT, JobName
from labelloop.core.waiting import Batch, Loop, after_annotation, after_pull, before_annotation
from labelloop_tests.core.builders import Told


def task(number=1, done=2, total=2, name="digits v0", found=True):
    url = f"http://cvat/tasks/{number}"
    return TaskProgress(number, name, url, found, total, done, found and 0 < total == done, "now")


def open_batch(name, *tasks, **more):
    return Batch(name, tasks or (task(done=1),), **more)


def done_batch(name, drawn="r1", **more):
    return Batch(name, (task(),), drawn=drawn, **more)


def finished_batch(name, **more):
    return done_batch(name, taken="r1", checked=True, **{"finished": True, **more})


LABELLED = Batch(HOLDOUT, (task(8), task(9)), drawn="h1", taken="h1")
FAILED = PastRun("run", "", Outcome.FAILED)


def decide(*iterations, holdout=LABELLED, scorable=True, runs=None):
    return after_annotation(iterations, holdout, scorable=scorable, runs=runs or Told())


def requests(decisions):
    return [decision.run_key for decision in decisions if decision.act is Act.REQUEST]


def jobs(decisions):
    return [(decision.job, decision.batch) for decision in decisions if decision.act is Act.REQUEST]


def told(decisions):
    return "; ".join(decision.why for decision in decisions)


# -- the newest iteration -------------------------------------------------------------------------------------


def test_a_complete_newest_batch_with_a_labelled_hold_out_starts_the_loop():
    decisions = decide(finished_batch("v0"), done_batch("v1"))
    assert jobs(decisions) == [(JobName.LABEL_LOOP, "v1")]
    assert requests(decisions) == ["v1@r1#1"]


def test_an_incomplete_batch_says_how_far_it_is_and_where():
    decisions = decide(open_batch("v1", task(4, 3, 5), task(5, 4, 4)))
    assert not requests(decisions)
    assert told(decisions) == "v1: 7 of 9 jobs, http://cvat/tasks/4"


def test_many_open_tasks_are_not_all_listed():
    assert told(decide(open_batch("v1", *(task(n, 0, 1) for n in range(9))))).endswith("tasks/2, and 6 more")


def test_a_batch_in_the_app_counts_images():
    in_app = replace(task(0, 3, 20), unit="images")
    assert told(decide(open_batch("v0", in_app))) == "v0: 3 of 20 images, http://cvat/tasks/0"
    holdout = open_batch(HOLDOUT, replace(in_app, name="digits holdout"))
    assert "digits holdout 3 of 20 images" in told(decide(done_batch("v0"), holdout=holdout, scorable=False))


def test_one_finished_task_of_two_is_not_a_finished_batch():
    assert not requests(decide(open_batch("v0", task(1, 2, 2), task(2, 0, 1))))


def test_a_task_without_jobs_is_not_finished():
    assert not requests(decide(open_batch("v0", task(1, 0, 0))))


def test_both_things_that_are_missing_are_told():
    holdout = open_batch(HOLDOUT, task(8, 1, 2, "digits val"), task(9, 1, 1, "digits golden"))
    decisions = decide(open_batch("v1", task(4, 7, 9)), holdout=holdout, scorable=False)
    assert told(decisions) == (
        "v1: 7 of 9 jobs, http://cvat/tasks/4; waiting for the hold-out: digits val 1 of 2 jobs, http://cvat/tasks/8"
    )


def test_a_complete_batch_waits_for_the_hold_out():
    holdout = open_batch(HOLDOUT, task(8, 1, 2, "digits val"))
    decisions = decide(done_batch("v0"), holdout=holdout, scorable=False)
    assert not requests(decisions)
    assert "v0: 2 of 2 jobs, all done; waiting for the hold-out: digits val 1 of 2 jobs" in told(decisions)


def test_a_hold_out_that_was_not_sent_names_the_job():
    assert "send_holdout" in told(decide(done_batch("v0"), holdout=Batch(HOLDOUT), scorable=False))


def test_a_trusted_source_needs_no_hold_out_from_people():
    assert requests(decide(done_batch("v0"), holdout=Batch(HOLDOUT), scorable=True)) == ["v0@r1#1"]


@pytest.mark.parametrize(
    "batch",
    [
        done_batch("v0", taken="r1"),
        done_batch("v0", taken="r1", checked=True),
        done_batch("v0", taken="r0", checked=True, finished=True),
    ],
    ids=["taken", "checked", "drawn anew since"],
)
def test_a_loop_that_did_not_reach_its_selection_is_requested_again(batch):
    assert requests(decide(batch)) == ["v0@r1#1"]


def test_a_finished_iteration_is_left_alone():
    assert told(decide(finished_batch("v0"))) == "v0 is finished"


def test_a_finished_iteration_whose_last_run_broke_off_is_repeated():
    assert requests(decide(finished_batch("v0"), runs=Told(past=[FAILED], only=JobName.LABEL_LOOP))) == ["v0@r1#1"]


def test_labels_that_failed_their_checks_call_a_person_and_are_not_tried_again():
    (decision,) = decide(done_batch("v0", taken="r1", checked=True, refused="few_boxes_are_bad: 10 % of the boxes"))
    assert decision.act is Act.ALARM
    assert "few_boxes_are_bad: 10 % of the boxes" in decision.why


def test_corrected_labels_are_taken_although_those_before_failed_their_checks():
    assert requests(decide(done_batch("v0", "r2", taken="r1", checked=True, refused="bad"))) == ["v0@r2#1"]


def test_without_a_batch_there_is_nothing_to_wait_for():
    assert told(decide()) == "no batch was chosen yet"


def test_a_chosen_batch_that_is_not_in_cvat_is_told():
    assert "not sent yet" in told(decide(Batch("v0")))


def test_a_batch_that_there_was_no_time_to_read_is_read_later():
    assert "next tick" in told(decide(replace(done_batch("v0"), drawn="")))


# -- older iterations and the hold-out ------------------------------------------------------------------------


def test_an_older_iteration_with_other_boxes_is_taken_again_and_trains_nothing():
    decisions = decide(done_batch("v0", "r2", taken="r1"), open_batch("v1"))
    assert jobs(decisions) == [(JobName.TAKE_BATCH, "v0")]
    assert requests(decisions) == ["v0@r2#1"]


def test_an_older_iteration_with_the_same_boxes_is_left_alone():
    assert told(decide(finished_batch("v0"), open_batch("v1"))) == "v1: 1 of 2 jobs, http://cvat/tasks/1"


def test_an_older_iteration_that_is_being_corrected_is_told():
    assert "v0 was reopened: 1 of 2 jobs" in told(decide(open_batch("v0", taken="r1", checked=True), open_batch("v1")))


def test_an_older_iteration_taken_without_its_checks_is_taken_again():
    assert jobs(decide(done_batch("v0", taken="r1"), open_batch("v1"))) == [(JobName.TAKE_BATCH, "v0")]


def test_an_older_iteration_that_failed_its_checks_stays_as_it_is():
    older = done_batch("v0", taken="r1", checked=True, refused="bad")
    assert not requests(decide(older, open_batch("v1")))


def test_training_waits_for_labels_that_are_being_taken_again():
    decisions = decide(done_batch("v0", "r2", taken="r1", checked=True), done_batch("v1"))
    assert jobs(decisions) == [(JobName.TAKE_BATCH, "v0")]
    assert "v1 is annotated and goes on after take_batch of v0" in told(decisions)


def test_training_does_not_wait_for_labels_that_cannot_be_taken():
    past = [PastRun(str(number), "v0@r2", Outcome.FAILED) for number in range(3)]
    decisions = decide(
        done_batch("v0", "r2", taken="r1"), done_batch("v1"), runs=Told(past=past, only=JobName.TAKE_BATCH)
    )
    assert jobs(decisions) == [(JobName.LABEL_LOOP, "v1")]
    assert [decision.act for decision in decisions] == [Act.REQUEST, Act.ALARM]


@pytest.mark.parametrize(("taken", "wanted"), [("", 1), ("h0", 1), ("h1", 0)], ids=["new", "changed", "same"])
def test_the_hold_out_is_taken_when_it_is_new_or_has_changed(taken, wanted):
    holdout = Batch(HOLDOUT, (task(),), drawn="h1", taken=taken)
    decisions = decide(open_batch("v0"), holdout=holdout, scorable=bool(taken))
    assert requests(decisions) == ["holdout@h1#1"] * wanted


def test_the_hold_out_is_taken_before_there_is_a_batch():
    assert requests(decide(holdout=replace(LABELLED, taken=""), scorable=False)) == ["holdout@h1#1"]


def test_a_hold_out_whose_taking_broke_off_is_taken_again():
    decisions = decide(open_batch("v0"), runs=Told(past=[FAILED], only=JobName.TAKE_HOLDOUT))
    assert jobs(decisions) == [(JobName.TAKE_HOLDOUT, HOLDOUT)]


def test_an_empty_hold_out_is_taken_at_once():
    assert requests(decide(holdout=Batch(HOLDOUT, (), drawn="h0"), scorable=False)) == ["holdout@h0#1"]


# -- tasks deleted in CVAT ------------------------------------------------------------------------------------


def test_deleted_tasks_call_a_person():
    decisions = decide(Batch("v0", (task(), task(7, found=False))))
    assert decisions[0].act is Act.ALARM
    assert "#7 of v0" in decisions[0].why
    assert "next_batch" in decisions[0].why


def test_deleted_tasks_whose_labels_are_here_disturb_nobody():
    gone = (task(7, found=False),)
    older = Batch("v0", gone, taken="r1", checked=True)
    holdout = Batch(HOLDOUT, gone, taken="h1")
    newest = Batch("v1", gone, taken="r1", checked=True, finished=True)
    assert told(decide(older, newest, holdout=holdout)) == "v1 is finished"


# -- what is sent ---------------------------------------------------------------------------------------------

READY = Loop(split=True, scored=True, autostart=True, holdout_sent=True)
GOES_ON = {"stopped": None, "rows": [{"sample_id": "a"}]}


@pytest.mark.parametrize(
    ("loop", "keys", "says"),
    [
        (READY, ["v0@batch#1"], "the pool is scored"),
        (replace(READY, scored=False), [], "prepare_pool"),
        (replace(READY, autostart=False), [], "v0 is started by a person"),
        (replace(READY, may_push=False), [], "annotation.push is false"),
        (replace(READY, newest="v0"), ["v0@batch#1"], "v0 is chosen, but its sending was broken off"),
        (replace(READY, newest="v0", autostart=False), ["v0@batch#1"], "broken off"),
        (replace(READY, newest="v0", newest_sent=True), [], "v1 is chosen when v0 is annotated"),
        (replace(READY, newest="v0", newest_sent=True, selection=GOES_ON), ["v1@batch#1"], "failures of v0"),
        (replace(READY, newest="v9", newest_sent=True, selection=GOES_ON, autostart=False), ["v10@batch#1"], "v10"),
        (replace(READY, newest="v0", newest_sent=True, selection={"stopped": "All done."}), [], "stopped: All done."),
    ],
    ids=[
        "v0", "not scored", "no autostart", "no push", "broken off", "broken off by hand", "not selected", "next",
        "next needs no autostart", "stopped",
    ],
)  # fmt: skip
def test_the_next_batch_is_requested_when_it_is_due(loop, keys, says):
    decisions = before_annotation(loop, Told())
    assert requests(decisions) == keys
    assert says in told(decisions)


def test_a_batch_that_was_sent_by_a_run_that_failed_is_requested_again():
    loop = replace(READY, newest="v0", newest_sent=True)
    assert requests(before_annotation(loop, Told(past=[FAILED], only=JobName.NEXT_BATCH))) == ["v0@batch#1"]


def test_nothing_is_chosen_while_the_pool_is_prepared():
    decisions = before_annotation(READY, Told(busy="run 1 is started", only=JobName.PREPARE_POOL))
    assert not requests(decisions)
    assert "run 1 is started" in told(decisions)


@pytest.mark.parametrize(
    ("loop", "wanted"),
    [
        (Loop(split=True, sends_holdout=True), True),
        (Loop(split=True, sends_holdout=True, holdout_sent=True), False),
        (Loop(split=True, sends_holdout=False), False),
        (Loop(split=False, sends_holdout=True), False),
    ],
    ids=["sandbox", "sent", "people's own CVAT", "no splits"],
)
def test_the_hold_out_is_sent_by_itself_in_the_sandbox(loop, wanted):
    keys = requests(before_annotation(loop, Told()))
    assert keys == (["holdout@split#1"] if wanted else [])


# -- people's own project -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("news", "wanted"), [({}, False), ({"1": "a"}, True), ({"1": "a", "2": "b"}, True)], ids=["none", "one", "two"]
)
def test_new_and_changed_tasks_of_a_source_project_prepare_the_pool(news, wanted):
    decision = after_pull("Fishes", "2 finished tasks", news, Told())
    assert (decision.act is Act.REQUEST) is wanted
    assert "Fishes" in decision.why
    assert "2 finished tasks" in decision.why
    assert not wanted or decision.run_key.startswith("pool@")


def test_a_preparation_that_broke_off_is_requested_again():
    assert after_pull("Fishes", "1 tasks", {}, Told(past=[FAILED])).act is Act.REQUEST


# -- what people go through again, and val that has changed -----------------------------------------------------


def again(*relabels, iterations=(), yardstick="", runs=None):
    return after_annotation(
        iterations, LABELLED, scorable=True, runs=runs or Told(), relabels=relabels, yardstick=yardstick
    )


def named(decisions):
    return [str(job) for job, _ in jobs(decisions)]


def test_images_that_people_went_through_again_are_taken_whatever_else_is_open():
    decisions = again(open_batch("relabel-1", task(1, done=1)), done_batch("relabel-2"))
    assert named(decisions) == ["take_relabel"]
    assert "relabel-2 is annotated" in told(decisions)


def test_what_was_taken_is_left_alone_until_it_changes():
    assert named(again(done_batch("relabel-1", taken="r1"))) == []
    assert named(again(done_batch("relabel-1", drawn="r2", taken="r1"))) == ["take_relabel"]


def test_how_far_people_are_with_going_through_again_is_told():
    assert "relabel-1 is gone through again: 1 of 2 jobs" in told(again(open_batch("relabel-1", task(1, done=1))))


def test_training_waits_for_labels_of_a_second_look():
    decisions = again(done_batch("relabel-1"), iterations=[done_batch("v0")])
    assert named(decisions) == ["take_relabel"]
    assert "v0 is annotated and goes on after take_relabel of relabel" in told(decisions)


def test_every_finished_model_that_was_measured_by_another_val_is_measured_again():
    loop = [finished_batch("v0", yardstick="old"), finished_batch("v1", yardstick="new"), finished_batch("v2")]
    decisions = again(iterations=loop, yardstick="new")
    assert requests(decisions) == ["v0@new/old#1"]
    assert named(again(iterations=loop, yardstick="")) == []


def test_a_model_whose_iteration_goes_on_is_not_measured_besides():
    assert named(again(iterations=[done_batch("v0", yardstick="old")], yardstick="new")) == ["label_loop"]


def test_images_of_relabel_for_are_sent_by_themselves_where_that_is_allowed():
    loop = replace(READY, newest="v0", newest_sent=True, to_relabel="abc")
    assert "relabel@abc#1" in requests(before_annotation(loop, Told()))
    assert "relabel@abc#1" not in requests(before_annotation(replace(loop, may_push=False), Told()))


def test_a_hold_out_that_has_grown_is_sent_again():
    loop = replace(READY, sends_holdout=True, holdout_sent=False, unsent="more")
    assert f"{HOLDOUT}@more#1" in requests(before_annotation(loop, Told()))


def test_a_batch_that_is_half_written_is_not_taken():
    batch = replace(done_batch("v0"), rewriting=True)
    decisions = decide(batch)
    assert not requests(decisions)
    assert "labelloop repush v0" in str(decisions)
