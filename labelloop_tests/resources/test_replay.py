"""The loop replayed on labelled images, with everything but the network."""

import threading
from dataclasses import replace
from typing import ClassVar

import pytest

from labelloop.adapters.files import atomic
from labelloop.core.errors import ConfigError, LabelError
from labelloop.core.replay import AGAIN, RANDOM, plan_of
from labelloop.core.vocabulary import HELD_OUT, Source
from labelloop.resources import replay_crew
from labelloop.resources.labelled import labelled, labelled_test
from labelloop.resources.project import Project
from labelloop.resources.replay import prepare
from labelloop.resources.replay_crew import replay
from labelloop.resources.replay_result import (
    keep_for_check,
    keep_request,
    require_enough_images,
    require_same_request,
    verdict_for,
    write_result,
)
from labelloop.resources.replay_turn import examined, points, run_arm, run_start
from labelloop_tests.replays import SETTINGS, Memorising, config_in, follow, records, study_in

pytestmark = pytest.mark.slow

STRATEGIES = "hybrid,entropy+class_balanced"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished replay."""
    study = study_in(tmp_path_factory.mktemp("replay"), STRATEGIES)
    require_same_request(study)
    keep_request(study)
    follow(study)
    return study


def ids(study, seed, arm, iteration):
    return study.replay(seed, arm).ledger.manifest(iteration)["sample_id"].tolist()


def test_each_arm_keeps_what_it_chose_and_why(done):
    held_out = set(done.pool().ledger.in_split(*HELD_OUT))
    for seed in range(2):
        for arm in done.plan.arms:
            ledger = done.replay(seed, arm).ledger
            rows = [ledger.manifest(name) for name in done.plan.iterations]
            assert [len(each) for each in rows] == [6, 6]
            chosen = [sample_id for each in rows for sample_id in each["sample_id"]]
            assert len(set(chosen)) == 12
            assert not set(chosen) & held_out
            assert all(each["reason"].str.len().all() and each["score"].notna().all() for each in rows)


def test_arms_of_a_seed_begin_with_the_same_random_batch_and_model_and_seeds_do_not(done):
    for seed in range(2):
        firsts = {tuple(ids(done, seed, arm, "v0")) for arm in done.plan.arms}
        models = {done.replay(seed, arm).ledger.read("models", "v0")["model"] for arm in done.plan.arms}
        assert (len(firsts), len(models)) == (1, 1)
        assert set(done.start(seed).ledger.manifest("v0")["source"]) == {Source.RANDOM}
    assert ids(done, 0, RANDOM, "v0") != ids(done, 1, RANDOM, "v0")


def test_the_second_random_draws_other_images(done):
    assert set(ids(done, 0, RANDOM, "v1")) != set(ids(done, 0, AGAIN, "v1"))


def test_strategies_choose_by_what_the_loop_gives_them(done):
    sources = {
        arm.name: set(done.replay(0, arm).ledger.manifest("v1")["source"]) - {Source.BACKFILL} for arm in done.plan.arms
    }
    assert sources == {
        "random": {Source.RANDOM}, "random-again": {Source.RANDOM}, "hybrid": {Source.COVERAGE, Source.FAILURE},
        "entropy+class_balanced": {Source.UNCERTAINTY},
    }  # fmt: skip


def test_models_learn_from_the_batches_alone_and_are_measured_by_test(done):
    now = done.replay(0, done.plan.arms[2])
    learnt = set(labelled(now, done.plan.iterations).of(now.ledger.in_split("pool")).reviewed)
    assert learnt == {name for turn in done.plan.iterations for name in ids(done, 0, done.plan.arms[2], turn)}
    assert set(examined(now).reviewed) == set(now.ledger.in_split("test")) == set(labelled_test(now).reviewed)
    assert len(examined(now).reviewed) == 8
    errors = {each["sample_id"] for each in now.ledger.read("reports", "v1")["errors"]}
    assert errors == set(now.ledger.in_split("val"))


def test_without_test_val_measures(tmp_path):
    study = study_in(tmp_path, "zcore", splits={"val": 10, "test": 0})
    prepare(study.pool(), lambda _: None)
    run_start(study, 0, lambda _: None)
    assert set(examined(study.start(0)).reviewed) == set(study.pool().ledger.in_split("val"))


def test_points_have_a_row_for_each_turn_of_each_arm(done):
    found = points(done)
    assert len(found) == 2 * 4 * 2
    assert found.groupby("labels")["boxes"].mean().is_monotonic_increasing
    starts = found[found["labels"] == 6].groupby("seed")["map50"].nunique()
    assert starts.tolist() == [1, 1]


class Failing(Memorising):
    """Its process ends at the third training."""

    left: ClassVar[int] = 2

    def train(self, now, recipe, data, log):
        if not Failing.left:
            raise KeyboardInterrupt
        Failing.left -= 1
        return super().train(now, recipe, data, log)


class Counting(Memorising):
    """Counts what it learns anew."""

    trained: ClassVar[list[str]] = []

    def train(self, now, recipe, data, log):
        if not (now.ledger.model_folder(recipe.digest) / "card.json").is_file():
            self.trained.append(recipe.digest)
        return super().train(now, recipe, data, log)


def test_a_replay_that_was_broken_off_goes_on_and_gives_the_same(done, tmp_path):
    whole = study_in(tmp_path, STRATEGIES)
    study = replace(whole, plan=replace(whole.plan, seeds=1))
    with pytest.raises(KeyboardInterrupt):
        follow(replace(study, detector=Failing))
    assert len(records(study)) == 2 + 4 + 3  # the second arm had chosen, and was killed before it had learnt
    # Cut off between two files of one turn, as a kill may do it.
    ledger = study.replay(0, RANDOM).ledger
    ledger.remove("reports", "v1")
    ledger.remove("labels", "v1")
    Counting.trained.clear()
    for _ in range(2):
        follow(replace(study, detector=Counting))
        assert records(study) == {name: each for name, each in records(done).items() if name.startswith("seed-0")}
        assert len(Counting.trained) == study.plan.trainings - 2


def test_seeds_and_strategies_may_be_added_and_nothing_else_may_change(done):
    require_same_request(replace(done, plan=plan_of("zcore", 7, "6,12")))
    with pytest.raises(ConfigError, match=r"labels was \[6, 12\] and is \[6, 13\]"):
        require_same_request(replace(done, plan=plan_of("zcore", 7, "6,13")))
    other = done.settings.model_copy(update={"train": done.settings.train.model_copy(update={"imgsz": 96})})
    with pytest.raises(ConfigError, match="holds a benchmark of other settings: train was"):
        require_same_request(replace(done, settings=other))
    idle = done.settings.model_copy(update={"train": done.settings.train.model_copy(update={"workers": 3})})
    require_same_request(replace(done, settings=idle))
    before, status = (done.folder / "request.json").read_bytes(), (done.folder / "request.json").stat()
    keep_request(replace(done, settings=idle))
    assert (done.folder / "request.json").read_bytes() == before
    assert (done.folder / "request.json").stat().st_ino == status.st_ino  # it is not written anew
    assert require_same_request(done) == atomic.read_json(done.folder / "request.json", "")


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    study = study_in(tmp_path, "zcore", scenes=1)
    atomic.write_bytes(study.folder / "thesis.txt", b"mine")
    with pytest.raises(ConfigError, match="holds something else than a benchmark"):
        require_same_request(study)


def test_more_labels_than_the_pool_has_are_refused(done):
    pool = len(done.pool().ledger.in_split("pool"))
    require_enough_images(replace(done, plan=plan_of("zcore", 2, f"6,{pool}")))
    with pytest.raises(LabelError, match=f"--budget ends at {pool + 1} labelled images, the pool has {pool}"):
        require_enough_images(replace(done, plan=plan_of("zcore", 2, f"6,{pool + 1}")))


def test_a_source_without_labels_is_refused(tmp_path):
    study = study_in(tmp_path, "zcore", source={"type": "folder", "path": "scenes/images"})
    with pytest.raises(ConfigError, match="None of the 60 images of the source has boxes to replay from"):
        prepare(study.pool(), lambda _: None)


def test_the_result_is_written_and_says_what_was_compared(done):
    result = write_result(done)
    assert {path.name for path in done.folder.iterdir()} >= {"table.md", "result.json", "curves.png"}
    assert atomic.read_json(done.folder / "result.json", "") == result
    assert {each["arm"] for each in result["comparisons"]} == {"hybrid", "entropy+class_balanced"}
    assert result["measured_on"] == "test"
    assert (done.folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_check_tells_the_verdict_of_the_strategy_that_is_set(done, tmp_path):
    (tmp_path / ".labelloop").mkdir()
    now = Project(config_in(tmp_path))
    assert verdict_for(now) == (
        False, "not measured yet: run `labelloop benchmark --strategies hybrid` (labelled data needed)",
    )  # fmt: skip
    result = write_result(done)
    told = {"arm": "hybrid", "gain": 0.05, "low": 0.01, "high": 0.09, "floor": 0.02, "seeds": 5, "verdict": "helps"}
    keep_for_check(now, result | {"comparisons": [told]})
    helps = "hybrid helps: +0.050 mAP50 against random (+0.010 to +0.090, 5 seeds), noise floor 0.020"
    assert verdict_for(now) == (True, helps)
    keep_for_check(now, result | {"comparisons": [told | {"verdict": "undecided"}]})
    assert verdict_for(now)[0] is False
    assert verdict_for(now)[1].startswith("hybrid undecided: +0.050")
    earlier = result | {"rule": "another rule", "comparisons": [told | {"arm": "hybrid"}]}
    keep_for_check(now, earlier)  # what an earlier labelloop wrote is judged by its points
    [own] = [each for each in result["comparisons"] if each["arm"] == "hybrid"]
    assert verdict_for(now)[1].startswith(f"hybrid {own['verdict']}: {own['gain']:+.3f} mAP50 against random")
    keep_for_check(now, {key: each for key, each in earlier.items() if key != "rule"})
    assert verdict_for(now)[1].startswith(f"hybrid {own['verdict']}: {own['gain']:+.3f} mAP50 against random")
    keep_for_check(now, result | {"comparisons": [told]})
    for changes, passed, told in (
        ({"batch": {"class_balanced": True}}, False, "hybrid+class_balanced was not measured yet: run"),
        ({"train": SETTINGS["train"] | {"epochs": 7}}, False, "not measured yet with the settings of now: run"),
        ({"batch": {"strategy": "random"}}, True, "batches are drawn at random"),
    ):
        found = verdict_for(Project(config_in(tmp_path, **changes)))
        assert (found[0], found[1].startswith(told)) == (passed, True)


def test_the_same_comes_out_for_any_number_of_workers(done, tmp_path):
    for workers in (1, 3):
        study = replace(study_in(tmp_path / str(workers), STRATEGIES))
        prepare(study.pool(), lambda _: None)
        looks = []
        replay(study, workers, lambda: looks.append(1))  # noqa: B023  called within the turn
        assert looks
        assert records(study) == records(done)


def test_a_worker_begins_nothing_more_when_another_has_failed(done, tmp_path, monkeypatch):
    study, stop = replace(done, folder=tmp_path), threading.Event()
    stop.set()
    monkeypatch.setitem(replay_crew._TOLD, "stop", stop)
    for arm in (None, RANDOM):
        replay_crew._begin(study, 0, arm)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_in_a_worker_ends_the_replay_with_its_own_words(tmp_path):
    study = study_in(tmp_path, "zcore", train={"weights": "nowhere.pt", "device": "cpu"})
    prepare(study.pool(), lambda _: None)
    with pytest.raises(Exception, match=r"nowhere\.pt does not exist"):
        replay(study, 2, lambda: None)


def test_arms_can_be_followed_in_any_order(done, tmp_path):
    study = study_in(tmp_path, STRATEGIES)
    prepare(study.pool(), lambda _: None)
    for seed in (1, 0):
        run_start(study, seed, lambda _: None)
        for arm in reversed(study.plan.arms):
            run_arm(study, seed, arm, lambda _: None)
    assert records(study) == records(done)
