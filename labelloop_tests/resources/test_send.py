"""A whole batch on its way to CVAT: settings, people, damaged images, and a process that dies anywhere."""

import contextlib
import itertools
import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelloop.adapters.cvat.client import connect
from labelloop.adapters.cvat.jobs import jobs_of_task
from labelloop.adapters.cvat.labels import read
from labelloop.adapters.files.atomic import write_json
from labelloop.core.errors import ConfigError, CvatError, CvatUnreachableError, MissingStateError
from labelloop.core.label_spec import AttributeSpec, LabelSpec
from labelloop.resources import outgoing
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server
from labelloop_tests.sending import PEOPLE, Place, batch_of, configure, place, project_to_send, send, through

__all__ = ["place"]

NAMES = ["img10.png", "img2.png", "img1.png", "a.png"]
CAT = {"color": "#ff0000", "type": "rectangle", "attributes": [{"name": "sure", "input": "checkbox"}]}


def make(tmp_path: Path, names: list[str] = NAMES, **annotation: Any) -> Project:
    return project_to_send(tmp_path, names, **({"project": f"send {uuid.uuid4().hex[:8]}"} | annotation))


def test_what_labelloop_yaml_says_reaches_the_server(place, tmp_path):
    now = make(
        tmp_path, bug_tracker="https://tickets/1", labels={"cat": CAT}, segment_size=2, overlap=1,
        subsets={"pool": "train-2026"}, assignees=PEOPLE, image_quality=61,
    )  # fmt: skip
    sent = send(now, place.server)
    [project] = place.listed("projects", name=now.settings.project_name)
    assert project["bug_tracker"] == f"https://tickets/1#labelloop-project:{now.uuid}"
    labels = {spec.name: spec for spec in map(read, place.listed("labels", project_id=project["id"]))}
    assert labels["cat"] == LabelSpec("cat", "rectangle", "#ff0000", (AttributeSpec("sure", "checkbox", (), "false"),))
    [task] = place.listed("tasks", project_id=project["id"])
    assert (task["subset"], task["overlap"], task["image_quality"]) == ("train-2026", 1, 61)
    jobs = jobs_of_task(place.server, task["id"])
    assert [(job.start_frame, job.stop_frame) for job in jobs] == [(0, 1), (1, 2), (2, 3)]
    assert place.assignees(sent) == ["kim", "lee", "kim"]
    assert send(now, place.server) == sent


def test_a_batch_goes_into_the_organization_that_labelloop_yaml_names(place, tmp_path, monkeypatch):
    slug = f"reef-{uuid.uuid4().hex[:8]}"
    place.server.write("POST", "/api/organizations", "making an organization", {"slug": slug})
    now = make(tmp_path, NAMES[:1], organization=slug)
    monkeypatch.setenv("CVAT_URL", place.access.url)
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", place.access.token)
    sent = CvatResource().send(now, "v0", batch_of(now), lambda _: None)
    inside = connect(replace(place.access, organization=slug))
    assert [one["id"] for one in inside.list_all("/api/projects", "looking")] == [sent["project_id"]]
    assert [one["id"] for one in inside.list_all("/api/tasks", "looking")] == [sent["tasks"][0]["task_id"]]
    assert place.listed("projects", name=now.settings.project_name) == []


@pytest.mark.parametrize(
    ("sorting", "order"),
    [
        ("predefined", ["img2", "img10", "img1", "a"]),  # that of the manifest
        ("natural", ["a", "img1", "img2", "img10"]),
        ("lexicographical", ["a", "img1", "img10", "img2"]),
        ("random", None),
    ],
)
def test_frames_are_known_by_name_in_whatever_order_cvat_puts_them(place, tmp_path, sorting, order):
    now = make(tmp_path, sorting=sorting)
    [task] = send(now, place.server)["tasks"]
    meta = place.server.get(f"/api/tasks/{task['task_id']}/data/meta", "reading frames")
    names = [frame["name"] for frame in meta["frames"]]
    assert {name: task["frames"][name] for name in names} == task["frames"]
    assert order is None or [name.split(".")[0] for name in names] == order
    again = send(now, place.server)
    assert again["tasks"][0]["task_id"] == task["task_id"]


def test_jobs_go_round_over_the_tasks_of_a_batch_and_begin_one_further_with_each_iteration(place, tmp_path):
    now = make(tmp_path, assignees=PEOPLE, max_task_images=3, segment_size=2)
    assert place.assignees(send(now, place.server)) == ["kim", "lee", "kim"]
    assert place.assignees(send(now, place.server, "v1")) == ["lee", "kim", "lee"]


