"""What projects and their labels depend on."""

import pytest

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import change_shapes, rectangle
from labelloop.adapters.cvat.projects import ProjectRef, find_or_create_project, find_project
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.cvat.push import push_task
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop_tests.cvat_world import CLASSES, MakeSpec, clean

ODD = ["Ünïcôde 日本語", "50% + #1 & co?", 'it\'s "quoted" \\ /', "a,b;c", "x" * 200]


@pytest.mark.parametrize("words", ODD)
def test_a_project_is_found_by_its_exact_name(server: CvatServer, project_name: str, words: str):
    name = f"{project_name} {words}"
    made = find_or_create_project(server, name, CLASSES)
    assert find_project(server, name) == made
    assert find_or_create_project(server, name, CLASSES).id == made.id
    assert find_project(server, made.id) == made


def test_case_matters_in_names_of_projects(server: CvatServer, project_name: str):
    small = find_or_create_project(server, f"{project_name} cells", ["cat"])
    assert find_or_create_project(server, f"{project_name} CELLS", ["cat"]).id != small.id


def test_cleaning_up_deletes_the_projects_of_a_test_and_no_other(server: CvatServer, project_name: str):
    own = [find_or_create_project(server, f"{project_name}{rest}", ["cat"]).id for rest in ("", " 2")]
    foreign = find_or_create_project(server, f"not of {project_name}", ["cat"]).id
    try:
        clean(server, project_name)
        left = {project["id"] for project in server.list_all("/api/projects", "looking", search=project_name)}
        assert left == {foreign}
        assert not {project["id"] for project in server.list_all("/api/projects", "looking")} & {*own}
    finally:
        server.write("DELETE", f"/api/projects/{foreign}", "cleaning up")


def test_odd_names_of_labels_come_back_as_they_went(server: CvatServer, project_name: str):
    classes = [name[:64] for name in ODD]
    assert list(find_or_create_project(server, project_name, classes).label_ids) == classes


def test_two_labels_of_one_name_are_refused(server: CvatServer, project: ProjectRef):
    with pytest.raises(CvatRefusedError, match="must be unique"):
        server.write("PATCH", f"/api/projects/{project.id}", "adding a label", {"labels": [{"name": "cat"}]})


def test_added_labels_leave_the_ids_of_the_others(server: CvatServer, project: ProjectRef):
    more = find_or_create_project(server, project.name, [*CLASSES, "cow"])
    assert dict(project.label_ids).items() < dict(more.label_ids).items()


def test_a_renamed_label_keeps_what_is_drawn_and_the_revision(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec
):
    task = push_task(server, project, make_spec(1))
    change_shapes(server, task.job_ids[0], "create", [rectangle(project.label_ids["dog"], 0, (1, 2, 9, 9))])
    before = content(server, task.task_id)
    find_or_create_project(server, project.name, ["hound"], renamed={"dog": "hound"})
    after = content(server, task.task_id)
    assert [shape["label"] for shape in after.frames[0].shapes] == ["hound"]
    assert after.revision == before.revision


def test_what_a_project_is_marked_with_stays_when_people_rename_it(server: CvatServer, project_name: str):
    made = find_or_create_project(server, project_name, ["cat"], tracker="https://tracker/x?y=1", owner="somebody")
    server.write("PATCH", f"/api/projects/{made.id}", "renaming", {"name": f"{project_name} renamed"})
    again = server.get(f"/api/projects/{made.id}", "reading")
    assert again["bug_tracker"] == "https://tracker/x?y=1#labelloop-project:somebody"
