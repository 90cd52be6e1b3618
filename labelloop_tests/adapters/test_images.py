import os
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from labelloop.adapters.images import FORMATS, ImageFile, inspect, inspect_all, list_files, sample_id
from labelloop.core.hashes import dhash, hamming
from labelloop.core.vocabulary import Quarantine
from labelloop_tests.pictures import encoded, picture, write

JPEG = encoded(picture(size=(64, 48)), "JPEG")


def inspected(paths, known=()):
    told = []
    found = inspect_all(paths, {file.path: file for file in known}, lambda done, total: told.append((done, total)))
    return found, told


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Quarantine.ZERO_BYTES),
        (b"\x00", Quarantine.NOT_AN_IMAGE),
        (b"just a text", Quarantine.NOT_AN_IMAGE),
        (b"%PDF-1.4 a document that Pillow knows", Quarantine.NOT_AN_IMAGE),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Quarantine.NOT_AN_IMAGE),
        (JPEG[: len(JPEG) // 2], Quarantine.TRUNCATED),
        (encoded(picture(), "PNG")[:-40], Quarantine.TRUNCATED),
    ],
)
def test_a_file_that_cannot_be_used_is_set_aside_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    found = inspect(path)
    assert (found.sample_id, found.reason, found.bytes) == (None, reason, len(content))


def test_a_file_that_cannot_be_read_is_set_aside(tmp_path):
    gone, folder = tmp_path / "gone.jpg", tmp_path / "folder.jpg"
    gone.symlink_to(tmp_path / "nowhere")
    folder.mkdir()
    for path, detail in ((gone, "No such file or directory"), (folder, "Is a directory")):
        found = inspect(path)
        assert (found.sample_id, found.reason, found.detail) == (None, Quarantine.UNREADABLE, detail)
    if os.geteuid():
        write(tmp_path / "locked.png").chmod(0)
        assert inspect(tmp_path / "locked.png").reason == Quarantine.UNREADABLE


def test_a_bomb_is_set_aside(tmp_path):
    header = bytearray(encoded(Image.new("1", (1, 1)), "BMP"))
    header[18:26] = np.array([30_000, 30_000], dtype="<i4").tobytes()
    (tmp_path / "bomb.bmp").write_bytes(header)
    found = inspect(tmp_path / "bomb.bmp")
    assert found.reason == Quarantine.UNREADABLE
    assert "decompression bomb" in found.detail


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_no_damage_to_a_file_stops_the_ingest(tmp_path, kind):
    content = encoded(picture(), kind, orientation=6 if kind in ("JPEG", "TIFF", "WEBP", "PNG") else 1)
    random = np.random.default_rng(0)
    path = tmp_path / "damaged"
    reasons = []
    for _ in range(200):
        damaged = bytearray(content)
        for place in random.integers(0, min(len(content), 400), random.integers(1, 6)):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        found = inspect(path)
        assert (found.sample_id is None) == (found.reason is not None)
        reasons.append(found.reason)
    assert set(reasons) <= {None, *Quarantine}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_and_hash_are_those_of_the_upright_image(tmp_path, orientation):
    """The image is stored so that whoever heeds its EXIF orientation sees the same upright picture."""
    upright = picture(size=(40, 20)).resize((80, 40), Image.Resampling.BICUBIC)
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(turn[orientation]) if orientation in turn else upright
    for name, image, exif in (("plain", upright, 1), ("turned", stored, orientation)):
        (tmp_path / name).write_bytes(encoded(image, "PNG", exif))
    plain, turned = inspect(tmp_path / "plain"), inspect(tmp_path / "turned")
    assert (plain.width, plain.height) == (80, 40)
    assert (turned.width, turned.height, turned.dhash) == (80, 40, plain.dhash)


UNEVEN = (1153, 961)  # no multiple of the eighth in which it is decoded


