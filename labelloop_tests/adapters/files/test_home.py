from pathlib import Path

import pytest

from labelloop.adapters.files.home import Home
from labelloop.core.errors import ConfigError
from labelloop_tests import elsewhere


@pytest.fixture
def config(tmp_path):
    return tmp_path / "project" / "labelloop.yaml"


def test_the_state_lies_beside_the_config(config):
    home = Home.of(config, environ={})
    assert home.root == config.parent / ".labelloop"
    assert home.lock("training") == config.parent / ".labelloop" / "locks" / "training"


def test_labelloop_home_puts_the_state_elsewhere(config, tmp_path):
    home = Home.of(config, environ={"LABELLOOP_HOME": str(tmp_path / "big disk")})
    assert home.root == tmp_path / "big disk"
    assert home.project == config.parent
    assert Home.of(config, environ={"LABELLOOP_HOME": "~/x"}).root == Path.home() / "x"


@pytest.mark.parametrize(
    ("media_root", "image", "stored"),
    [
        (".", "project/images/a.jpg", "images/a.jpg"),
        (".", "project/a b/ü.jpg", "a b/ü.jpg"),
        ("images", "project/images/a.jpg", "a.jpg"),
        ("..", "elsewhere/a.jpg", "elsewhere/a.jpg"),
        ("../elsewhere/./x/..", "elsewhere/a.jpg", "a.jpg"),
        (".", "elsewhere/a.jpg", None),
        ("images", "project/images2/a.jpg", None),
    ],
)
def test_image_paths_are_kept_relative_to_media_root_and_absolute_outside(config, tmp_path, media_root, image, stored):
    home = Home.of(config, media_root, environ={})
    path = tmp_path / image
    assert home.relative(path) == (stored or path.as_posix())
    assert home.locate(home.relative(path)) == path


def test_media_root_may_be_absolute(config, tmp_path):
    home = Home.of(config, str(tmp_path / "media"), environ={})
    assert home.relative(tmp_path / "media" / "a.jpg") == "a.jpg"


def test_a_home_that_was_moved_finds_its_images_and_stays_the_same_data_set(config, tmp_path):
    (config.parent / "images").mkdir(parents=True)
    (config.parent / "images" / "a.jpg").write_bytes(b"image")
    before = Home.of(config, environ={})
    stored, uuid = before.relative(config.parent / "images" / "a.jpg"), before.dataset_uuid()
    moved = config.parent.rename(tmp_path / "moved")
    after = Home.of(moved / "labelloop.yaml", environ={})
    assert after.locate(stored).read_bytes() == b"image"
    assert after.dataset_uuid() == uuid


def test_the_identity_is_made_once_and_differs_between_homes(config, tmp_path):
    home = Home.of(config, environ={})
    assert home.dataset_uuid() == home.dataset_uuid()
    assert home.dataset_uuid() != Home.of(tmp_path / "other" / "labelloop.yaml", environ={}).dataset_uuid()


ASK = """
import sys
from pathlib import Path
from labelloop.adapters.files.home import Home
homes = [Home.of(Path(sys.argv[1]) / str(number) / "labelloop.yaml", environ={}) for number in range(40)]
print("ready", flush=True)
sys.stdin.readline()
print(" ".join(home.dataset_uuid() for home in homes))
"""


def test_two_processes_that_ask_at_once_get_the_same_identity(tmp_path):
    with elsewhere.start(ASK, tmp_path) as one, elsewhere.start(ASK, tmp_path) as two:
        assert elsewhere.line(one) == elsewhere.line(two) == "ready"
        for process in (one, two):
            process.stdin.write("\n")
            process.stdin.flush()
        given = [elsewhere.line(process).split() for process in (one, two)]
    assert given[0] == given[1]
    assert len(set(given[0])) == 40


def test_a_project_that_was_never_initialised_says_what_to_do(config):
    home = Home.of(config, environ={})
    with pytest.raises(ConfigError, match=r"\.labelloop does not exist\. Run `labelloop init`"):
        home.require()
    home.dataset_uuid()
    home.require()
