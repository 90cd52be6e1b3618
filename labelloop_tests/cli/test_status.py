import io
import json
import re
import subprocess
import sys
import time

import dagster as dg
import pytest
from rich.console import Console

from labelloop.adapters import sandbox_server
from labelloop.adapters.liveness import identity
from labelloop.cli import state
from labelloop.cli.status import show
from labelloop.definitions import defs
from labelloop.resources.report import REPORT_NAME, write_report
from labelloop.resources.runs import PROCESS_TAG
from labelloop_tests.worlds import World, make_world

pytestmark = pytest.mark.slow

MEBIBYTE = 1 << 20

KEYS = {
    "project", "home", "up", "links", "counts", "iterations", "cvat", "waits_for", "comes_next", "tasks", "needs",
    "running", "dead", "stopped", "final",
}  # fmt: skip


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def started_by_a_process_that_is_gone(instance):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        told = identity(process.pid)
        process.kill()
    return run_of(instance, dg.DagsterRunStatus.STARTED, {PROCESS_TAG: told})


def run_of(instance, status, tags):
    job = defs.resolve_job_def("label_loop")
    return instance.create_run_for_job(job, tags={"dagster/partition": "v1", **tags}, status=status)


def shown(status):
    written = io.StringIO()
    show(status, Console(width=200, file=written))
    return written.getvalue()


def test_a_project_in_which_nothing_was_run_waits_for_its_pool_and_starts_nothing(tmp_path, instance):
    world = make_world(tmp_path)
    status = state.look(world.now, instance)
    assert status.counts == state.Counts()
    assert not status.up
    assert "the pool is not scored yet (prepare_pool)" in status.waits_for
    assert status.cvat.startswith("The sandbox server is not running")
    assert sandbox_server.owned(world.now.home).port() is None


def test_in_the_middle_it_counts_images_and_names_open_tasks(half_way: World, instance):
    sandbox_server.ensure(half_way.now.home)  # a test that took a copy has closed it
    status = state.look(half_way.now, instance)
    counts = status.counts
    assert (counts.selected, counts.annotated) == (6, 6)
    assert counts.remaining == counts.pool - 12
    assert counts.holdout_annotated == counts.holdout > 0
    assert [turn.iteration for turn in status.turns] == ["v0"]
    assert {task["batch"] for task in status.tasks} == {"v1"}
    assert all(task["url"].startswith("http://127.0.0.1:") and task["jobs_completed"] == 0 for task in status.tasks)
    assert any(task["url"] in sentence for task in status.tasks for sentence in status.waits_for)
    text = shown(status)
    assert "v0" in text
    assert status.tasks[0]["url"] in text


def test_json_has_the_keys_programs_rely_on(half_way: World, instance):
    plain = json.loads(json.dumps(state.look(half_way.now, instance).to_dict()))
    assert set(plain) == KEYS
    (row,) = plain["iterations"]
    assert {"iteration", "labels_used", "map50", "map50_95", "seconds"} <= set(row)
    assert plain["stopped"] is None


def test_a_run_whose_process_is_gone_is_ended_and_told(half_way: World, instance):
    run = started_by_a_process_that_is_gone(instance)
    status = state.look(half_way.now, instance)
    assert len(status.dead) == 1
    assert run.run_id[:8] in status.dead[0]
    assert "label_loop v1" in status.dead[0]
    assert status.running == []


def test_what_runs_is_told(half_way: World, instance):
    run_of(instance, dg.DagsterRunStatus.STARTING, {})
    (run,) = state.look(half_way.now, instance).running
    assert (run["job"], run["partition"], run["status"]) == ("label_loop", "v1", "STARTING")


def test_the_command_answers_in_json_and_needs_neither_fiftyone_nor_torch(tmp_path):
    make_world(tmp_path)
    code = (
        "import sys; sys.argv = ['labelloop', 'status', '--json']\n"
        "from labelloop.cli.main import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'fiftyone', 'ultralytics'} & set(sys.modules)\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 30
    assert set(json.loads(done.stdout)) == KEYS


# -- the report -----------------------------------------------------------------------------------------------


def test_the_report_tells_the_loop_and_loads_nothing(half_way: World):
    path = write_report(half_way.now, [("12 s", "in all")])
    page = (half_way.now.home.root / REPORT_NAME).read_text()
    assert path == str(half_way.now.home.root / REPORT_NAME)
    assert len(page) < 2 * MEBIBYTE
    loaded = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", page)
    assert loaded
    assert all(address.startswith("data:image/jpeg;base64,") for address in loaded)
    assert "<script" not in page
    assert "http" not in page


def test_the_report_has_curve_classes_map_and_failures(half_way: World):
    write_report(half_way.now, [])
    page = (half_way.now.home.root / REPORT_NAME).read_text()
    report = half_way.now.ledger.read("reports", "v0")
    for title in ("Learning curve", "Classes", "Batches on the map", "Worst failures"):
        assert f"<h2>{title}</h2>" in page
    assert f"{report['map50']:.3f}" in page
    assert str(report["labels_used"]) in page
    assert all(name in page for name in half_way.now.ledger.schema().classes)
    wrong = [row for row in report["errors"] if row["fn"] or row["fp"]]
    assert page.count("<figure>") == min(12, len(wrong))
    assert 'class="truth"' in page
