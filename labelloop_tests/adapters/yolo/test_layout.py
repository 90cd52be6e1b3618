from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labelloop.adapters.yolo.layout import TrainImage, label_lines, read_classes, require_all_read, write_layout
from labelloop.core.errors import LabelError, ModelError
from labelloop_tests.adapters.yolo.conftest import CLASSES, with_boxes

EDGES = st.floats(0, 1, allow_nan=False)


def read_labels(text: str, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and class ids of a YOLO label file, the way back."""
    rows = np.array([line.split() for line in text.splitlines()], dtype=float).reshape(-1, 5)
    centres, sizes = rows[:, 1:3] * (width, height), rows[:, 3:5] * (width, height)
    return np.hstack([centres - sizes / 2, centres + sizes / 2]), rows[:, 0].astype(int)


@given(
    st.lists(st.tuples(EDGES, EDGES, EDGES, EDGES, st.integers(0, 79)), max_size=8),
    st.integers(10, 8000),
    st.integers(10, 8000),
)
def test_labels_survive_the_way_to_yolo_and_back(rows: list, width: int, height: int) -> None:
    corners = np.array([row[:4] for row in rows], dtype=float).reshape(-1, 2, 2)
    boxes = np.sort(corners, axis=1).reshape(-1, 4) * (width, height, width, height)
    class_ids = np.array([row[4] for row in rows], dtype=int)
    text = label_lines(TrainImage("a", Path("a.jpg"), width, height, boxes, class_ids))
    found, found_ids = read_labels(text, width, height)
    np.testing.assert_allclose(found, boxes, atol=max(width, height) * 2e-6)
    np.testing.assert_array_equal(found_ids, class_ids)


def test_boxes_are_clipped_to_the_image(image: TrainImage) -> None:
    text = label_lines(with_boxes(image, [[-20, 10, 300, 50]], [1]))
    found, _ = read_labels(text, 192, 192)
    np.testing.assert_allclose(found, [[0, 10, 192, 50]], atol=1e-3)


def test_a_layout_holds_links_labels_and_the_class_list(scenes: list[TrainImage], tmp_path: Path) -> None:
    data = write_layout(tmp_path / "data", CLASSES, {"train": scenes[:3], "val": scenes[3:5]})
    description = yaml.safe_load(data.read_text())
    assert description["names"] == {0: "zero", 1: "one", 2: "two", 3: "three", 4: "four"}
    assert read_classes(data) == list(CLASSES)
    for part, images in (("train", scenes[:3]), ("val", scenes[3:5])):
        folder = Path(description["path"]) / description[part]
        assert sorted(path.name for path in folder.iterdir()) == sorted(f"{image.sample_id}.jpg" for image in images)
        for image in images:
            assert (folder / f"{image.sample_id}.jpg").resolve() == image.path.resolve()
            text = (data.parent / "labels" / part / f"{image.sample_id}.txt").read_text()
            np.testing.assert_allclose(read_labels(text, 192, 192)[0], image.boxes, atol=1e-3)


def test_the_class_list_is_not_sorted(image: TrainImage, tmp_path: Path) -> None:
    data = write_layout(tmp_path / "data", ["zebra", "ant"], {"train": [with_boxes(image, [[1, 1, 9, 9]], [0])]})
    assert read_classes(data) == ["zebra", "ant"]
    assert (tmp_path / "data" / "labels" / "train" / f"{image.sample_id}.txt").read_text().startswith("0 ")


def test_an_image_that_people_found_empty_has_an_empty_label_file(image: TrainImage, tmp_path: Path) -> None:
    empty = with_boxes(image, [], [])
    write_layout(tmp_path / "data", CLASSES, {"train": [empty]})
    assert (tmp_path / "data" / "labels" / "train" / f"{image.sample_id}.txt").read_bytes() == b""


def test_without_val_one_image_stands_in(scenes: list[TrainImage], tmp_path: Path) -> None:
    """Ultralytics validates after the last epoch whatever it is told; that must not cost a pass over all images."""
    data = write_layout(tmp_path / "data", CLASSES, {"train": scenes[:4]})
    assert yaml.safe_load(data.read_text())["val"] == "val.txt"
    assert (tmp_path / "data" / "val.txt").read_text().count("\n") == 1


@pytest.mark.parametrize("class_id", [5, -1])
def test_a_class_id_outside_the_schema_is_refused(image: TrainImage, class_id: int, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=rf"{image.sample_id} has the class ids \[{class_id}\]"):
        write_layout(tmp_path / "data", CLASSES, {"train": [with_boxes(image, [[1, 1, 9, 9]], [class_id])]})
    assert not list(tmp_path.iterdir())


def test_boxes_without_a_class_are_refused(image: TrainImage, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="for 1 classes"):
        write_layout(tmp_path / "data", CLASSES, {"train": [with_boxes(image, [[1, 1, 9, 9], [2, 2, 5, 5]], [0])]})


def test_a_layout_replaces_the_one_before(scenes: list[TrainImage], tmp_path: Path) -> None:
    write_layout(tmp_path / "data", CLASSES, {"train": scenes[:3]})
    (tmp_path / "data.partial").mkdir()  # as a kill leaves it
    (tmp_path / "data.partial" / "half").write_text("")
    write_layout(tmp_path / "data", CLASSES, {"train": scenes[3:4]})
    assert [path.stem for path in (tmp_path / "data" / "images" / "train").iterdir()] == [scenes[3].sample_id]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_same_file_name_in_two_folders_is_ordinary(image: TrainImage, tmp_path: Path) -> None:
    other = tmp_path / image.path.name
    other.write_bytes(image.path.read_bytes())
    write_layout(tmp_path / "data", CLASSES, {"train": [image, replace(image, sample_id="b", path=other)]})
    assert len(list((tmp_path / "data" / "images" / "train").iterdir())) == 2


def test_where_links_fail_images_are_copied(image: TrainImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write_layout(tmp_path / "data", CLASSES, {"train": [image]})
    copy = tmp_path / "data" / "images" / "train" / f"{image.sample_id}.jpg"
    assert not copy.is_symlink()
    assert copy.read_bytes() == image.path.read_bytes()


def test_images_that_yolo_left_out_are_named(scenes: list[TrainImage], tmp_path: Path) -> None:
    data = write_layout(tmp_path / "data", CLASSES, {"train": scenes[:3]})
    read = [f"somewhere/{image.sample_id}.jpg" for image in scenes[:2]]
    with pytest.raises(ModelError, match=f"1 of 3 train images: .*{scenes[2].path.name}"):
        require_all_read(data, "train", read)
