"""What people do wrong, and the one line they read: what happened and what to do, with nothing lost."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from labelloop.adapters.files import atomic
from labelloop.core.errors import LabelloopError
from labelloop.resources.cvat import CvatResource
from labelloop.settings.yaml_file import CONFIG_NAME
from labelloop_tests.worlds import World, failure_of, metadata_of

CVAT_VARIABLES = ("CVAT_URL", "CVAT_ACCESS_TOKEN", "CVAT_USERNAME", "CVAT_PASSWORD")


def refusal(world: World, job: str, iteration: str | None = None) -> str:
    """First line of why a job fails."""
    result = world.run(job, iteration)
    assert not result.success
    return failure_of(result).splitlines()[0]


def test_a_misspelt_key_is_named_with_the_nearest_right_one(world) -> None:
    one = world(bach={"budget": 3})
    assert "unknown key 'bach', did you mean 'batch'?" in refusal(one, "prepare_pool")


def test_a_missing_credential_names_its_variable(world, monkeypatch) -> None:
    one = world()
    one.turn([("prepare_pool", None)])
    one.configure(sandbox="off", annotation={"push": True})
    for name in CVAT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CVAT_URL", "http://127.0.0.1:9")
    assert "CVAT_ACCESS_TOKEN" in refusal(one, "next_batch", "v0")


def test_a_wrong_token_is_told_without_showing_it(world, monkeypatch) -> None:
    one = world()
    one.turn([("prepare_pool", None)])
    url = one.cvat.server(one.now).url
    one.cvat = CvatResource()
    one.configure(sandbox="off", annotation={"push": True})
    monkeypatch.setenv("CVAT_URL", url)
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "not-the-token-0123456789")
    line = refusal(one, "next_batch", "v0")
    assert "CVAT_ACCESS_TOKEN" in line
    assert "not-the-token" not in line


@pytest.mark.slow
def test_an_unreachable_server_is_named_and_the_batch_stays_chosen(world, monkeypatch) -> None:
    one = world()
    one.turn([("prepare_pool", None)])
    one.configure(sandbox="off", annotation={"push": True})
    monkeypatch.setenv("CVAT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "anything")
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.0)  # nobody waits here
    result = one.run("next_batch", "v0")
    assert "http://127.0.0.1:9" in failure_of(result)
    assert sum(event.event_type_value == "STEP_RESTARTED" for event in result.all_events) == 3
    chosen = one.now.ledger.manifest("v0")
    one.configure(sandbox="replay")
    one.turn([("next_batch", "v0")])
    assert one.now.ledger.manifest("v0").equals(chosen)


@pytest.mark.slow
def test_an_image_that_was_damaged_before_it_was_chosen_is_left_out_of_the_batch_and_told(world) -> None:
    one = world(splits={"golden": 0.0, "val": 0.0, "test": 0.0}, batch={"budget": 40, "golden_per_batch": 0})
    one.turn([("prepare_pool", None)])
    [damaged] = one.now.ledger.samples()["sample_id"].head(1)
    path = one.now.home.locate(one.now.ledger.samples()["path"].iloc[0])
    path.write_bytes(path.read_bytes()[:100])
    result = one.run("next_batch", "v0")
    assert result.success, failure_of(result)
    sent = {sample for task in one.now.ledger.read("tasks", "v0")["tasks"] for sample in task["frames"].values()}
    assert sent == set(one.now.ledger.samples()["sample_id"]) - {damaged}
    told = metadata_of(result, "batch")["chosen, not sent"]
    assert damaged in str(told)
    assert path.name in str(told)


@pytest.mark.slow
def test_a_project_that_does_not_exist_is_answered_with_those_that_do(world) -> None:
    one = world()
    one.turn([("prepare_pool", None), ("next_batch", "v0")])
    existing = one.now.settings.project_name
    one.configure(annotation={"pull_project": "Fishes"})
    line = refusal(one, "prepare_pool")
    assert "Fishes" in line
    assert existing in line


@pytest.mark.parametrize("key", ["v01", "V1", "1", "v-1", "latest"])
def test_a_malformed_partition_key_says_what_keys_look_like(world, key) -> None:
    assert f"'{key}' is not an iteration. Iterations are called v0, v1, v2" in refusal(world(), "next_batch", key)


@pytest.mark.parametrize(
    ("job", "iteration", "first"),
    [
        ("next_batch", "v0", "prepare_pool"),
        ("next_batch", "v1", "label_loop"),
        ("send_holdout", None, "prepare_pool"),
        ("take_holdout", None, "send_holdout"),
        ("take_batch", "v0", "next_batch"),
        ("final_evaluation", None, "label_loop"),
    ],
)
def test_a_step_run_too_early_says_what_to_run_first(world, job, iteration, first) -> None:
    assert first in refusal(world(), job, iteration)


def test_a_batch_that_is_not_annotated_says_which_task_waits(world) -> None:
    one = world()
    one.turn([("prepare_pool", None), ("next_batch", "v0")])
    line = refusal(one, "label_loop", "v0")
    assert "0 of 2 jobs" in line
    assert "/tasks/" in line


@pytest.mark.slow
def test_a_model_without_val_labels_says_how_to_get_them(world) -> None:
    one = world()
    one.turn([("prepare_pool", None), ("next_batch", "v0")])
    one.annotate()
    assert "send_holdout" in refusal(one, "label_loop", "v0")
    assert one.now.ledger.read("models", "v0")


def test_nothing_is_sent_to_a_cvat_of_people_before_they_allow_it(world, monkeypatch) -> None:
    one = world()
    one.turn([("prepare_pool", None)])
    server = one.cvat.server(one.now)
    one.configure(sandbox="off")
    monkeypatch.setenv("CVAT_URL", server.url)
    assert "annotation.push is false" in refusal(one, "next_batch", "v0")
    assert server.list_all("/api/tasks", "counting") == []


def test_a_class_that_was_removed_is_refused_and_the_schema_stays(world) -> None:
    one = world()
    one.turn([("prepare_pool", None)])
    before = one.now.ledger.schema()
    one.configure(classes=list(before.classes)[1:])
    assert before.classes[0] in refusal(one, "prepare_pool")
    assert one.now.ledger.schema() == before


@pytest.mark.slow
def test_labels_that_failed_their_checks_cannot_be_trained_on(world) -> None:
    one = world(checks={"max_bad_box_share": 0.0})
    one.turn([("prepare_pool", None), ("next_batch", "v0")])
    ledger = one.now.ledger
    boxes = ledger.source_labels()
    boxes.loc[boxes["sample_id"].isin(ledger.manifest("v0")["sample_id"]), "x2"] = boxes["x1"]
    ledger.save_source_labels(boxes)
    one.annotate()
    result = one.run("label_loop", "v0")
    assert not result.success
    assert not result.asset_materializations_for_node("trained_model")
    alone = one.run_asset("trained_model", "v0")
    assert "few_boxes_are_bad" in failure_of(alone)


@pytest.mark.slow
def test_a_full_disk_leaves_the_labels_of_before(world, monkeypatch) -> None:
    one = world()
    one.turn([("prepare_pool", None), ("next_batch", "v0")])
    before = one.now.ledger.samples()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full)
        assert "disk is full" in refusal(one, "prepare_pool")
    assert one.now.ledger.samples().equals(before)
    assert not list(one.folder.rglob("*.partial"))
    one.turn([("prepare_pool", None)])


@pytest.mark.slow
def test_without_a_dagster_home_the_run_names_init(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("name: x\n")
    environ = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "labelloop.definitions", "-j", "prepare_pool"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DAGSTER_HOME is not set" in done.stderr
    assert "labelloop init" in done.stderr


def test_a_project_without_a_home_names_init(tmp_path: Path, world) -> None:
    one = world()
    (one.folder / ".labelloop").rename(one.folder / "elsewhere")
    try:
        assert "labelloop init" in refusal(one, "prepare_pool")
    finally:
        (one.folder / "elsewhere").rename(one.folder / ".labelloop")


@pytest.mark.slow
def test_a_broken_labelloop_yaml_leaves_the_code_location_loadable(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("name: [unclosed\n")
    done = subprocess.run(
        [sys.executable, "-c", "from labelloop.definitions import defs; defs.resolve_asset_graph()"],
        cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0


def test_expected_errors_have_a_remedy() -> None:
    assert str(LabelloopError("It broke.", "Mend it.")) == "It broke. Mend it."
