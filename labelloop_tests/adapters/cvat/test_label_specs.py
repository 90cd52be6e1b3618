"""Some servers list the parts of a skeleton beside it, and a part may be called as a label is."""

from copy import deepcopy

import pytest

from labelloop.adapters.cvat.label_specs import listed
from labelloop.adapters.cvat.prefill import score_specs
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.cvat.pull import read_names
from labelloop.adapters.cvat.push import push_task
from labelloop_tests.drawings import BODY, LABELS, PLAIN


@pytest.fixture
def lists_parts(server, project, monkeypatch):
    """A project with a skeleton whose parts are called as a label of their own, and have a score."""
    labels = deepcopy(LABELS)
    head, tail = labels[-1]["sublabels"]
    head["name"], tail["name"] = PLAIN, "tail"
    tail["attributes"] = [{**head["attributes"][0], "name": "score"}]
    server.write("PATCH", f"/api/projects/{project.id}", "adding labels", {"labels": labels})
    plain = server.list_all

    def list_all(path, doing, **query):
        found = plain(path, doing, **query)
        parts = [{**part, "has_parent": True} for each in found for part in each.get("sublabels") or []]
        return [*parts, *found, *parts]

    monkeypatch.setattr(server, "list_all", list_all)
    return server


def test_parts_of_skeletons_are_no_labels_of_their_own(lists_parts, project, make_spec):
    there = find_project(lists_parts, project.name)
    ids = {label["name"]: label["id"] for label in listed(lists_parts, "project", project.id)}
    assert there.label_ids == ids
    assert set(ids) == {*project.label_ids, *(label["name"] for label in LABELS)}
    assert list(ids.values()) == sorted(ids.values())
    assert score_specs(lists_parts, project.id) == {}
    task = push_task(lists_parts, there, make_spec(1))
    names = read_names(lists_parts, task.task_id).labels
    assert list(names.values()).count(PLAIN) == 2  # a label and a part, by their numbers
    assert list(names.values()).count(BODY) == 1
