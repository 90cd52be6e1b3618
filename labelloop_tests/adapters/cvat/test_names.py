import html
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.adapters.cvat.names import sample_ids_of, split_images, upload_names
from labelloop.core.annotation import UploadImage
from labelloop.core.errors import LabelError, MissingStateError

A, B, C = "a" * 64, "b" * 64, "a" * 12 + "c" * 52


def test_people_see_the_original_name():
    assert upload_names([(A, "data/cam 1/Straße #7 & 50%.JPG")]) == {A: f"Straße #7 & 50%.{A[:12]}.jpg"}


def test_the_same_base_name_in_two_folders_is_ordinary_data():
    names = upload_names([(A, "left/001.png"), (B, "right/001.png")])
    assert len(set(names.values())) == 2
    assert sample_ids_of(names.values(), {A, B}) == {names[A]: A, names[B]: B}


def test_ids_that_start_alike_are_written_out():
    names = upload_names([(A, "x.png"), (C, "x.png")])
    assert sample_ids_of(names.values(), {A, B, C}) == {names[A]: A, names[C]: C}


@pytest.mark.parametrize("path", ["scan.heic", "README", "archive.tar.dat", ".png", "a/..png"])
def test_cvat_takes_every_name_for_an_image(path: str):
    name = upload_names([(A, path)])[A]
    assert Path(name).suffix in {".jpg", ".png"}
    assert not name.startswith(".")


@pytest.mark.parametrize(
    "stem", ["cats&notdogs", "&lt;b&gt;", "3.04\u202fPM", "a\u00a0b", "zero\u200bwidth", "\ufeffx"]
)
def test_cvat_leaves_the_name_as_it_is(stem: str):
    name = upload_names([(A, f"{stem}.png")])[A]
    assert name == html.unescape(name)
    assert name.isprintable()


def test_a_sample_twice_is_an_error():
    with pytest.raises(LabelError, match=A):
        upload_names([(A, "x.png"), (A, "y.png")])


def test_a_frame_of_nobody_is_named():
    with pytest.raises(LabelError, match=r"holiday\.jpg"):
        sample_ids_of(["holiday.jpg"], {A})


def test_a_frame_that_fits_several_samples_is_an_error():
    with pytest.raises(LabelError, match="may be any of"):
        sample_ids_of([f"x.{A[:12]}.jpg"], {A, C})


SAMPLES = st.tuples(st.text("0123456789abcdef", min_size=64, max_size=64), st.text(min_size=1, max_size=300))


@given(st.lists(SAMPLES, min_size=1, max_size=5, unique_by=lambda sample: sample[0]))
def test_any_path_gives_a_usable_name_that_maps_back(samples: list[tuple[str, str]]):
    ids = {sample_id for sample_id, _ in samples}
    names = upload_names(samples)
    assert len(set(names.values())) == len(samples)
    for name in names.values():
        assert len(name.encode()) <= 255
        assert not set(name) & set('/\\"\x00\n')
    assert sample_ids_of(names.values(), ids) == {name: sample_id for sample_id, name in names.items()}


def images(tmp_path: Path, *sizes: int) -> list[UploadImage]:
    made = []
    for number, size in enumerate(sizes):
        path = tmp_path / f"{number}.png"
        path.write_bytes(b"x" * size)
        made.append(UploadImage(str(number), path, path.name))
    return made


def test_a_batch_is_cut_by_number_and_by_size_in_order(tmp_path: Path):
    parts = split_images(images(tmp_path, 10, 10, 10, 50, 5, 5, 200, 1), max_images=3, max_bytes=60)
    assert [[image.sample_id for image in part] for part in parts] == [["0", "1", "2"], ["3", "4", "5"], ["6"], ["7"]]


def test_no_images_are_no_tasks():
    assert split_images([], 10, 10) == []


def test_an_image_that_is_gone_is_named(tmp_path: Path):
    with pytest.raises(MissingStateError, match="sample s1"):
        split_images([UploadImage("s1", tmp_path / "gone.png", "gone.png")], 10, 10)
