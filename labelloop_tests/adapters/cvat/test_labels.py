"""Labels of a project as labelloop.yaml describes them, over HTTP."""

from dataclasses import replace

import pytest

from labelloop.adapters.cvat.labels import read
from labelloop.adapters.cvat.projects import find_or_create_project, find_project
from labelloop.core.errors import CvatError, CvatUnreachableError
from labelloop.core.label_spec import AttributeSpec, LabelSpec
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server

ATTRIBUTES = (
    AttributeSpec("hidden", "select", ("none", "partly"), "none"),
    AttributeSpec("side", "radio", ("left", "right"), "right", mutable=True),
    AttributeSpec("sure", "checkbox", (), "true"),
    AttributeSpec("age", "number", ("0", "10", "0.5"), "1"),
    AttributeSpec("note", "text", (), "nothing"),
)
CAT = LabelSpec("cat", "rectangle", "#ff0000", ATTRIBUTES)
DOG = LabelSpec("dog")


def labels_of(server, project) -> dict[str, LabelSpec]:
    listed = server.list_all("/api/labels", "reading labels", project_id=project.id)
    return {spec.name: spec for spec in map(read, listed)}


def writes(server, action) -> int:
    """Requests of an action beyond those of a look that changes nothing."""
    before = server.requests
    action()
    return server.requests - before


def test_a_new_project_has_colours_types_and_attributes_of_every_kind(server, project_name):
    labels = labels_of(server, find_or_create_project(server, project_name, [CAT, DOG]))
    assert labels["cat"] == CAT
    assert (labels["dog"].type, labels["dog"].attributes) == ("any", ())
    assert labels["dog"].color


def test_a_project_that_has_them_is_left_alone(server, project_name):
    find_or_create_project(server, project_name, [CAT, DOG])
    again = writes(server, lambda: find_or_create_project(server, project_name, [CAT, DOG]))
    assert again == writes(server, lambda: find_project(server, project_name))


def test_labels_and_attributes_that_are_missing_are_added_and_everything_else_stays(server, project_name):
    theirs = LabelSpec("cat", "rectangle", "#123456", (AttributeSpec("their own", "text"), *ATTRIBUTES[:1]))
    before = find_or_create_project(server, project_name, [theirs])
    after = find_or_create_project(server, project_name, [CAT, DOG])
    assert after.label_ids["cat"] == before.label_ids["cat"]
    assert labels_of(server, after)["cat"] == replace(theirs, attributes=(*theirs.attributes, *ATTRIBUTES[1:]))
    assert "dog" in after.label_ids


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (replace(CAT, type="polygon"), "label 'cat' is of type rectangle here and polygon there"),
        (
            replace(CAT, attributes=(AttributeSpec("hidden", "radio", ("none", "partly")),)),
            "'hidden' of label 'cat' is select none, partly here and radio none, partly there",
        ),
        (
            replace(CAT, attributes=(AttributeSpec("age", "number", ("0", "99", "0.5")),)),
            "'age' of label 'cat' is number 0, 10, 0.5 here and number 0, 99, 0.5 there",
        ),
    ],
)
def test_a_label_that_differs_is_an_error_that_shows_both_and_changes_nothing(server, project_name, theirs, said):
    project = find_or_create_project(server, project_name, [theirs])
    before = labels_of(server, project)
    with pytest.raises(CvatError, match=r"differs from annotation\.labels") as caught:
        find_or_create_project(server, project_name, [DOG, CAT])
    assert said in str(caught.value)
    assert labels_of(server, project) == before


def test_the_colour_that_people_chose_survives_a_new_name_and_a_new_attribute(server, project_name):
    find_or_create_project(server, project_name, [replace(CAT, color="#abcdef", attributes=())])
    project = find_or_create_project(
        server, project_name, [replace(CAT, name="feline", color="")], renamed={"cat": "feline"}
    )
    assert labels_of(server, project)["feline"] == LabelSpec("feline", "rectangle", "#abcdef", ATTRIBUTES)


@pytest.mark.parametrize("cut", [Cut(for_good=True), Cut(after_commit=False, for_good=True)], ids=["answer", "request"])
def test_labels_whose_change_was_cut_off_are_there_once_the_next_time(access, server, project_name, cut):
    find_or_create_project(server, project_name, [replace(CAT, attributes=())])
    lossy, pool = lossy_server(access, lambda method, *_: method == "PATCH", cut)
    with pytest.raises(CvatUnreachableError):
        find_or_create_project(lossy, project_name, [CAT, DOG])
    assert pool.broken
    labels = labels_of(server, find_or_create_project(server, project_name, [CAT, DOG]))
    assert labels["cat"] == CAT
    assert list(labels) == ["cat", "dog"]


def test_a_project_is_found_by_its_id_and_never_made_by_one(server, project_name):
    project = find_or_create_project(server, project_name, ["cat"])
    assert find_or_create_project(server, project.id, ["cat"]) == project == find_project(server, project.id)
    with pytest.raises(CvatError, match=f"no project 999999999; there are: .*{project.id} '{project_name}'"):
        find_or_create_project(server, 999_999_999, ["cat"])


def test_a_name_made_of_digits_is_a_name(server, project_name):
    project = find_or_create_project(server, project_name, ["cat"])
    digits = str(10**9 + project.id)
    server.write("PATCH", f"/api/projects/{project.id}", "renaming", {"name": digits})
    found = find_or_create_project(server, digits, ["cat"])
    server.write("PATCH", f"/api/projects/{project.id}", "renaming back", {"name": project_name})
    assert found.id == project.id
