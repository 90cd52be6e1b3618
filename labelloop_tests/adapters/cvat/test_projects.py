import pytest

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.projects import find_or_create_project, find_project
from labelloop.core.errors import CvatError
from labelloop_tests.adapters.cvat.doubles import lossy_server
from labelloop_tests.cvat_world import CLASSES


def projects_called(server: CvatServer, name: str) -> list[dict]:
    return server.list_all("/api/projects", "counting projects", name=name)


def test_creates_a_project_with_labels_in_the_order_of_the_classes(server, project_name):
    project = find_or_create_project(server, project_name, CLASSES)
    assert list(project.label_ids) == CLASSES
    assert project.url == f"{server.url}/projects/{project.id}"
    assert project.name == project_name


def test_finds_the_same_project_again(server, project_name):
    first = find_or_create_project(server, project_name, CLASSES)
    assert find_or_create_project(server, project_name, CLASSES) == first
    assert find_project(server, project_name) == first
    assert len(projects_called(server, project_name)) == 1


def test_adds_missing_labels_and_leaves_the_others_alone(server, project_name):
    first = find_or_create_project(server, project_name, ["dog", "of somebody else"])
    second = find_or_create_project(server, project_name, ["cat", "dog"])
    assert second.id == first.id
    assert dict(first.label_ids).items() <= dict(second.label_ids).items()
    assert set(second.label_ids) == {"cat", "dog", "of somebody else"}


def test_a_name_that_is_only_part_of_another_is_not_taken(server, project_name):
    find_or_create_project(server, project_name, CLASSES)
    with pytest.raises(CvatError):
        find_project(server, project_name[:-1])


def test_a_missing_project_lists_those_there_are(server, project):
    with pytest.raises(CvatError, match=r"no project 'labelloop test nobody'") as caught:
        find_project(server, "labelloop test nobody")
    assert f"'{project.name}'" in str(caught.value)


def test_two_projects_of_one_name_are_listed_by_id(server, project):
    twin = server.write("POST", "/api/projects", "making a twin", {"name": project.name, "labels": []})
    with pytest.raises(CvatError, match=f"ids {project.id}, {twin['id']}"):
        find_or_create_project(server, project.name, CLASSES)


def test_a_lost_answer_makes_no_second_project(access, server, project_name):
    lossy, _ = lossy_server(access, lambda method, url, _: method == "POST" and url.endswith("/api/projects"))
    project = find_or_create_project(lossy, project_name, CLASSES)
    assert [found["id"] for found in projects_called(server, project_name)] == [project.id]
    assert list(project.label_ids) == CLASSES


def test_a_renamed_class_keeps_its_label_and_renaming_again_changes_nothing(server, project_name):
    before = find_or_create_project(server, project_name, ["cat", "dog"]).label_ids
    for _ in range(2):
        after = find_or_create_project(server, project_name, ["cat", "hound"], renamed={"dog": "hound"}).label_ids
        assert dict(after) == {"cat": before["cat"], "hound": before["dog"]}


def test_where_both_names_are_labels_already_both_stay(server, project_name):
    before = find_or_create_project(server, project_name, ["dog", "hound"]).label_ids
    assert find_or_create_project(server, project_name, ["hound"], renamed={"dog": "hound"}).label_ids == before


def test_a_project_that_another_home_made_is_not_touched(server, project_name):
    find_or_create_project(server, project_name, ["cat"], owner="one")
    assert list(find_or_create_project(server, project_name, ["cat", "dog"], owner="one").label_ids) == ["cat", "dog"]
    with pytest.raises(CvatError, match=r"belongs to another labelloop project.*annotation.project"):
        find_or_create_project(server, project_name, ["cow"], owner="two")
    assert list(find_project(server, project_name).label_ids) == ["cat", "dog"]


def test_a_project_that_people_made_may_be_used(server, project_name):
    find_or_create_project(server, project_name, ["cat"])
    assert list(find_or_create_project(server, project_name, ["cat"], owner="two").label_ids) == ["cat"]
