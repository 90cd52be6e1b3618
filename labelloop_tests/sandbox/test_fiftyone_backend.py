"""An independent client agrees: FiftyOne's own CVAT backend works against the sandbox as it does against CVAT."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.world import Api, encoded

pytestmark = pytest.mark.slow

SIZE = (200, 100)
CLASSES = ["cell", "dust"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path_factory.mktemp("fiftyone") / "state", anonymous_limit=0) as running:
        yield running


@pytest.fixture
def fo(database: str) -> Any:
    """FiftyOne, which may be imported only when it has its database."""
    return importlib.import_module("fiftyone")


@pytest.fixture
def samples(fo: Any, tmp_path: Path) -> Iterator[Any]:
    """Five pictures, two of which have one base name."""
    dataset = fo.Dataset()
    for number, name in enumerate(["a/x.jpg", "b/x.jpg", "c.jpg", "d.jpg", "e.jpg"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(size=SIZE, red=number * 40))
        dataset.add_sample(fo.Sample(str(path)))
    yield dataset
    dataset.delete()


def _round(
    dataset: Any, sandbox: SandboxServer, edit: Callable[[Api, str, dict[str, Any]], None], *, cleanup: bool = False
) -> None:
    """Annotate a field `found` as FiftyOne does it, let somebody edit on the server, and load it back."""
    own = sandbox.credentials
    access = {"url": own.url, "username": own.username, "password": own.password}
    kind = {"Detections": "detections", "Polylines": "polygons", "Keypoints": "keypoints", "Classification":
            "classification"}[type(dataset.first()["found"]).__name__]  # fmt: skip
    dataset.annotate(
        "round", backend="cvat", label_field="found", label_type=kind, classes=CLASSES, segment_size=2,
        attributes=False, **access,
    )  # fmt: skip
    api = Api(own.url, own.token)
    task = api.get("/api/tasks").json()["results"][0]
    assert (task["size"], task["jobs"]["count"]) == (5, 3)
    path = f"/api/tasks/{task['id']}/annotations"
    edit(api, path, api.get(path).json())
    dataset.load_annotations("round", cleanup=cleanup, **access)
    assert (api.get(path).status_code == 404) == cleanup


def _box(fo: Any, x: float, y: float) -> Any:
    return fo.Detection(label="cell", bounding_box=[x, y, 0.2, 0.4])


@pytest.mark.parametrize("cleanup", [False, True])
def test_boxes_come_back_edited_added_and_deleted(
    fo: Any, samples: Any, sandbox: SandboxServer, *, cleanup: bool
) -> None:
    for sample in samples:
        sample["found"] = fo.Detections(detections=[_box(fo, 0.1, 0.2), _box(fo, 0.5, 0.5)])
        sample.save()
    before = {sample.filepath: [box.id for box in sample["found"].detections] for sample in samples}

    def edit(api: Api, path: str, content: dict[str, Any]) -> None:
        moved, gone = content["shapes"][0], content["shapes"][2]
        assert len(content["shapes"]) == 10
        api.call("PATCH", f"{path}?action=update", json={"shapes": [{**moved, "points": [20, 10, 40, 60]}]})
        api.call("PATCH", f"{path}?action=delete", json={"shapes": [gone]})
        new = {"type": "rectangle", "frame": 4, "label_id": moved["label_id"], "points": [0, 0, 100, 50]}
        api.call("PATCH", f"{path}?action=create", json={"shapes": [{**new, "attributes": []}]})

    _round(samples, sandbox, edit, cleanup=cleanup)
    after = {sample.filepath: sample["found"].detections for sample in samples}
    first, second, *_, last = list(before)
    assert [box.id for box in after[first]] == before[first]
    assert after[first][0].bounding_box == pytest.approx([0.1, 0.1, 0.1, 0.5])
    assert [box.id for box in after[second]] == before[second][1:]
    assert [box.id for box in after[last]][:2] == before[last]
    assert after[last][2].bounding_box == pytest.approx([0, 0, 0.5, 0.5])


def test_polygons_come_back(fo: Any, samples: Any, sandbox: SandboxServer) -> None:
    corners = [[(0.1, 0.1), (0.5, 0.1), (0.5, 0.6)]]
    for sample in samples:
        line = fo.Polyline(label="cell", points=corners, closed=True, filled=True)
        sample["found"] = fo.Polylines(polylines=[line])
        sample.save()

    def edit(api: Api, path: str, content: dict[str, Any]) -> None:
        (shape, *_) = content["shapes"]
        assert (shape["type"], shape["points"]) == ("polygon", pytest.approx([20, 10, 100, 10, 100, 60]))
        api.call("PATCH", f"{path}?action=update", json={"shapes": [{**shape, "points": [0, 0, 200, 0, 200, 100]}]})

    _round(samples, sandbox, edit)
    found = [sample["found"].polylines[0] for sample in samples]
    assert np.array(found[0].points[0]) == pytest.approx(np.array([(0, 0), (1, 0), (1, 1)]))
    assert np.array(found[1].points[0]) == pytest.approx(np.array(corners[0]))
    assert all(line.closed for line in found)


def test_keypoints_come_back(fo: Any, samples: Any, sandbox: SandboxServer) -> None:
    for sample in samples:
        sample["found"] = fo.Keypoints(keypoints=[fo.Keypoint(label="dust", points=[(0.25, 0.5), (0.5, 0.25)])])
        sample.save()

    def edit(api: Api, path: str, content: dict[str, Any]) -> None:
        shape = content["shapes"][3]
        assert (shape["type"], shape["frame"], len(shape["points"])) == ("points", 3, 4)
        api.call("PATCH", f"{path}?action=update", json={"shapes": [{**shape, "points": [10, 10, 20, 20]}]})

    _round(samples, sandbox, edit)
    found = [np.array(sample["found"].keypoints[0].points) for sample in samples]
    assert found[3] == pytest.approx(np.array([(0.05, 0.1), (0.1, 0.2)]))
    assert found[4] == pytest.approx(np.array([(0.25, 0.5), (0.5, 0.25)]))


def test_classifications_come_back(fo: Any, samples: Any, sandbox: SandboxServer) -> None:
    for sample in samples:
        sample["found"] = fo.Classification(label="cell")
        sample.save()

    def edit(api: Api, path: str, content: dict[str, Any]) -> None:
        task = path.split("/")[3]
        labels = {row["name"]: row["id"] for row in api.get(f"/api/labels?task_id={task}").json()["results"]}
        tags = content["tags"]
        assert [tag["label_id"] for tag in tags] == [labels["cell"]] * 5
        api.call(
            "PATCH", f"{path}?action=update", json={"tags": [{**tags[1], "label_id": labels["dust"], "attributes": []}]}
        )

    _round(samples, sandbox, edit)
    assert [sample["found"].label for sample in samples] == ["cell", "dust", "cell", "cell", "cell"]
