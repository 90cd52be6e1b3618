"""Organizations, spoken with by the real SDK and by our adapter."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cvat_sdk.core.client import AccessTokenCredentials, Client

from labelloop.adapters.cvat.access import CvatAccess
from labelloop.adapters.cvat.client import connect
from labelloop.adapters.cvat.projects import find_or_create_project, look_for_project
from labelloop.adapters.cvat.pull import tasks_of_project
from labelloop.core.errors import CvatError
from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.controls import Controls
from labelloop_tests.sandbox.server.world import Api, encoded, post

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    data = tmp_path_factory.mktemp("organizations") / "state"
    with SandboxServer(data, anonymous_limit=0, fault_key="sesame") as running:
        Controls(running).register("ann", "a-password")
        yield running


@pytest.fixture(scope="module")
def admin(server: SandboxServer) -> Iterator[Client]:
    with Client(server.url, check_server_version=False) as sdk:
        sdk.login(AccessTokenCredentials(server.credentials.token))
        yield sdk


@pytest.fixture(scope="module")
def ann(server: SandboxServer) -> Iterator[Client]:
    with Client(server.url, check_server_version=False) as sdk:
        sdk.login(("ann", "a-password"))
        yield sdk


@pytest.fixture
def team(admin: Client) -> str:
    """The slug of a new organization."""
    slug = f"team{next(_numbers)}"
    admin.organizations.create({"slug": slug, "name": "A team"})
    return slug


def names(client: Client, slug: str | None) -> set[str]:
    before, client.organization_slug = client.organization_slug, slug
    try:
        return {project.name for project in client.projects.list()}
    finally:
        client.organization_slug = before


def make(client: Client, slug: str, name: str) -> None:
    with client.organization_context(slug):
        client.projects.create({"name": name, "labels": [{"name": "cat"}]})


def invite(server: SandboxServer, slug: str, role: str) -> dict:
    api, headers = Api(server.url, server.credentials.token), {"X-Organization": slug}
    body = {"email": "ann@sandbox.invalid", "role": role}
    reply = api.call("POST", "/api/invitations", json=body, headers=headers)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def test_an_organization_is_made_read_changed_and_deleted(admin: Client, team: str) -> None:
    [made] = [one for one in admin.organizations.list() if one.slug == team]
    assert (made.name, made.owner.username) == ("A team", "sandbox")
    made.update({"description": "who counts cells"})
    assert admin.organizations.retrieve(made.id).description == "who counts cells"
    made.remove()
    assert team not in {one.slug for one in admin.organizations.list()}


@pytest.mark.parametrize(("body", "words"), [({}, "blank"), ({"slug": "x" * 17}, "no more than 16")])
def test_a_slug_has_to_be_one(server: SandboxServer, body: dict, words: str) -> None:
    reply = Api(server.url, server.credentials.token).call("POST", "/api/organizations", json=body)
    assert reply.status_code == 400
    assert words in reply.json()["slug"][0]


def test_a_slug_is_taken_once(server: SandboxServer, team: str) -> None:
    reply = Api(server.url, server.credentials.token).call("POST", "/api/organizations", json={"slug": team})
    assert (reply.status_code, reply.json()) == (400, {"slug": ["organization with this slug already exists."]})


def test_a_list_shows_a_space_the_personal_one_or_everything(admin: Client, team: str) -> None:
    make(admin, team, f"of {team}")
    make(admin, "", f"beside {team}")
    both = {f"of {team}", f"beside {team}"}
    assert names(admin, team) == {f"of {team}"}
    assert names(admin, "") & both == {f"beside {team}"}
    assert names(admin, None) >= both


def test_tasks_and_jobs_are_where_their_project_is(server: SandboxServer, team: str) -> None:
    api, here = Api(server.url, server.credentials.token), {"X-Organization": team}
    project = api.call("POST", "/api/projects", json={"name": "p"}, headers=here).json()
    task = api.call("POST", "/api/tasks", json={"name": "t", "project_id": project["id"]}).json()
    alone = api.call("POST", "/api/tasks", json={"name": "alone", "labels": [{"name": "a"}]}, headers=here).json()
    api.upload(task["id"], {"x.jpg": encoded()})
    assert {task["organization_id"], alone["organization_id"]} == {project["organization_id"]} != {None}
    for path, expected in (("tasks", {task["id"], alone["id"]}), ("jobs", None)):
        listed = api.get(f"/api/{path}", headers=here).json()["results"]
        assert expected is None or {row["id"] for row in listed} == expected
        assert {row["organization"] for row in listed} == {project["organization_id"]}
        personal = api.get(f"/api/{path}?org=").json()["results"]
        assert not {row["id"] for row in listed} & {row["id"] for row in personal}


def test_header_and_query_have_to_agree(server: SandboxServer, team: str) -> None:
    api = Api(server.url, server.credentials.token)
    assert api.get(f"/api/tasks?org={team}", headers={"X-Organization": team}).status_code == 200
    assert api.get(f"/api/tasks?org={team}", headers={"X-Organization": "other"}).status_code == 400


def test_who_is_no_member_sees_nothing(server: SandboxServer, admin: Client, ann: Client, team: str) -> None:
    make(admin, team, f"of {team}")
    key = post(f"{server.url}/api/auth/login", json={"username": "ann", "password": "a-password"}).json()["key"]
    reply = Api(server.url, "").get("/api/projects", headers={"Authorization": f"Token {key}", "X-Organization": team})
    assert reply.status_code == 403
    assert f"of {team}" not in names(ann, None)


@pytest.mark.parametrize(("role", "sees"), [("maintainer", True), ("supervisor", True), ("worker", False)])
def test_a_member_sees_what_the_role_allows(
    server: SandboxServer, admin: Client, ann: Client, team: str, role: str, *, sees: bool
) -> None:
    make(admin, team, f"of {team}")
    told = invite(server, team, role)
    assert (told["role"], told["user"]["username"], told["organization_info"]["slug"]) == (role, "ann", team)
    assert (f"of {team}" in names(ann, team)) == sees
    assert team in {one.slug for one in ann.organizations.list()}
    if sees:
        make(ann, team, "made by ann")
        assert "made by ann" in names(admin, team)
    else:
        with pytest.raises(Exception, match="permission"):
            make(ann, team, "made by ann")


def test_memberships_are_listed_changed_and_ended(server: SandboxServer, admin: Client, ann: Client, team: str) -> None:
    invite(server, team, "worker")
    api, here = Api(server.url, server.credentials.token), {"X-Organization": team}
    with admin.organization_context(team):
        page, _ = admin.api_client.memberships_api.list()
    roles = {member.user.username: (member.id, str(member.role)) for member in page.results}
    assert {name: role for name, (_, role) in roles.items()} == {"sandbox": "owner", "ann": "worker"}
    number = roles["ann"][0]
    assert api.call("PATCH", f"/api/memberships/{number}", json={"role": "supervisor"}).json()["role"] == "supervisor"
    assert api.call("DELETE", f"/api/memberships/{number}").status_code == 204
    assert api.get("/api/memberships", headers=here).json()["count"] == 1
    assert api.call("DELETE", f"/api/memberships/{roles['sandbox'][0]}").status_code == 403


def test_nobody_is_invited_twice(server: SandboxServer, team: str) -> None:
    invite(server, team, "worker")
    with pytest.raises(AssertionError, match="already"):
        invite(server, team, "worker")


def test_what_belonged_to_a_deleted_organization_is_personal_again(admin: Client, team: str) -> None:
    make(admin, team, f"of {team}")
    [made] = [one for one in admin.organizations.list() if one.slug == team]
    made.remove()
    assert f"of {team}" in names(admin, "")


def test_our_adapter_works_in_the_organization_it_is_given(server: SandboxServer, team: str) -> None:
    access = CvatAccess(server.url, server.credentials.token, organization=team)
    here, personal = connect(access), connect(replace(access, organization=""))
    project = find_or_create_project(here, "cells", ["cat"])
    assert tasks_of_project(here, project.id) == []
    assert look_for_project(personal, "cells") is None
    assert find_or_create_project(personal, "cells", ["cat"]).id != project.id
    assert find_or_create_project(here, "cells", ["cat"]).id == project.id
    with pytest.raises(CvatError, match="no organization 'nobody'"):
        connect(replace(access, organization="nobody"))