def test_a_job_that_people_passed_on_stays_with_them_whatever_the_list_says_later(place, tmp_path):
    now = make(tmp_path, assignees=PEOPLE, segment_size=2)
    sent = send(now, place.server)
    first = jobs_of_task(place.server, sent["tasks"][0]["task_id"])[0].job_id
    place.server.write("PATCH", f"/api/jobs/{first}", "taking away", {"assignee": None})
    other = configure(tmp_path, **(now.settings.annotation.model_dump(exclude_defaults=True) | {"assignees": ["lee"]}))
    assert place.assignees(send(other, place.server)) == ["", "lee"]


def test_an_unknown_assignee_is_told_before_anything_is_on_the_server(place, tmp_path):
    now = make(tmp_path, assignees=["kim", "nobody"])
    with pytest.raises(CvatError, match=r"assignees 'nobody'; it knows .*kim, lee"):
        send(now, place.server)
    assert place.listed("projects", name=now.settings.project_name) == []


def test_a_label_of_no_class_is_told_before_anything_is_on_the_server(place, tmp_path):
    now = make(tmp_path, labels={"cta": CAT})
    with pytest.raises(
        ConfigError, match=r"annotation\.labels describes cta, which is no class of the project: cat, dog"
    ):
        send(now, place.server)
    assert place.listed("projects", name=now.settings.project_name) == []


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def _replace(path: Path) -> None:
    Image.new("RGB", (9, 9)).save(path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [(_truncate, "is not what it was"), (_replace, "is not what it was"), (Path.unlink, "is gone")],
    ids=["truncated", "another picture", "gone"],
)
def test_an_image_that_was_damaged_after_ingest_is_named_and_nothing_is_sent(place, tmp_path, damage, said):
    now = make(tmp_path, max_task_images=1)
    content = (tmp_path / "img2.png").read_bytes()
    damage(tmp_path / "img2.png")
    with pytest.raises(MissingStateError, match=rf"1 images of v0 cannot be sent.*img2\.png {said}"):
        send(now, place.server)
    assert place.listed("projects", name=now.settings.project_name) == []
    (tmp_path / "img2.png").write_bytes(content)
    assert len(send(now, place.server)["tasks"]) == 4


def test_of_a_batch_that_was_sent_in_part_it_is_said_how_much_of_it_was_not(place, tmp_path):
    now = make(tmp_path, max_task_images=1)
    manifest = batch_of(now)
    through(place.server).send(now, "v0", manifest[:2], lambda _: None)
    _truncate(now.home.locate(now.ledger.samples().set_index("sample_id")["path"][manifest["sample_id"].iloc[3]]))
    with pytest.raises(
        MissingStateError,
        match=r"1 images of v0 cannot be sent, so none of the 2 was that are in no task yet \(2 are\)",
    ):
        through(place.server).send(now, "v0", manifest, lambda _: None)


def test_an_image_too_wide_for_the_pictures_that_annotators_see_is_named(place, tmp_path, monkeypatch):
    monkeypatch.setattr(outgoing, "MOST_PIXELS", 63)
    with pytest.raises(MissingStateError, match="has 64 x 48 pixels, and CVAT takes 63 on a side"):
        send(make(tmp_path, ["wide.png"]), place.server)


def test_what_is_on_the_server_already_may_be_damaged_here(place, tmp_path):
    now = make(tmp_path)
    sent = send(now, place.server)
    _truncate(tmp_path / "img2.png")
    assert send(now, place.server) == sent


def tasks_on(place: Place, now: Project) -> list[tuple[int, int]]:
    """Id and size of each task of the project."""
    [project] = place.listed("projects", name=now.settings.project_name)
    return sorted((task["id"], task.get("size") or 0) for task in place.listed("tasks", project_id=project["id"]))


@pytest.mark.parametrize("lost", [False, True], ids=["record there", "record lost"])
@pytest.mark.parametrize("sorting", ["predefined", "lexicographical"])
def test_a_batch_keeps_the_tasks_it_was_first_cut_into(place, tmp_path, lost, sorting):
    keys = {"project": f"send {uuid.uuid4().hex[:8]}", "sorting": sorting}
    first = make(tmp_path, max_task_images=3, **keys)
    sent = send(first, place.server)
    before = tasks_on(place, first)
    assert [size for _, size in before] == [3, 1]
    now = configure(tmp_path, max_task_images=2, max_task_mebibytes=1, **keys)
    if lost:
        now.ledger.remove("tasks", "v0")
        now.ledger.remove("cuts", "v0")
    assert send(now, place.server) == sent
    assert tasks_on(place, now) == before


