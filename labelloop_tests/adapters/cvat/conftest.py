import pytest

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.push import push_task
from labelloop.core.annotation import TaskRef
from labelloop_tests.cvat_world import MakeSpec, access, make_spec, project, project_name, server

__all__ = ["access", "make_spec", "project", "project_name", "server"]


@pytest.fixture
def task(server: CvatServer, project: ProjectRef, make_spec: MakeSpec) -> TaskRef:
    """Four frames in two jobs."""
    return push_task(server, project, make_spec(4))
