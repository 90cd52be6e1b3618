import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from labelloop.adapters.yolo import training
from labelloop.adapters.yolo.evaluation import evaluate
from labelloop.adapters.yolo.layout import TrainImage, write_layout
from labelloop.adapters.yolo.training import TrainOutcome, TrainRequest, train
from labelloop.core.errors import ModelError
from labelloop.sandbox.scenes import write_scenes
from labelloop_tests.adapters.yolo.conftest import CLASSES, load_scenes


class CrashError(Exception):
    """What a test throws into a training."""


def crash_in(epoch: int):
    def on_epoch(now: int, _: int, __: dict[str, float]) -> None:
        if now == epoch:
            raise CrashError

    return on_epoch


def never(*_: object) -> None:
    pytest.fail("trained again")


def test_a_training_gives_weights_losses_and_classes(trained: TrainOutcome, request_for: TrainRequest) -> None:
    assert trained.weights.is_file()
    assert (trained.epochs, trained.resumed, trained.classes) == (1, False, CLASSES)
    assert trained.seconds > 0
    assert [sorted(record) for record in trained.losses] == [["box", "cls", "dfl", "epoch"]]


def test_a_finished_training_is_recognised(trained: TrainOutcome, request_for: TrainRequest) -> None:
    assert train(replace(request_for, device="auto"), on_epoch=never) == trained