def test_a_sending_that_was_cut_off_goes_on_with_its_cut_and_leaves_no_half_made_task(place, tmp_path):
    keys = {"project": f"send {uuid.uuid4().hex[:8]}"}
    make(tmp_path, **keys)
    first = configure(tmp_path, max_task_images=2, **keys)
    lossy, _ = lossy_server(place.access, nth(6, "POST", "PATCH"), Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        send(first, lossy)
    assert len(tasks_on(place, first)) == 2
    sent = send(configure(tmp_path, max_task_images=1, **keys), place.server)
    assert [len(task["frames"]) for task in sent["tasks"]] == [2, 2]
    assert [size for _, size in tasks_on(place, first)] == [2, 2]


@pytest.mark.parametrize("damage", [_truncate, Path.unlink], ids=["truncated", "gone"])
@pytest.mark.parametrize("dies_after", ["task", "request"])
def test_an_image_that_is_damaged_after_its_task_was_sent_stays_in_it(place, tmp_path, damage, dies_after):
    """The sending died with the first of two tasks on the server, and nothing here says that it is."""
    now = make(tmp_path, max_task_images=2)
    batch_of(now)
    # The project, then the first task: itself, and its upload in three steps.
    at = {"task": 5, "request": 4}[dies_after]
    lossy, _ = lossy_server(place.access, nth(at, "POST", "PATCH"), Cut(after_commit=at == 4, for_good=True))
    with pytest.raises(CvatUnreachableError):
        send(now, lossy)
    [first] = tasks_on(place, now)
    [part, _] = now.ledger.read("cuts", "v0").values()
    path = now.home.locate(now.ledger.samples().set_index("sample_id")["path"][part["sample_ids"][0]])
    damage(path)
    through(place.server).settle(now, "v0")
    outgoing.leave_out_unfit(now, "v0")  # as the hold-out does before it is sent
    sent = through(place.server).send(now, "v0", now.ledger.manifest("v0"), lambda _: None)
    assert [len(task["frames"]) for task in sent["tasks"]] == [2, 2]
    assert sent["tasks"][0]["task_id"] == first[0]
    assert [size for _, size in tasks_on(place, now)] == [2, 2]
    assert len(now.ledger.read("batches", "v0")["rows"]) == 4


def test_an_image_that_is_damaged_before_its_task_was_made_is_left_out_and_nothing_stays_half_made(place, tmp_path):
    now = make(tmp_path, max_task_images=2)
    batch_of(now)
    lossy, _ = lossy_server(place.access, nth(2, "POST", "PATCH"), Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        send(now, lossy)
    [part, _] = now.ledger.read("cuts", "v0").values()
    _truncate(now.home.locate(now.ledger.samples().set_index("sample_id")["path"][part["sample_ids"][0]]))
    through(place.server).settle(now, "v0")
    outgoing.leave_out_unfit(now, "v0")
    sent = through(place.server).send(now, "v0", now.ledger.manifest("v0"), lambda _: None)
    assert sorted(len(task["frames"]) for task in sent["tasks"]) == [1, 2]
    assert sorted(size for _, size in tasks_on(place, now)) == [1, 2]


def test_a_batch_that_was_sent_whole_asks_nothing_before_it_is_sent_again(place, tmp_path):
    now = make(tmp_path)
    send(now, place.server)
    before = place.server.requests
    through(place.server).settle(now, "v0")
    assert place.server.requests == before


def test_a_batch_that_nothing_here_speaks_of_is_looked_for_once(place, tmp_path):
    now = make(tmp_path)
    send(now, place.server)
    for kind in ("tasks", "cuts"):
        now.ledger.remove(kind, "v0")
    for asked in (True, False):
        before = place.server.requests
        through(place.server).settle(now, "v1")
        assert (place.server.requests > before) is asked
    through(place.server).settle(now, "v0")
    [(_, found)] = now.ledger.read("cuts", "v0").items()
    assert found["is_sent"]


def test_what_is_in_no_task_yet_is_cut_by_the_settings_of_today(place, tmp_path):
    keys = {"project": f"send {uuid.uuid4().hex[:8]}"}
    now = make(tmp_path, max_task_images=3, **keys)
    manifest = batch_of(now)
    first = through(place.server).send(now, "v0", manifest.head(2), lambda _: None)
    later = configure(tmp_path, max_task_images=1, **keys)
    sent = through(place.server).send(later, "v0", manifest, lambda _: None)
    assert [len(task["frames"]) for task in sent["tasks"]] == [2, 1, 1]
    assert sent["tasks"][0] == first["tasks"][0]


@pytest.mark.parametrize("made_by", ["labelloop", "people", "labelloop, its mark taken away"])
def test_with_all_state_lost_no_second_task_is_made_and_what_is_told_leads_back_to_the_first(place, tmp_path, made_by):
    keys = {"project": f"send {uuid.uuid4().hex[:8]}", "max_task_images": 3}
    if made_by == "people":
        place.server.write("POST", "/api/projects", "making a project", {"name": keys["project"], "labels": []})
    now = make(tmp_path, **keys)
    sent, identity = send(now, place.server), now.uuid
    if made_by.endswith("taken away"):
        place.server.write("PATCH", f"/api/projects/{sent['project_id']}", "emptying a field", {"bug_tracker": ""})
    shutil.rmtree(now.home.root)
    afresh = make(tmp_path, **keys)
    with pytest.raises(CvatError, match=f'"uuid": "{identity}"}} into .labelloop/dataset.json'):
        send(afresh, place.server)
    assert [size for _, size in tasks_on(place, afresh)] == [3, 1]
    shutil.rmtree(now.home.root)
    back = make(tmp_path, **keys)
    write_json(back.home.root / "dataset.json", {"uuid": identity})
    assert send(back, place.server) == sent
    assert [size for _, size in tasks_on(place, back)] == [3, 1]


def test_other_images_of_another_data_set_may_be_in_a_project_that_people_made(place, tmp_path):
    keys = {"project": f"send {uuid.uuid4().hex[:8]}"}
    place.server.write("POST", "/api/projects", "making a project", {"name": keys["project"], "labels": []})
    send(make(tmp_path / "one", ["a.png"], **keys), place.server)
    other = make(tmp_path / "two", ["b.png"], **keys)
    send(other, place.server)
    assert [size for _, size in tasks_on(place, other)] == [1, 1]


def nth(n: int, *methods: str):
    """Breaks at the n-th request of these methods."""
    count = itertools.count()
    return lambda method, *_: (not methods or method in methods) and next(count) == n


def cut_everywhere(place: Place, tmp_path: Path, cut: Cut, *methods: str) -> int:
    """Send a batch of two tasks, cut off at each request in turn, and once more; returns how many cuts there were."""
    keys = {"labels": {"cat": CAT}, "assignees": PEOPLE, "max_task_images": 1}
    now = make(tmp_path, NAMES[:2], **keys)
    for n in itertools.count():
        fresh = configure(tmp_path, project=f"send {uuid.uuid4().hex[:8]}", **keys)
        now.ledger.remove("tasks", "v0")
        lossy, pool = lossy_server(place.access, nth(n, *methods), cut)
        with contextlib.suppress(CvatUnreachableError):
            send(fresh, lossy)
        if not pool.broken:
            return n
        sent = send(fresh, place.server)
        [project] = place.listed("projects", name=fresh.settings.project_name)
        labels = [read(label) for label in place.listed("labels", project_id=project["id"])]
        assert [(label.name, len(label.attributes)) for label in labels] == [("cat", 1), ("dog", 0)], n
        tasks = place.listed("tasks", project_id=project["id"])
        assert sorted(task["id"] for task in tasks) == [task["task_id"] for task in sent["tasks"]], n
        assert [task["size"] for task in tasks] == [1, 1], n
        assert place.assignees(sent) == ["kim", "lee"], n
        assert fresh.ledger.read("tasks", "v0") == sent
    raise AssertionError("unreachable")


def test_a_process_that_dies_after_any_write_leaves_what_the_next_makes_whole(place, tmp_path):
    writes = cut_everywhere(place, tmp_path, Cut(for_good=True), "POST", "PATCH")
    assert writes == 1 + 2 * (1 + 3 + 1)  # the project; each task, its upload in three steps, its job


@pytest.mark.slow
@pytest.mark.parametrize(
    "cut",
    [Cut(for_good=True), Cut(), Cut(after_commit=False, for_good=True), Cut(after_commit=False), Cut(gateway=True)],
    ids=["answer lost, then dead", "answer lost", "request lost, then dead", "request lost", "gateway timeout"],
)
def test_a_line_that_breaks_at_any_request_leaves_what_the_next_makes_whole(place, tmp_path, cut):
    assert cut_everywhere(place, tmp_path, cut) >= 4 + 2 * 12
