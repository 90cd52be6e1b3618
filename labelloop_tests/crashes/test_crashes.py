"""`kill -9` of everything at every kind of moment: the same command goes on, and nothing is lost or done twice."""

import json
import sys
from collections.abc import Iterator

import psutil
import pytest

from labelloop.adapters.files import atomic, locks
from labelloop.adapters.processes import read_record
from labelloop_tests.crashes.daemon import Daemon, kill_run, runs, wait_for
from labelloop_tests.crashes.dump import plain_files
from labelloop_tests.crashes.ground import PATIENCE, Ground, Row, make_two, table
from labelloop_tests.crashes.strike import HELD, MONGOD, RECORDS, RUN, SANDBOX, Kill, gate
from labelloop_tests.elsewhere import wait_until

pytestmark = pytest.mark.slow

SHOWN = "labelloop.adapters.fiftyone.dataset:LoopDataset"
PUSH = "labelloop.adapters.cvat.push"
UPLOAD = "labelloop.adapters.cvat.client:CvatServer"
PULL = "labelloop.adapters.cvat.pull:content"
TRAIN = "labelloop.adapters.yolo.training:_run"
EPOCH = "labelloop.adapters.yolo.run_state:History.note"
EVALUATE = "labelloop.resources.evaluated:show_evaluation"
WRITE = "pathlib:Path.replace"  # the moment between a whole temporary file and its name


def not_renamed(name: str, victim: str = RUN) -> Kill:
    return Kill(f"plain-file write, {name} is not renamed yet", victim, WRITE, about=name)


# Where runs of a daemon stand still, so that it can be killed there.
STOPS = (
    not_renamed("reports/v1.json", HELD),
    Kill(
        "FiftyOne write, predictions are there and no failure is tagged",
        HELD,
        f"{SHOWN}.replace_tag",
        about="high_fn:v1",
    ),
)


PLAN = {
    ("prepare_pool", ""): [
        [not_renamed("samples.parquet")],
        [Kill("FiftyOne write, half of the split tags are set", RUN, f"{SHOWN}.replace_tag", 3)],
        [Kill("FiftyOne write, the map is about to be shown", MONGOD, f"{SHOWN}.show_map")],
    ],
    ("next_batch", "v0"): [
        [Kill("upload, the task is there with no image", RUN, f"{PUSH}:send_images")],
        [Kill("upload, a task has its images, the server was not told to make it", RUN, f"{UPLOAD}.finish_upload", 2)],
        [Kill("upload, the server makes a task", RUN, f"{PUSH}:wait_for_creation", 2)],
        [
            Kill("upload, images are on their way", SANDBOX, f"{UPLOAD}.upload", 2),
            Kill("upload, the last task is looked at once more", MONGOD, f"{PUSH}:_verified", 4),
            not_renamed("tasks/v0.json"),
        ],
        [Kill("FiftyOne write, tags are set and the view is not", RUN, f"{SHOWN}.save_view")],
        [Kill("FiftyOne write, the batch is half shown", MONGOD, f"{SHOWN}.replace_tag", after=True)],
    ],
    ("send_holdout", ""): [
        [Kill("upload, between two tasks", RUN, f"{PUSH}:push_task", 2)],
        [Kill("upload, the third task is about to be made", SANDBOX, f"{PUSH}:_create", 2)],
    ],
    ("take_holdout", ""): [
        [Kill("pull, one task is read", RUN, PULL, 2)],
        [Kill("pull, two tasks are read", SANDBOX, PULL, 3), not_renamed("holdout.json")],
        [Kill("FiftyOne write, the boxes are there and the tags are not", RUN, f"{SHOWN}.replace_tag")],
    ],
    ("label_loop", "v0"): [
        [Kill("pull, one task is read", RUN, PULL, 2)],
        [Kill("pull, one task is read", MONGOD, PULL, 2), not_renamed("labels/v0.json")],
        [Kill("FiftyOne write, the boxes are there and the tags are not", MONGOD, f"{SHOWN}.replace_tag")],
        [
            Kill("training, before the first epoch", SANDBOX, TRAIN),
            Kill("training, before the first epoch", MONGOD, TRAIN),
            Kill("training, the first epoch is done and not saved", RUN, EPOCH, after=True),
        ],
        [not_renamed("card.json")],
        [
            not_renamed("card.json", MONGOD),
            not_renamed("reports/v0.json", SANDBOX),
            Kill("FiftyOne write, predictions are there and not matched", RUN, EVALUATE),
        ],
        [Kill("FiftyOne write, the evaluation is about to be shown", MONGOD, EVALUATE)],
        [not_renamed("selections/v1.json")],
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Ground]]:
    folder = tmp_path_factory.mktemp("crashes")
    undisturbed, disturbed = make_two(folder)
    yield undisturbed, disturbed
    (folder / "table.md").write_text(table(disturbed.rows))
    sys.stdout.write(f"\n{table(disturbed.rows)}\n\n")
    for ground in (undisturbed, disturbed):
        ground.close()


