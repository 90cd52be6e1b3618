from pathlib import Path

import pandas as pd
import pytest

from labelloop.adapters.files import atomic
from labelloop.adapters.yolo.weights import PACKAGED
from labelloop.core.schema import Schema
from labelloop.resources.detector import DetectorResource
from labelloop.resources.project import Project
from labelloop.sandbox.scenes import write_scenes


@pytest.fixture
def now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with scenes of the digits that the packaged model knows, and that model."""
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    write_scenes(tmp_path / "scenes", count=6, seed=99, digits=(5, 6, 7, 8, 9))
    (tmp_path / "labelloop.yaml").write_text("train: {device: cpu}\n")
    (tmp_path / ".labelloop").mkdir()
    made = Project(tmp_path / "labelloop.yaml")
    paths = sorted((tmp_path / "scenes" / "images").iterdir())
    samples = [{"sample_id": path.stem, "path": str(path.relative_to(tmp_path))} for path in paths]
    made.ledger.save_samples(pd.DataFrame(samples))
    made.ledger.save_schema(Schema.first(["five", "six", "seven", "eight", "nine"]))
    atomic.write_bytes(made.ledger.model_folder("m") / "weights.pt", Path(PACKAGED["labelloop:digits"]).read_bytes())
    atomic.write_json(made.ledger.model_folder("m") / "card.json", {"settings": {"imgsz": 160}})
    return made


@pytest.mark.slow
def test_boxes_for_people_need_another_confidence_than_figures(now: Project) -> None:
    ids = list(now.ledger.samples()["sample_id"])
    scores = {
        confidence: DetectorResource().predict(now, "m", ids, lambda _: None, confidence=confidence)["score"]
        for confidence in (None, 0.25, 0.8)
    }
    assert scores[None].tolist() == scores[0.25].tolist()
    assert 0 < len(scores[0.8]) < len(scores[0.25])
    assert scores[0.8].min() >= 0.8