@pytest.mark.slow
def test_an_interrupted_training_goes_on_and_never_twice(request_for: TrainRequest, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    request = replace(request_for, folder=tmp_path / "run", epochs=3)
    last = request.folder / "weights" / "last.pt"
    with pytest.raises(CrashError):
        train(request, on_epoch=crash_in(2))
    told = []
    outcome = train(request, on_epoch=lambda epoch, total, losses: told.append((epoch, total)))
    assert outcome.resumed
    assert told == [(2, 3), (3, 3)]
    assert [record["epoch"] for record in outcome.losses] == [1, 2, 3]

    # Killed after the last epoch was saved, before ultralytics stripped it and before the outcome was written.
    state = torch.load(last, map_location="cpu", weights_only=False)
    torch.save(state | {"epoch": 2, "optimizer": {"some": "state"}}, last)
    for name in ("outcome.json", "final.pt"):
        (request.folder / name).unlink()
    again = train(request, on_epoch=never)
    assert [record["epoch"] for record in again.losses] == [1, 2, 3]
    assert again.weights.is_file()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """What each training goes on from, without training."""
    started: list[Path | None] = []

    def run(request: TrainRequest, history: object, interrupted: Path | None) -> None:
        started.append(interrupted)
        raise CrashError

    monkeypatch.setattr(training, "_run", run)
    return started


def test_a_checkpoint_cut_off_means_starting_anew(
    runs: list[Path | None], request_for: TrainRequest, tmp_path: Path
) -> None:
    request = replace(request_for, folder=tmp_path / "run")
    (request.folder / "weights").mkdir(parents=True)
    (request.folder / "weights" / "last.pt").write_bytes(b"PK\x03\x04 half of")
    (request.folder / "request.json").write_text(json.dumps(request.identity()))
    with pytest.raises(CrashError):
        train(request, on_epoch=never)
    assert runs == [None]


def test_another_request_in_the_same_folder_starts_anew(
    runs: list[Path | None], request_for: TrainRequest, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    last = tmp_path / "run" / "weights" / "last.pt"
    request = replace(request_for, folder=tmp_path / "run", epochs=2)
    with pytest.raises(CrashError):
        train(request, on_epoch=never)
    last.parent.mkdir()
    torch.save({"epoch": 0, "ema": {"a": "model"}, "optimizer": {"some": "state"}}, last)
    for wanted in (request, replace(request, seed=3)):
        with pytest.raises(CrashError):
            train(wanted, on_epoch=never)
    assert runs == [None, last, None]
    assert not last.exists()


def test_the_same_request_gives_the_same_weights(
    trained: TrainOutcome, request_for: TrainRequest, tmp_path: Path
) -> None:
    again = train(replace(request_for, folder=tmp_path / "elsewhere"), on_epoch=lambda *_: None)
    assert again.losses == trained.losses
    assert again.weights.read_bytes() == trained.weights.read_bytes()


def test_what_decides_is_the_content_not_the_place(request_for: TrainRequest, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(Path(request_for.start).read_bytes())
    assert replace(request_for, start=str(copy), folder=tmp_path, device="0").identity() == request_for.identity()
    assert replace(request_for, imgsz=128).identity() != request_for.identity()


def test_background_images_are_learnt_from(scenes: list[TrainImage], request_for: TrainRequest, tmp_path: Path) -> None:
    empty = [replace(image, boxes=image.boxes[:0], class_ids=image.class_ids[:0]) for image in scenes[:3]]
    data = write_layout(tmp_path / "data", CLASSES, {"train": empty})
    outcome = train(replace(request_for, data=data, folder=tmp_path / "run"), on_epoch=lambda *_: None)
    assert outcome.losses[0]["box"] == 0


def test_an_image_that_yolo_would_leave_out_stops_the_training(
    scenes: list[TrainImage], request_for: TrainRequest, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(scenes[0].path.read_bytes()[:50])
    data = write_layout(tmp_path / "data", CLASSES, {"train": [*scenes[1:4], replace(scenes[0], path=broken)]})
    with pytest.raises(ModelError, match=r"cannot read 1 of 4 train images: .*broken\.jpg"):
        train(replace(request_for, data=data, folder=tmp_path / "run"), on_epoch=lambda *_: None)


def test_originals_are_never_touched(scenes: list[TrainImage], request_for: TrainRequest, tmp_path: Path) -> None:
    """Ultralytics repairs a JPEG without its end marker by writing it anew; the layout must take that, not the pool."""
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(scenes[0].path.read_bytes() + b"\0\0")
    before = damaged.read_bytes()
    data = write_layout(tmp_path / "data", CLASSES, {"train": [*scenes[1:3], replace(scenes[0], path=damaged)]})
    train(replace(request_for, data=data, folder=tmp_path / "run"), on_epoch=lambda *_: None)
    assert damaged.read_bytes() == before


KILLED = """
import json, sys
from pathlib import Path
from labelloop.adapters.yolo import environment
from labelloop.adapters.yolo.training import TrainRequest, train

request = json.loads(sys.argv[1])
environment.prepare(Path(sys.argv[2]))
train(
    TrainRequest(**request | {"data": Path(request["data"]), "folder": Path(request["folder"])}),
    on_epoch=lambda epoch, total, losses: print("epoch", epoch, flush=True),
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 3])
def test_after_kill_9_the_training_goes_on(epoch: int, request_for: TrainRequest, tmp_path: Path) -> None:
    request = replace(request_for, folder=tmp_path / "run", epochs=5)
    arguments = json.dumps(asdict(request) | {"data": str(request.data), "folder": str(request.folder)})
    command = [sys.executable, "-c", KILLED, arguments, str(tmp_path / "ultralytics")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while f"epoch {epoch}" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    outcome = train(request, on_epoch=lambda *_: None)
    assert outcome.resumed == (epoch > 1)
    assert [record["epoch"] for record in outcome.losses] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_forty_images_are_enough_to_see_something(request_for: TrainRequest, tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=140, seed=51)
    images = load_scenes(tmp_path / "scenes")
    data = write_layout(tmp_path / "data", CLASSES, {"train": images[:40], "val": images[40:]})
    request = replace(request_for, data=data, folder=tmp_path / "run", epochs=20, imgsz=160, batch=8)
    outcome = train(request, on_epoch=lambda *_: None)
    metrics = evaluate(outcome.weights, data, imgsz=160, device="cpu", folder=tmp_path / "val")
    assert metrics.map50 > 0.3
