"""What images depend on: the bytes that went up come down, and where they do not, sizes say so."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.frames import download_frames
from labelloop.adapters.cvat.jobs import delete_frames
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.cvat.push import push_task
from labelloop_tests.cvat_world import MakeSpec

SIZE = (64, 48)
TURNED = 6  # the EXIF orientation of a telephone held upright
MORE_THAN_A_CHUNK = 73


def noise(mode: str) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 255, (SIZE[1], SIZE[0], 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(values, "RGBA").convert(mode)


FAITHFUL: dict[str, Callable[[Path], None]] = {
    "colour.jpg": lambda path: noise("RGB").save(path, quality=90),
    "grey.jpg": lambda path: noise("L").save(path),
    "cmyk.jpg": lambda path: noise("CMYK").save(path),
    "progressive.jpeg": lambda path: noise("RGB").save(path, progressive=True),
    "colour.png": lambda path: noise("RGB").save(path),
    "alpha.png": lambda path: noise("RGBA").save(path),
    "sixteen.png": lambda path: noise("I;16").save(path),
    "palette.png": lambda path: noise("P").save(path),
    "picture.webp": lambda path: noise("RGB").save(path, lossless=True),
    "picture.bmp": lambda path: noise("RGB").save(path),
    "picture.gif": lambda path: noise("P").save(path),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_an_image_comes_back_byte_for_byte(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, tmp_path: Path, name: str
):
    spec = make_spec([name])
    FAITHFUL[name](spec.images[0].path)
    task = push_task(server, project, spec)
    [frame] = download_frames(server, task.task_id, tmp_path / "down")
    assert frame.path.read_bytes() == spec.images[0].path.read_bytes()
    [told] = content(server, task.task_id).frames
    assert (told.width, told.height) == SIZE


def test_a_jpeg_that_lies_on_its_side_is_turned_and_its_size_is_told_so(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, tmp_path: Path
):
    spec, exif = make_spec(["phone.jpg"]), Image.Exif()
    exif[0x0112] = TURNED
    noise("RGB").save(spec.images[0].path, exif=exif)
    task = push_task(server, project, spec)
    [told] = content(server, task.task_id).frames
    [frame] = download_frames(server, task.task_id, tmp_path / "down")
    with Image.open(frame.path) as image:
        assert image.size == (told.width, told.height) == SIZE[::-1]
    assert frame.path.read_bytes() != spec.images[0].path.read_bytes()


def test_a_tiff_comes_back_as_an_image_of_its_size(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, tmp_path: Path
):
    spec = make_spec(["scan.tif"])
    task = push_task(server, project, spec)
    [told] = content(server, task.task_id).frames
    [frame] = download_frames(server, task.task_id, tmp_path / "down")
    with Image.open(frame.path) as image:
        assert image.size == (told.width, told.height) == SIZE


def test_images_of_a_second_chunk_are_found_by_their_place_in_it(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, tmp_path: Path
):
    spec = make_spec(MORE_THAN_A_CHUNK, segment_size=0)
    task = push_task(server, project, spec)
    found = download_frames(server, task.task_id, tmp_path / "down")
    assert [frame.name for frame in found] == [image.upload_name for image in spec.images]
    assert [frame.path.read_bytes() for frame in found] == [image.path.read_bytes() for image in spec.images]
    [last] = download_frames(server, task.task_id, tmp_path / "last", [MORE_THAN_A_CHUNK - 1])
    assert last.path.read_bytes() == spec.images[-1].path.read_bytes()


def test_images_of_several_formats_and_sizes_share_a_task(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, tmp_path: Path
):
    spec = make_spec(["a.png", "b.jpg", "c.png"])
    Image.new("RGB", (200, 10), "red").save(spec.images[1].path)
    task = push_task(server, project, spec)
    assert [(frame.width, frame.height) for frame in content(server, task.task_id).frames] == [SIZE, (200, 10), SIZE]
    found = download_frames(server, task.task_id, tmp_path / "down")
    assert [frame.path.read_bytes() for frame in found] == [image.path.read_bytes() for image in spec.images]


def test_a_deleted_frame_is_still_served(server: CvatServer, project: ProjectRef, make_spec: MakeSpec, tmp_path: Path):
    spec = make_spec(3)
    task = push_task(server, project, spec)
    delete_frames(server, task.task_id, [1])
    found = download_frames(server, task.task_id, tmp_path / "down")
    assert [frame.path.read_bytes() for frame in found] == [image.path.read_bytes() for image in spec.images]
