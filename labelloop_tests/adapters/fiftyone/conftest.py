from labelloop_tests.fiftyone_world import loop

__all__ = ["loop"]
