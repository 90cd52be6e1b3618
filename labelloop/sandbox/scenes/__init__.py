"""Handwritten digits on photographs: a small detection data set made on the spot, with nothing downloaded."""

from labelloop.sandbox.scenes.dataset import Scenes, write_scenes

__all__ = ["Scenes", "write_scenes"]
