import pytest

from labelloop_tests.sandbox.server.world import Api


@pytest.fixture(scope="module")
def project(api: Api) -> int:
    """A project with 13 empty tasks, page 0 to page 12, by turns of subset test and val."""
    project_id = api.call("POST", "/api/projects", json={"name": "pages of tasks"}).json()["id"]
    for number in range(13):
        body = {"name": f"page {number}", "project_id": project_id, "subset": ("test", "val")[number % 2]}
        api.call("POST", "/api/tasks", json=body)
    return project_id


def _names(api: Api, query: str) -> list[str]:
    return [task["name"] for task in api.get(f"/api/tasks?{query}").json()["results"]]


def test_pages_hold_ten_newest_first_and_point_to_each_other(api: Api, project: int) -> None:
    first = api.get(f"/api/tasks?project_id={project}").json()
    assert (first["count"], len(first["results"]), first["previous"]) == (13, 10, None)
    assert first["results"][0]["name"] == "page 12"
    assert first["next"] == f"{api.url}/api/tasks?page=2&project_id={project}"
    second = api.get(first["next"].removeprefix(api.url)).json()
    assert (len(second["results"]), second["next"]) == (3, None)
    assert second["previous"] == f"{api.url}/api/tasks?project_id={project}"


@pytest.mark.parametrize(("size", "expected"), [("5", 5), ("100000", 13), ("all", 13), ("0", 10), ("x", 10)])
def test_a_page_has_the_size_that_was_asked_for(api: Api, project: int, size: str, expected: int) -> None:
    assert len(_names(api, f"project_id={project}&page_size={size}")) == expected


@pytest.mark.parametrize(("query", "expected"), [
    ("subset=val", 6), ("name=page 1", 1), ("search=page 1", 4), ("search=PAGES OF TASKS", 13), ("status=completed", 0),
    ('filter={"==":[{"var":"subset"},"test"]}', 7),
    ('filter={"and":[{"==":[{"var":"subset"},"test"]},{"in":["1",{"var":"name"}]}]}', 2),
    ('filter={"or":[{"==":[{"var":"name"},"page 3"]},{"==":[{"var":"name"},"page 4"]}]}', 2),
    ('filter={"in":[{"var":"name"},["page 3","page 4","page 99"]]}', 2),
    ('filter={"!":[{"==":[{"var":"subset"},"test"]}]}', 6),
    ('filter={">=":[{"var":"updated_date"},"2100-01-01"]}', 0),
    ('filter={"<=":["2000-01-01",{"var":"updated_date"},"2100-01-01T00:00:00Z"]}', 13),
    ('filter={"==":[{"var":"owner"},"nobody"]}', 0),
    ('filter={"and":[]}', 13),
    ("projectId=1", 13),
])  # fmt: skip
def test_a_filter_leaves_what_it_says(api: Api, project: int, query: str, expected: int) -> None:
    assert len(_names(api, f"project_id={project}&page_size=all&{query}")) == expected


def test_the_order_can_be_chosen(api: Api, project: int) -> None:
    names = _names(api, f"project_id={project}&page_size=all&sort=name")
    assert names == sorted(names)
    assert _names(api, f"project_id={project}&page_size=all&sort=-name") == sorted(names, reverse=True)
    assert _names(api, f"project_id={project}&page_size=all&sort=subset,-id")[:2] == ["page 12", "page 10"]


def test_project_names_are_not_unique_and_found_whole_or_in_part(api: Api) -> None:
    for name in ("twin", "twin", "twins"):
        assert api.call("POST", "/api/projects", json={"name": name}).status_code == 201
    assert api.get("/api/projects?name=twin").json()["count"] == 2
    assert api.get("/api/projects?search=TWIN").json()["count"] == 3


def test_labels_are_paged_oldest_first(api: Api) -> None:
    labels = [{"name": f"l{number}"} for number in range(12)]
    project_id = api.call("POST", "/api/projects", json={"name": "many", "labels": labels}).json()["id"]
    page = api.get(f"/api/labels?project_id={project_id}").json()
    assert (page["count"], [label["name"] for label in page["results"]][:2]) == (12, ["l0", "l1"])
    everything = api.get(f"/api/labels?project_id={project_id}&page_size=all").json()["results"]
    assert len({label["color"] for label in everything}) == 12


def test_the_subsets_of_a_project_are_listed(api: Api, project: int) -> None:
    shown = api.get(f"/api/projects/{project}").json()
    assert (shown["task_subsets"], shown["tasks"]["count"], shown["dimension"]) == (["test", "val"], 13, "2d")


def test_requests_are_listed(api: Api, make_task) -> None:
    task_id = make_task()
    assert api.get(f"/api/requests?task_id={task_id}").json()["count"] == 1
