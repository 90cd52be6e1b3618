import pytest

from labelloop_tests.sandbox.server.world import Api, encoded, get, rectangle

NASTY = '<script>alert("x")</script>'


@pytest.fixture
def task(api: Api) -> int:
    labels = [{"name": NASTY, "color": "#12ab34"}]
    project = api.call("POST", "/api/projects", json={"name": f"p {NASTY}", "labels": labels}).json()["id"]
    task_id = api.new_task(name=f"t {NASTY}", project_id=project, labels=[], subset="Tr<ain", segment_size=2)
    api.upload(task_id, {f"{n}{NASTY.replace('/', '')}.jpg": encoded(red=n * 50) for n in range(3)})
    label = api.get(f"/api/labels?project_id={project}").json()["results"][0]["id"]
    api.call("PUT", f"/api/tasks/{task_id}/annotations", json={"shapes": [rectangle(label)]})
    api.call("PATCH", f"/api/tasks/{task_id}/data/meta", json={"deleted_frames": [1]})
    return task_id


def test_every_name_is_escaped_on_every_page(api: Api, task: int) -> None:
    project = api.get(f"/api/tasks/{task}").json()["project_id"]
    job = api.get(f"/api/jobs?task_id={task}").json()["results"][0]["id"]
    for path in ("/", f"/projects/{project}", f"/tasks/{task}", f"/tasks/{task}/jobs/{job}"):
        page = get(api.url + path)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "&lt;script" in page.text
        assert "script-src" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("tracker", "led"),
    [("http://127.0.0.1:1/assets/batch", True), ("javascript:alert(1)", False), ("", False)],
)
def test_the_pages_of_a_project_lead_back_to_its_loop_and_to_nothing_that_is_no_page(
    api: Api, task: int, tracker: str, led: bool
) -> None:
    project = api.get(f"/api/tasks/{task}").json()["project_id"]
    api.call("PATCH", f"/api/projects/{project}", json={"bug_tracker": tracker})
    for path in (f"/projects/{project}", f"/tasks/{task}"):
        assert (f'<a href="{tracker}">the loop in Dagster</a>' in get(api.url + path).text) == led


def test_a_task_shows_its_pictures_boxes_and_deleted_frames(api: Api, task: int) -> None:
    text = get(f"{api.url}/tasks/{task}").text
    assert text.count('loading="lazy"') == 3
    assert text.count("<rect") == 1
    assert 'stroke="#12ab34"' in text
    assert text.count('<figure class="deleted"') == 1
    assert "http" not in text.replace("http-equiv", "")


def test_the_picture_of_a_frame_is_served_to_the_page(api: Api, task: int) -> None:
    reply = get(f"{api.url}/tasks/{task}/frames/2")
    assert (reply.content, reply.headers["Content-Type"]) == (encoded(red=100), "image/jpeg")


@pytest.mark.parametrize("path", ["/tasks/99999", "/projects/99999", "/tasks/99999/frames/0", "/tasks/99999/jobs/1"])
def test_what_is_not_there_is_a_404_that_a_person_can_read(api: Api, path: str) -> None:
    page = get(api.url + path)
    assert page.status_code == 404
    assert "There is no such" in page.text
