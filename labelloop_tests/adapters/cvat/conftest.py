from labelloop_tests.cvat_world import access, make_spec, project, project_name, server

__all__ = ["access", "make_spec", "project", "project_name", "server"]
