"""What the server says about itself."""

import importlib.metadata

from starlette.responses import Response

from labelloop.sandbox.server.exports.formats import listed
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.resource import Call

CVAT_VERSION = "2.54.1"  # the CVAT whose behaviour is followed


def about(call: Call) -> Response:
    """Name and version; a client decides by the version how to speak."""
    body = {
        "name": "Computer Vision Annotation Tool",
        "description": f"The sandbox of labelloop {importlib.metadata.version('labelloop')}: a server that answers "
        "like CVAT, for trying the loop without one.",
        "version": CVAT_VERSION,
        "logo_url": f"{call.base}/static/logo.svg",
        "subtitle": "labelloop sandbox",
    }
    return json_reply(body)


def health(_: Call) -> Response:
    """The server works when it can answer."""
    return json_reply({"Cache backend: default": "working", "DatabaseBackend": "working"})


def plugins(_: Call) -> Response:
    """No plugin of CVAT is here."""
    return json_reply({"GIT_INTEGRATION": False, "ANALYTICS": False, "MODELS": False, "PREDICT": False})


def formats(_: Call) -> Response:
    """The formats of CVAT; the sandbox writes two of them and reads none."""
    return json_reply(listed())
