import json
import logging
import socket
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from labelloop.adapters.cvat.access import CvatAccess
from labelloop.adapters.cvat.client import CvatServer, connect
from labelloop.adapters.cvat.projects import find_or_create_project, find_project
from labelloop.core.errors import CvatError, CvatLoginError, CvatUnreachableError
from labelloop_tests.adapters.cvat.doubles import answering

SECRET = "s3cr3t-of-a-test"


@pytest.fixture
def closed_port() -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_one_connection_is_kept_for_each_access(access: CvatAccess, server: CvatServer):
    assert connect(access) is server


@pytest.mark.parametrize("other", ["token", "password"])
def test_reads_and_writes_by_token_and_by_password(access: CvatAccess, project_name: str, other: str):
    way = replace(access, **{other: ""})
    if not way.token and not way.password:
        pytest.skip(f"only a {other} is known of this server")
    made = find_or_create_project(connect(way), project_name, ["cat"])
    assert find_project(connect(way), project_name) == made


def test_counts_its_requests(server: CvatServer):
    before = server.requests
    server.get("/api/users/self", "asking who we are")
    assert server.requests == before + 1


def test_tells_both_versions_without_a_warning(server: CvatServer, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        versions = server.versions
        before = server.requests
        assert server.versions == versions
    assert server.requests == before
    assert set(versions) == {"server", "sdk"}
    assert not caplog.records


def test_goes_through_all_pages(server: CvatServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("labelloop.adapters.cvat.client.PAGE_SIZE", 2)
    pages = {"page=1&page_size=2": ([1, 2], "http://nobody:1/api/tasks?page=2"), "page=2&page_size=2": ([3], None)}

    def reply(_: str, path: str) -> tuple[int, dict[str, str], bytes]:
        results, following = pages[path.partition("?")[2]]
        return 200, {}, json.dumps({"results": results, "next": following}).encode()

    with answering(reply) as url:
        monkeypatch.setattr(server, "url", url)
        assert server.list_all("/api/tasks", "listing tasks") == [1, 2, 3]


@pytest.mark.parametrize("way", [{"token": SECRET}, {"token": "", "username": "ann", "password": SECRET}])
def test_wrong_credentials_name_the_variables_and_not_the_secret(access: CvatAccess, way: dict[str, str]):
    with pytest.raises(CvatLoginError, match=r"CVAT_ACCESS_TOKEN.*CVAT_USERNAME.*CVAT_PASSWORD") as caught:
        connect(replace(access, **way))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_organization_is_an_error(access: CvatAccess):
    with pytest.raises(CvatError, match="no organization 'no-such-team'"):
        connect(replace(access, organization="no-such-team"))


def test_a_closed_port_names_the_address_and_the_reason(closed_port: str):
    with pytest.raises(CvatUnreachableError, match=closed_port) as caught:
        connect(CvatAccess(closed_port, SECRET))
    assert "refused" in str(caught.value)
    assert "CVAT_URL" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_host_is_unreachable():
    with pytest.raises(CvatUnreachableError, match=r"nowhere\.invalid"):
        connect(CvatAccess("http://nowhere.invalid", SECRET))


def test_a_silent_server_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(CvatUnreachableError, match="time limit"):
            connect(CvatAccess(f"http://127.0.0.1:{silent.getsockname()[1]}", SECRET), timeout_s=0.1)


@pytest.mark.parametrize("body", [b"<html>It works</html>", b'"hello"', b"{}"])
def test_another_web_server_is_recognised(body: bytes):
    with answering(lambda *_: (200, {}, body)) as url, pytest.raises(CvatError, match="CVAT_URL"):
        connect(CvatAccess(url, SECRET))


def test_a_redirect_is_not_followed_with_the_credentials():
    with (
        answering(lambda *_: (301, {"Location": "https://elsewhere"}, b"")) as url,
        pytest.raises(CvatError, match="https://elsewhere"),
    ):
        connect(CvatAccess(url, SECRET))


def test_a_throttled_login_does_not_sleep():
    with (
        answering(lambda *_: (429, {"Retry-After": "59"}, b'{"detail": "Request was throttled."}')) as url,
        pytest.raises(CvatUnreachableError, match="throttled"),
    ):
        connect(CvatAccess(url, username="ann", password=SECRET))


def test_logs_in_again_after_a_session_has_expired():
    sessions = iter([200, 401, 200])

    def reply(_: str, path: str) -> tuple[int, dict[str, str], bytes]:
        return next(sessions), {}, b'{"username": "ann"}'

    with answering(reply) as url:
        first = connect(CvatAccess(url, SECRET))
        with pytest.raises(CvatLoginError):
            first.get("/api/tasks", "listing tasks")
        assert connect(CvatAccess(url, SECRET)) is not first
