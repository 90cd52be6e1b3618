from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labelloop_tests.worlds import World, make_world


@pytest.fixture(scope="package")
def turned(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The loop turned once and a half: read it, do not run anything in it."""
    world = make_world(tmp_path_factory.mktemp("turned"))
    world.turn_v0()
    world.turn([("next_batch", "v1")])
    yield world
    world.close()


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds that are closed at the end of the test."""
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(make_world(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
