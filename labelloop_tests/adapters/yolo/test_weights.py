import http.client
import io
import urllib.error
import zipfile
from pathlib import Path

import pytest

from labelloop.adapters.yolo import weights
from labelloop.adapters.yolo.training import TrainOutcome, TrainRequest
from labelloop.core.errors import ModelError
from labelloop_tests.adapters.yolo.conftest import CLASSES

BASE = weights.PACKAGED["labelloop:digits"]


def test_the_packaged_model_is_there_small_and_knows_other_digits(ultralytics_home: Path, tmp_path: Path) -> None:
    path = weights.resolve_weights("labelloop:digits", tmp_path)
    assert Path(path).stat().st_size <= 3_000_000
    assert list(weights.load(path).names.values()) == ["five", "six", "seven", "eight", "nine"]


@pytest.mark.parametrize("trace", [b"/tmp", b"/home", b"/root", b"/work", b"/opt", b"/Users", b".yaml"])
def test_the_packaged_model_tells_nothing_of_the_machine_it_was_made_on(trace: bytes) -> None:
    with zipfile.ZipFile(BASE) as archive:
        pickled = next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    assert trace not in pickled


def test_a_checkpoint_is_found_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.pt").write_bytes(b"")
    found = weights.resolve_weights("models/mine.pt", tmp_path)
    assert found == (tmp_path / "models" / "mine.pt").resolve()
    assert weights.resolve_weights(str(found), Path("elsewhere")) == found


def test_an_architecture_is_a_name_unless_a_file_has_it(tmp_path: Path) -> None:
    assert weights.resolve_weights("yolov8n.yaml", tmp_path) == "yolov8n.yaml"
    (tmp_path / "yolov8n.yaml").write_text("nc: 1")
    assert weights.resolve_weights("yolov8n.yaml", tmp_path) == (tmp_path / "yolov8n.yaml").resolve()


def test_only_an_official_model_that_is_not_here_is_to_be_fetched(tmp_path: Path) -> None:
    wanted = ("yolo11n.pt", "mine.pt", "yolov8n.yaml", "labelloop:digits")
    assert [weights.is_to_be_fetched(name, tmp_path) for name in wanted] == [True, False, False, False]
    (tmp_path / "yolo11n.pt").write_bytes(b"")
    assert not weights.is_to_be_fetched("yolo11n.pt", tmp_path)


@pytest.mark.parametrize("wanted", ["models/yolo11n.pt", "mine.pt", "my/own.yaml", "labelloop:faces"])
def test_what_is_missing_is_named_with_a_remedy(wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked the network"))
    with pytest.raises(ModelError, match=r"does not exist\. Name a checkpoint") as caught:
        weights.resolve_weights(wanted, tmp_path)
    assert str(tmp_path / wanted) in str(caught.value)


def test_an_official_model_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(b"weights")

    monkeypatch.setattr(weights.urllib.request, "urlopen", answer)
    for _ in range(2):
        path = weights.resolve_weights("yolo11n.pt", tmp_path)
        assert Path(path).read_bytes() == b"weights"
    assert asked == ["https://github.com/ultralytics/assets/releases/download/v8.4.0/yolo11n.pt"]


@pytest.mark.parametrize(
    "problem", [urllib.error.URLError("no route"), TimeoutError("slow"), http.client.IncompleteRead(b"half")]
)
def test_without_network_an_official_model_is_an_error_and_leaves_nothing(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> io.BytesIO:
        raise problem

    monkeypatch.setattr(weights.urllib.request, "urlopen", fail)
    with pytest.raises(ModelError, match=r"yolo11n\.pt is not in .* cannot be fetched"):
        weights.resolve_weights("yolo11n.pt", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["empty", "text", "cut off"])
def test_a_damaged_checkpoint_is_named(damage: str, tmp_path: Path, ultralytics_home: Path) -> None:
    content = {"empty": b"", "text": b"not weights", "cut off": BASE.read_bytes()[:100_000]}[damage]
    (tmp_path / "broken.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.pt cannot be loaded"):
        weights.load(tmp_path / "broken.pt")


def test_a_checkpoint_that_vanished_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        weights.load(tmp_path / "yolo11n.pt")


def test_a_model_for_something_else_than_boxes_is_refused(ultralytics_home: Path) -> None:
    with pytest.raises(ModelError, match="not for boxes"):
        weights.load("yolov8n-cls.yaml")


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    for name, content in (("a.pt", b"1"), ("b.pt", b"1"), ("c.pt", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (weights.fingerprint(tmp_path / name) for name in ("a.pt", "b.pt", "c.pt"))
    assert a == b != c
    assert weights.fingerprint("yolov8n.yaml") == "yolov8n.yaml"


def test_a_published_model_is_the_same_file_again_without_paths(
    trained: TrainOutcome, request_for: TrainRequest, tmp_path: Path
) -> None:
    last = request_for.folder / "weights" / "last.pt"
    for name in ("a.pt", "b.pt"):
        weights.publish(last, tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes() == trained.weights.read_bytes()
    with zipfile.ZipFile(trained.weights) as archive:
        pickled = next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    assert not [path for path in (request_for.folder, Path(request_for.start).parent) if str(path).encode() in pickled]


def test_classes_must_be_how_the_schema_begins(trained: TrainOutcome) -> None:
    model = weights.load(trained.weights)
    assert weights.class_names(model, [*CLASSES, "five"], trained.weights) == list(CLASSES)
    renamed = weights.class_names(model, ["nil", *CLASSES[1:]], trained.weights, {"zero": "nil"})
    assert renamed == ["nil", *CLASSES[1:]]
    for schema in (CLASSES[:4], CLASSES[::-1]):
        with pytest.raises(ModelError, match="knows the classes zero, one, two, three, four, the schema has"):
            weights.class_names(model, schema, trained.weights)
