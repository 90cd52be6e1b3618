from dataclasses import replace
from pathlib import Path

import pytest

from labelloop.adapters.yolo.layout import TrainImage, write_layout
from labelloop.adapters.yolo.run_state import Stage, labels_hash, stage_of
from labelloop_tests.adapters.yolo.conftest import CLASSES, with_boxes

MODEL, OPTIMIZER = {"a": "model"}, {"some": "state"}


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        ({"epoch": 0, "ema": MODEL, "optimizer": OPTIMIZER}, Stage.INTERRUPTED),
        ({"epoch": 8, "ema": MODEL, "optimizer": OPTIMIZER}, Stage.INTERRUPTED),
        ({"epoch": 9, "ema": MODEL, "optimizer": OPTIMIZER}, Stage.TRAINED),  # killed before it was stripped
        ({"epoch": -1, "model": MODEL, "ema": None, "optimizer": None}, Stage.TRAINED),
        ({"epoch": 3, "ema": MODEL, "optimizer": None}, Stage.UNUSABLE),
        ({"epoch": -1, "model": None, "ema": None}, Stage.UNUSABLE),
        (["something else"], Stage.UNUSABLE),
    ],
)
def test_the_stage_of_a_checkpoint(state: object, stage: Stage, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save(state, tmp_path / "last.pt")
    assert stage_of(tmp_path / "last.pt", epochs=10) is stage


def test_a_checkpoint_cut_off_at_any_place_is_unusable(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    last = tmp_path / "last.pt"
    assert stage_of(last, epochs=10) is Stage.UNUSABLE
    torch.save({"epoch": 0, "ema": torch.zeros(4000), "optimizer": OPTIMIZER}, last)
    content = last.read_bytes()
    for share in (0.0, 0.001, 0.1, 0.5, 0.9, 0.999):
        last.write_bytes(content[: int(share * len(content))])
        assert stage_of(last, epochs=10) is Stage.UNUSABLE


def test_the_labels_hash_tells_data_apart_and_not_places(scenes: list[TrainImage], tmp_path: Path) -> None:
    def of(name: str, images: list[TrainImage]) -> str:
        return labels_hash(write_layout(tmp_path / name, CLASSES, {"train": images}))

    first = of("a", scenes[:3])
    assert first == of("b", scenes[:3][::-1])
    assert len({first, of("c", scenes[:2]), of("d", [*scenes[:2], replace(scenes[2], sample_id="x")])}) == 3
    assert first != of("e", [*scenes[:2], with_boxes(scenes[2], [[1, 1, 9, 9]], [0])])
