from collections.abc import Iterator

import pytest

from labelloop_tests.worlds import World, make_world


@pytest.fixture(scope="package")
def half_way(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """v0 is finished and v1 lies in CVAT: to be looked at; what changes it takes a copy."""
    world = make_world(tmp_path_factory.mktemp("half_way"))
    world.turn_v0()
    world.turn([("next_batch", "v1")])
    yield world
    world.close()