@pytest.mark.parametrize(("job", "iteration"), PLAN)
def test_killed_again_and_again_a_command_ends_as_if_nothing_had_been(grounds, job: str, iteration: str) -> None:
    undisturbed, disturbed = grounds
    if job == "take_holdout":
        for ground in grounds:
            ground.world.annotate()
    assert undisturbed.run(job, iteration) == 0, undisturbed.said()
    disturbed.suffer(job, iteration, PLAN[job, iteration])
    disturbed.settle(plain_files(undisturbed.folder), json.loads(undisturbed.fiftyone.read_text()))


def test_a_daemon_that_is_killed_is_followed_by_another_and_nothing_is_done_twice(grounds) -> None:
    _, ground = grounds
    home, before = ground.world.now.home, len(ground.tasks())
    sandbox = psutil.Process(int(read_record(ground.folder / ".labelloop" / RECORDS[SANDBOX])["server"][0]))
    daemons = [Daemon(ground)]
    try:
        # The server stands still in the middle of the upload, so that it lasts until the daemon is dead.
        wait_until(lambda: len(ground.tasks()) > before, PATIENCE)
        sandbox.suspend()
        daemons[-1].kill()
        daemons.append(Daemon(ground))
        sandbox.resume()
        wait_for(ground, "next_batch", "v1", PATIENCE)
        ground.rows.append(_of_daemon("next_batch v1: upload", ground, "next_batch", "v1"))

        ground.world.annotate()
        wait_until(lambda: locks.is_held(home.lock("stages/annotated_batch-v1")), PATIENCE)
        daemons[-1].kill()
        ground.rows.append(_of_daemon("label_loop v1: pull", ground, "label_loop", "v1"))
        wait_until(
            lambda: [path for path in home.root.glob("models/*/run/weights/last.pt") if path.stat().st_size], PATIENCE
        )
        kill_run(ground, "label_loop", "v1")
        daemons.append(Daemon(ground, STOPS))
        told = len(ground.rows)
        for stop in STOPS:
            wait_until(gate(ground.folder).exists, PATIENCE)
            daemons[-1].kill()
            ground.rows.append(_of_daemon(f"label_loop v1: {stop.what}", ground, "label_loop", "v1"))
            daemons.append(Daemon(ground))
            gate(ground.folder).unlink()
        wait_for(ground, "label_loop", "v1", PATIENCE)
        training = _of_daemon("label_loop v1: training, an epoch is saved", ground, "label_loop", "v1", "run")
        ground.rows.insert(told, training)
    finally:
        sandbox.resume()
        gate(ground.folder).unlink(missing_ok=True)
        for daemon in daemons:
            daemon.clear()
    assert runs(ground, "next_batch", "v1") == ["SUCCESS"]
    assert runs(ground, "label_loop", "v1") == ["SUCCESS", "FAILURE"]
    card = atomic.read_json(
        home.root / "models" / ground.world.now.ledger.read("models", "v1")["model"] / "card.json", ""
    )
    assert card["resumed"]
    assert [loss["epoch"] for loss in card["losses"]] == list(range(1, 7))
    ground.check_after_a_blow()
    ground.close_rows(f"{len(ground.tasks())} tasks, {card['epochs']} epochs, FiftyOne as rebuilt from the files")


def test_what_fiftyone_shows_after_all_this_is_what_it_shows_rebuilt_from_the_files(grounds) -> None:
    _, ground = grounds
    ground.type("dagster", "--version")
    shown = json.loads(ground.fiftyone.read_text())
    ground.type("labelloop", "rebuild")
    assert json.loads(ground.fiftyone.read_text()) == shown
    assert {"predictions_v0", "predictions_v1"} <= set().union(*shown["samples"].values())


def test_two_trainings_at_once_are_one_after_the_other_and_say_so(grounds) -> None:
    _, ground = grounds
    longer = {"ops": {"trained_model": {"config": {"epochs": 3}}}}
    models = {path.name for path in (ground.folder / ".labelloop" / "models").glob("????????????????")}
    processes = [ground.start("label_loop", "v0", Kill("", HELD, EPOCH), config=longer, log="first")]
    try:
        wait_until(gate(ground.folder).exists, PATIENCE)
        processes.append(ground.start("label_loop", "v0", config=longer, log="same"))
        processes.append(ground.start("label_loop", "v1", config=longer, log="other"))
        held = f"held by process {processes[0].pid}"
        wait_until(lambda: f"waiting for trained_model-v0, {held}" in ground.said("same"), PATIENCE)
        wait_until(lambda: f"waiting for training, {held}" in ground.said("other"), PATIENCE)
    finally:
        gate(ground.folder).unlink(missing_ok=True)
        for process in processes:
            process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0, 0, 0], ground.said("other")
    made = {path.name for path in (ground.folder / ".labelloop" / "models").glob("????????????????")} - models
    assert len(made) == 2
    assert "is there already: same data, same settings" in ground.said("same")
    ground.check_after_a_blow()
    told = "the second said that it waits, then found the model of the first; that of v1 waited for `training`"
    ground.rows.append(Row("label_loop v0 twice and v1, at once, in training", "nobody", told, "3 runs, 2 models"))


def _of_daemon(point: str, ground: Ground, job: str, iteration: str, victim: str = "daemon") -> Row:
    states = runs(ground, job, iteration)
    after = "the run went on without it, and the next daemon started no second one"
    if victim == "run":
        after = "the next daemon reported it dead and requested it again; the training went on after its first epoch"
    return Row(point, victim, f"{after} ({', '.join(states)})")
