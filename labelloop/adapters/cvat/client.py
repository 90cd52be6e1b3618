"""The one connection to a CVAT server: JSON in, JSON out, every error translated, every request counted.

Answers are read as raw JSON: the SDK's typed models refuse answers of a server older or newer than itself.
"""

import json
import logging
import threading
from collections.abc import Mapping
from typing import IO, Any

from labelloop.adapters.cvat.access import CvatAccess
from labelloop.adapters.cvat.refusals import CREDENTIALS_REMEDY, CvatRefusedError, translate
from labelloop.adapters.cvat.transport import BoundedPool
from labelloop.core.errors import CvatError, CvatLoginError

PAGE_SIZE = 500
COPY_BYTES = 1 << 20

_servers: dict[tuple[CvatAccess, float], "CvatServer"] = {}
_lock = threading.Lock()


class CvatServer:
    """A CVAT server that we are logged in to; safe to share between threads.

    Every method takes `doing`, words like "reading task 9" that tell in an error what was attempted, and raises
    `CvatUnreachableError`, `CvatLoginError` or `CvatRefusedError` as `translate` does.

    Args:
        client: A logged-in `cvat_sdk.Client`.
        pool: The pool its REST client sends through.
        url: Address of the server, as people know it.
    """

    def __init__(self, client: Any, pool: BoundedPool, url: str) -> None:
        self._client = client
        self._pool = pool
        self.url = url
        self.expired = False
        self._versions: dict[str, str] = {}

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self._pool.requests

    @property
    def versions(self) -> dict[str, str]:
        """Versions of `server` and `sdk`; asked once."""
        if not self._versions:
            from cvat_sdk.version import VERSION

            about = self.get("/api/server/about", "reading the version of the server")
            self._versions = {"server": str(about.get("version", "unknown")), "sdk": str(VERSION)}
        return dict(self._versions)

    def get(self, path: str, doing: str, **query: Any) -> Any:
        """JSON of a GET; it is sent compressed, to a tenth of its size."""
        headers = {"Accept-Encoding": "gzip"}
        return self._json(self._send("GET", path, doing, query_params=query, headers=headers), doing)

    def list_all(self, path: str, doing: str, **query: Any) -> list[dict[str, Any]]:
        """All results of a list endpoint, page after page.

        Pages are counted here: the `next` links of a server behind a proxy may point to where nobody answers.
        """
        results: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.get(path, doing, **query, page=page, page_size=PAGE_SIZE)
            results += answer["results"]
            if not answer.get("next"):
                return results
            page += 1

    def write(self, method: str, path: str, doing: str, body: Any = None, **query: Any) -> Any:
        """JSON of a POST, PUT, PATCH or DELETE; never repeated here, whatever happens to the answer."""
        return self._json(self._send(method, path, doing, query_params=query, body=body), doing)

    def upload(self, path: str, doing: str, step: str, fields: Mapping[str, Any] | None = None) -> None:
        """One step of CVAT's upload protocol: `Upload-Start`, or `Upload-Multiple` with a multipart form."""
        headers = {step: ""} | ({"Content-Type": "multipart/form-data"} if fields else {})
        self._send("POST", path, doing, headers=headers, post_params=dict(fields) if fields else None)

    def finish_upload(self, path: str, doing: str, body: Mapping[str, Any]) -> Any:
        """Last step of the upload protocol: `Upload-Finish` with the parameters of the task's data, as JSON."""
        return self._json(self._send("POST", path, doing, headers={"Upload-Finish": ""}, body=dict(body)), doing)

    def download(self, path: str, doing: str, into: IO[bytes], limit: int, **query: Any) -> None:
        """Copy the bytes of a GET into an open file.

        Raises:
            CvatError: If there are more than `limit` bytes.
        """
        response = self._send("GET", path, doing, query_params=query, _parse_response=False)
        size = 0
        with translate(self.url, doing), response:
            for part in response.stream(COPY_BYTES):
                size += len(part)
                if size > limit:
                    raise CvatError(f"{doing}: CVAT sent more than the {limit} bytes that are expected at most")
                into.write(part)

    def _send(self, method: str, path: str, doing: str, **options: Any) -> Any:
        from cvat_sdk.core.helpers import make_request_headers

        api = self._client.api_client
        # Any answer but `application/json` suits CVAT, which calls its JSON by a name of its own.
        headers = {**make_request_headers(api), "Accept": "*/*", **options.pop("headers", {})}
        try:
            with translate(self.url, doing):
                return api.rest_client.request(method, self.url + path, headers=headers, **options)
        except CvatLoginError:
            self.expired = True  # the next `connect` logs in again
            raise

    def _json(self, response: Any, doing: str) -> Any:
        if not response.data:
            return None
        try:
            return json.loads(response.data)
        except ValueError:
            raise CvatError(
                f"{self.url} did not answer {doing} like a CVAT server", "Set CVAT_URL to the address of one."
            ) from None


def connect(access: CvatAccess, *, timeout_s: float = 60.0) -> CvatServer:
    """The connection of this process to a server, made and verified on first use.

    One is kept for each access: anonymous requests, logins among them, are limited to 100 a minute.

    Args:
        access: Address and credentials.
        timeout_s: Longest silence of the server within one request.

    Raises:
        CvatUnreachableError: If nobody answers at the address.
        CvatLoginError: If the credentials are wrong.
        CvatError: If the organization does not exist or the address is not that of a CVAT.
    """
    key = (access, timeout_s)
    with _lock:
        if key not in _servers or _servers[key].expired:
            _servers[key] = _open(access, timeout_s)
        return _servers[key]


def _open(access: CvatAccess, timeout_s: float) -> CvatServer:
    from cvat_sdk.core.client import Client, Config

    # The SDK's own check of versions is only a warning in a log; `CvatServer.versions` tells them.
    client = Client(
        access.url,
        logger=logging.getLogger("labelloop.cvat"),
        config=Config(status_check_period=0.5),
        check_server_version=False,
    )
    rest = client.api_client.rest_client
    pool = rest.pool_manager = BoundedPool(rest.pool_manager, timeout_s)
    client.organization_slug = access.organization
    _log_in(client, access)
    server = CvatServer(client, pool, access.url)
    user = _who_we_are(server, access)
    if not isinstance(user, dict) or "username" not in user:
        raise CvatError(f"{access.url} does not answer like a CVAT server", "Set CVAT_URL to the address of one.")
    return server


def _who_we_are(server: CvatServer, access: CvatAccess) -> Any:
    """A first call: a wrong token and an unknown organization are not noticed before."""
    try:
        return server.get("/api/users/self", "logging in")
    except CvatRefusedError as error:
        if error.status != 404 or not access.organization:
            raise
        raise CvatError(
            f"CVAT at {access.url} has no organization '{access.organization}' for this account",
            "Correct annotation.organization; empty is the personal space.",
        ) from None


def _log_in(client: Any, access: CvatAccess) -> None:
    from cvat_sdk.core.client import AccessTokenCredentials

    if access.token:
        client.login(AccessTokenCredentials(access.token))
        return
    try:
        with translate(access.url, "logging in"):
            client.login((access.username, access.password))
    except CvatRefusedError as error:
        if error.status != 400:
            raise
        raise CvatLoginError(
            f"CVAT at {access.url} does not accept the user name and password", CREDENTIALS_REMEDY
        ) from None
