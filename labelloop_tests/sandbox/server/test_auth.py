import pytest
import requests
from cvat_sdk.core.client import Client

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.world import Api, get


@pytest.fixture
def session(server: SandboxServer) -> requests.Session:
    """A browser's session: cookies, no header."""
    own = requests.Session()
    body = {"username": server.credentials.username, "password": server.credentials.password}
    own.headers["X-Key"] = own.post(f"{server.url}/api/auth/login", json=body).json()["key"]
    return own


def test_a_password_login_of_the_sdk_works_and_ends_with_the_logout(server: SandboxServer) -> None:
    with Client(server.url) as client:
        client.login((server.credentials.username, server.credentials.password))
        assert client.users.retrieve_current_user().username == server.credentials.username
        client.logout()


def test_the_login_key_works_as_token_and_not_as_bearer(server: SandboxServer, session: requests.Session) -> None:
    key = session.headers["X-Key"]
    url = f"{server.url}/api/users/self"
    assert get(url, headers={"Authorization": f"Token {key}"}).status_code == 200
    refused = get(url, headers={"Authorization": f"Bearer {key}"})
    assert (refused.status_code, refused.json()) == (401, {"detail": "Invalid token."})


def test_basic_credentials_are_taken(server: SandboxServer) -> None:
    good = (server.credentials.username, server.credentials.password)
    assert get(f"{server.url}/api/users/self", auth=good).status_code == 200
    assert get(f"{server.url}/api/users/self", auth=(good[0], "no")).status_code == 401


def test_a_cookie_alone_may_read_but_not_write(server: SandboxServer, session: requests.Session) -> None:
    assert session.get(f"{server.url}/api/tasks").status_code == 200
    refused = session.post(f"{server.url}/api/projects", json={"name": "x"})
    assert (refused.status_code, refused.json()) == (403, {"detail": "CSRF Failed: CSRF token missing."})
    foreign = session.post(f"{server.url}/api/projects", json={"name": "x"}, headers={"X-CSRFToken": "guess"})
    assert foreign.status_code == 403
    token = {"X-CSRFToken": session.cookies["csrftoken"]}
    assert session.post(f"{server.url}/api/projects", json={"name": "x"}, headers=token).status_code == 201


def test_a_session_wins_over_basic_credentials(server: SandboxServer, session: requests.Session) -> None:
    auth = (server.credentials.username, server.credentials.password)
    assert session.post(f"{server.url}/api/projects", json={"name": "x"}, auth=auth).status_code == 403


def test_a_read_only_token_cannot_write_and_a_revoked_one_cannot_read(api: Api) -> None:
    made = api.call("POST", "/api/auth/access_tokens", json={"name": "reader", "read_only": True}).json()
    assert len(made["value"]) == 41
    reader = Api(api.url, made["value"])
    assert reader.get("/api/tasks").status_code == 200
    assert reader.call("POST", "/api/projects", json={"name": "x"}).status_code == 403
    listed = api.get("/api/auth/access_tokens").json()["results"][0]
    assert "value" not in listed
    assert api.call("DELETE", f"/api/auth/access_tokens/{made['id']}").status_code == 204
    assert reader.get("/api/tasks").status_code == 401


def test_a_logout_with_an_access_token_does_not_revoke_it(api: Api) -> None:
    assert api.call("POST", "/api/auth/logout").status_code == 200
    assert api.get("/api/users/self").status_code == 200


def test_secrets_are_kept_as_hashes(server: SandboxServer) -> None:
    content = b"".join(path.read_bytes() for path in server.data.glob("sandbox.sqlite3*"))
    assert server.credentials.token.encode() not in content
    assert server.credentials.password.encode() not in content
