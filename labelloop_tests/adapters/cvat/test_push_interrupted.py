"""A push that is cut off at any of its requests leaves, after another push, exactly one whole task."""

import contextlib
import itertools

import pytest

from labelloop.adapters.cvat.pull import tasks_of_project
from labelloop.adapters.cvat.push import push_task
from labelloop.core.errors import CvatUnreachableError
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server


def nth_request(n: int):
    count = itertools.count()
    return lambda *_: next(count) == n


def whole(server, project, spec) -> bool:
    tasks = tasks_of_project(server, project.id)
    return [(task.key, task.size) for task in tasks] == [(spec.key, len(spec.images))]


REQUESTS = 10  # of a push that goes well: look, create, upload in three steps, wait, read back in four
CUTS = {
    "answer lost, then dead": Cut(for_good=True),
    "answer lost": Cut(),
    "request lost, then dead": Cut(after_commit=False, for_good=True),
    "request lost": Cut(after_commit=False),
    "gateway timeout": Cut(gateway=True),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("n", range(REQUESTS))
def test_a_push_cut_off_at_any_request_is_made_whole_by_the_next(access, server, project, make_spec, n, cut):
    spec = make_spec(2)
    lossy, pool = lossy_server(access, nth_request(n), cut)
    with contextlib.suppress(CvatUnreachableError):
        push_task(lossy, project, spec)
    assert pool.broken
    task = push_task(server, project, spec)
    assert task.size == 2
    assert whole(server, project, spec)


@pytest.mark.parametrize("cut", [CUTS["answer lost"], CUTS["gateway timeout"]], ids=["reset", "504"])
@pytest.mark.parametrize("step", ["creating", "Upload-Finish"])
def test_a_lost_answer_to_a_write_is_looked_up_and_the_push_goes_on(access, server, project, make_spec, step, cut):
    def breaks(method, url, headers) -> bool:
        return method == "POST" and (url.endswith("/api/tasks") if step == "creating" else step in headers)

    lossy, pool = lossy_server(access, breaks, cut)
    spec = make_spec(2)
    task = push_task(lossy, project, spec)
    assert pool.broken
    assert whole(server, project, spec)
    assert push_task(server, project, spec) == task
    posts = [url for method, url in pool.sent if method == "POST" and url.endswith("/api/tasks")]
    assert len(posts) == 1


def test_a_creation_that_still_runs_is_waited_for(server, project, make_spec, monkeypatch):
    """The process dies right after the upload; the next push comes while the server's workers are at it."""
    spec = make_spec(3)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("labelloop.adapters.cvat.push.wait_for_creation", die)
        with pytest.raises(KeyboardInterrupt):
            push_task(server, project, spec)
    [left] = tasks_of_project(server, project.id)
    assert push_task(server, project, spec).task_id == left.task_id
