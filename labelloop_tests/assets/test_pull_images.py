"""Images of people's own tasks: photographs that CVAT turns upright, and images that are not what they should be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.cvat.frames import DownloadedFrame
from labelloop.adapters.images import is_rewritten_by_cvat
from labelloop.resources import pulled_images
from labelloop_tests.assets.test_pull import CLASSES, finished_task
from labelloop_tests.assets.test_pull_modes import data_set, picture, pull, refused
from labelloop_tests.worlds import World, failure_of

UPRIGHT, LYING = (64, 96), (96, 64)
SHARES = [5 / 64, 6 / 96, 35 / 64, 44 / 96]  # of the box that `finished_task` draws


def photograph(path: Path) -> Path:
    """A smooth picture as a camera stores it that was held on its side: 96x64 pixels, to be shown as 64x96."""
    across, down = np.meshgrid(np.linspace(0, 3, LYING[0]), np.linspace(0, 2, LYING[1]))
    waves = np.stack([np.sin(across * 2), np.cos(down * 3), np.sin(across + down)], axis=-1)
    exif = Image.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(exist_ok=True)
    Image.fromarray((waves * 100 + 128).astype(np.uint8)).save(path, exif=exif, quality=90)
    return path


@pytest.fixture
def people(world, tmp_path: Path) -> World:
    return world(source={"type": "folder", "path": "photos"}, classes=list(CLASSES))


def shares(world: World) -> list:
    (labels,) = data_set(world).exists("human_labels").values("human_labels.detections")
    (label,) = labels
    return label.bounding_box


@pytest.mark.slow
def test_a_photograph_that_lies_on_its_side_is_one_sample_and_its_box_fits(people: World, tmp_path: Path) -> None:
    photo = photograph(tmp_path / "photos" / "IMG_1.jpg")
    assert is_rewritten_by_cvat(photo)
    result = people.run_asset("source_images", "")
    assert result.success, failure_of(result)
    finished_task(people, [photo])
    pull(people)
    (sample,) = people.now.ledger.samples().itertuples()
    assert (sample.path, sample.width, sample.height) == ("photos/IMG_1.jpg", *UPRIGHT)
    assert people.now.ledger.label_version("source").reviewed == (sample.sample_id,)
    assert shares(people) == pytest.approx(SHARES)
    assert list((people.now.home.root / "media").iterdir()) == []


@pytest.mark.slow
def test_a_photograph_that_only_cvat_has_comes_upright_and_its_box_fits(people: World, tmp_path: Path) -> None:
    finished_task(people, [photograph(tmp_path / "elsewhere" / "IMG_1.jpg")])
    pull(people)
    (sample,) = people.now.ledger.samples().itertuples()
    assert (sample.width, sample.height) == UPRIGHT
    with Image.open(people.now.home.locate(sample.path)) as image:
        assert image.size == UPRIGHT
        assert image.getexif().get(0x0112, 1) == 1
    assert shares(people) == pytest.approx(SHARES)


@pytest.mark.slow
def test_an_image_of_another_size_than_the_server_says_is_refused_whole(people: World, tmp_path, monkeypatch) -> None:
    finished_task(people, [picture(tmp_path / "a.png", 1), picture(tmp_path / "b.png", 2)])
    real = pulled_images.download_frames

    def other(*args, **kwargs) -> list[DownloadedFrame]:
        first, second = real(*args, **kwargs)
        return [first, DownloadedFrame(second.frame, second.name, second.sha256, second.path, 64, 65)]

    monkeypatch.setattr(pulled_images, "download_frames", other)
    assert "is 64x64 instead of 64x65" in refused(people)
    assert len(people.now.ledger.samples_or_empty()) == 0
    assert not people.now.ledger.has_labels("source")
    monkeypatch.undo()
    pull(people)
    assert len(people.now.ledger.label_version("source").reviewed) == 2
    assert not any((people.now.home.root / "incoming").iterdir())


@pytest.mark.slow
def test_an_image_on_two_frames_of_a_task_counts_once_and_the_rest_is_kept(people: World, tmp_path: Path) -> None:
    first, second = picture(tmp_path / "a.png", 1), picture(tmp_path / "b.png", 2)
    finished_task(people, [first, second], again=[first])
    shown = pull(people)
    version = people.now.ledger.label_version("source")
    assert len(version.reviewed) == len(version.boxes) == 2
    assert version.quarantined[["frame", "reason"]].to_numpy().tolist() == [
        [2, "image that an earlier frame of its task shows as well"]
    ]
    assert version.census[["received", "stored", "quarantined", "removed"]].to_numpy().tolist() == [[3, 2, 1, 0]]
    assert "frame: image that an earlier frame" in str(shown["tasks"])
    assert data_set(people).count("human_labels.detections") == 2