def large(size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Small spots, as large as a photograph is, so that a JPEG of it need not be made in full."""
    return picture(3, size=(320, 240)).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("stored", [(640, 480), UNEVEN, UNEVEN[::-1]])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_large_jpeg_has_its_full_size_and_the_hash_of_all_its_pixels(tmp_path, orientation, stored):
    content = encoded(large(stored), "JPEG", orientation)
    size = stored[::-1] if orientation == 6 else stored
    (tmp_path / "image").write_bytes(content)
    found = inspect(tmp_path / "image")
    with Image.open(BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image)
    assert (found.width, found.height) == size
    assert hamming(found.dhash, dhash(upright)) <= 2
    upright.save(tmp_path / "copy", "PNG")
    assert hamming(found.dhash, inspect(tmp_path / "copy").dhash) <= 2


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.98])
def test_a_large_jpeg_that_is_cut_short_is_set_aside(tmp_path, share, progressive):
    buffer = BytesIO()
    large().save(buffer, "JPEG", progressive=progressive)
    content = buffer.getvalue()
    (tmp_path / "image").write_bytes(content[: int(len(content) * share)])
    assert inspect(tmp_path / "image").reason == Quarantine.TRUNCATED


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("L", "JPEG"), ("LA", "PNG"), ("P", "GIF"), ("RGBA", "PNG"), ("CMYK", "JPEG"), ("RGBA", "WEBP"),
     ("I;16", "PNG"), ("I;16", "TIFF"), ("F", "TIFF"), ("CMYK", "TIFF"), ("RGB", "BMP")],
)  # fmt: skip
def test_images_of_any_mode_are_usable(tmp_path, mode, kind):
    image = picture(mode=mode) if mode != "I;16" else Image.fromarray(np.arange(640, dtype=np.uint16).reshape(20, 32))
    assert kind in FORMATS
    (tmp_path / "image").write_bytes(encoded(image, kind))
    found = inspect(tmp_path / "image")
    assert (found.reason, found.width, found.height) == (None, 32, 20)


def test_a_picture_of_a_stereo_camera_is_its_first_one(tmp_path):
    picture(1).save(tmp_path / "image", "MPO", save_all=True, append_images=[picture(2)])
    found = inspect(tmp_path / "image")
    assert (found.reason, found.width, found.height) == (None, 32, 20)


def test_the_same_content_at_two_paths_is_the_same_sample(tmp_path):
    one, two, other = (write(tmp_path / name, seed) for name, seed in (("a/x.png", 1), ("b/y.png", 1), ("b/x.png", 2)))
    ids = [inspect(path).sample_id for path in (one, two, other)]
    assert ids[0] == ids[1] == sample_id(one.read_bytes())
    assert ids[2] != ids[0]
    assert len(ids[0]) == 24


def test_no_files_are_no_work():
    assert inspected([]) == ([], [])


def test_files_come_back_in_the_order_asked_for_and_progress_is_told(tmp_path):
    paths = [write(tmp_path / f"{seed}.png", seed) for seed in (3, 1, 2)]
    found, told = inspected(paths)
    assert [file.path for file in found] == paths
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_file_of_unchanged_size_and_time_is_not_read_again(tmp_path):
    """Its content is replaced behind the back of size and time: whoever reads it again notices."""
    paths = [write(tmp_path / f"{seed}.png", seed) for seed in range(3)]
    before, _ = inspected(paths)
    status = paths[1].stat()
    paths[1].write_bytes(bytes(status.st_size))
    os.utime(paths[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert inspected(paths, before) == (before, [])


@pytest.mark.parametrize("change", ["time", "size", "gone"])
def test_a_file_that_changed_is_read_again(tmp_path, change):
    path = write(tmp_path / "a.png")
    before, _ = inspected([path])
    status = path.stat()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(bytes(status.st_size + (change == "size")))
        os.utime(path, ns=(0, status.st_mtime_ns + (change == "time")))
    after, told = inspected([path], before)
    assert told == [(1, 1)]
    assert after[0].reason == (Quarantine.UNREADABLE if change == "gone" else Quarantine.NOT_AN_IMAGE)


def test_a_file_that_was_set_aside_is_read_again_once_it_is_repaired(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    before, _ = inspected([path])
    assert inspected([path], before) == (before, [])
    write(path)
    assert inspected([path], before)[0][0].reason is None


def test_files_are_listed_in_a_stable_order_without_the_hidden_ones(tmp_path):
    hidden = tmp_path / ".labelloop" / "scenes"  # the folder asked for may itself lie in a hidden one
    for name in ("b/x.png", "a.png", "b/a.png", ".hidden.png", ".git/x.png", "c/.cache/x.png", "Ü x.txt"):
        (hidden / name).parent.mkdir(parents=True, exist_ok=True)
        (hidden / name).write_bytes(b"")
    names = [path.relative_to(hidden).as_posix() for path in list_files(hidden)]
    assert names == ["a.png", "b/a.png", "b/x.png", "Ü x.txt"]
    assert list_files(tmp_path / "nowhere") == []


def test_what_is_known_of_a_file_is_a_plain_value(tmp_path):
    assert inspect(write(tmp_path / "a.png")) == inspect(tmp_path / "a.png")
    assert isinstance(inspect(tmp_path / "a.png"), ImageFile)
