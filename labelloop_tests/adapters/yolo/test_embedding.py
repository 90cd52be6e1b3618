from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.embedding.run import embed
from labelloop.adapters.yolo.embedding import yolo_embedder
from labelloop.adapters.yolo.layout import TrainImage
from labelloop.adapters.yolo.weights import PACKAGED, load
from labelloop.core.errors import ConfigError, ModelError
from labelloop_tests.pictures import picture

BASE = PACKAGED["labelloop:digits"]


def provider(weights: Path = BASE, imgsz: int = 96, batch_size: int = 4):
    return yolo_embedder(weights, imgsz=imgsz, batch_size=batch_size, device="cpu")


def test_a_scene_has_a_unit_vector_as_yolo_embed_gives_it(scenes: list[TrainImage], ultralytics_home: Path) -> None:
    paths = {image.sample_id: image.path for image in scenes[:6]}
    done = embed(provider(), paths, {}, keep=lambda *_: None, on_progress=lambda *_: None)
    assert done.vectors.shape == (6, 128)
    np.testing.assert_allclose(np.linalg.norm(done.vectors, axis=1), 1.0, atol=1e-5)
    (plain,) = load(BASE).embed(str(paths[done.ids[0]]), imgsz=96, device="cpu", verbose=False)
    np.testing.assert_allclose(done.vectors[0], (plain / plain.norm()).numpy(), atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_vector_does_not_depend_on_the_other_images_in_the_pass(ultralytics_home: Path, size: int) -> None:
    """Ultralytics pads a batch of one shape otherwise than a mixed one, and a batch of one rounds otherwise."""
    made = provider()
    images = [made.prepare(picture(seed, (90 + 10 * (seed % 3), 70))) for seed in range(12)]
    passes = [made.vectors(images[start : start + size]) for start in range(0, 12, size)]
    np.testing.assert_array_equal(np.concatenate(passes), np.concatenate([made.vectors([image]) for image in images]))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16"])
def test_images_of_any_mode_and_shape_are_embedded(ultralytics_home: Path, mode: str) -> None:
    made = provider()
    assert made.vectors([made.prepare(Image.new(mode, size)) for size in ((1, 1), (500, 3))]).shape == (2, 128)


def test_the_version_follows_content_and_size_not_the_place(tmp_path: Path) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(BASE.read_bytes())
    other = tmp_path / "other.pt"
    other.write_bytes(BASE.read_bytes() + b"x")
    assert provider(copy).version == provider(batch_size=9).version == provider().version
    assert len({provider().version, provider(other).version, provider(imgsz=64).version}) == 3


def test_an_architecture_without_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"yolov8n\.yaml is an architecture.* Name a checkpoint"):
        yolo_embedder("yolov8n.yaml", imgsz=96, batch_size=4, device="cpu")


def test_a_damaged_checkpoint_is_an_error_of_the_whole(tmp_path: Path, ultralytics_home: Path) -> None:
    (tmp_path / "broken.pt").write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"broken\.pt cannot be loaded"):
        provider(tmp_path / "broken.pt").vectors([picture()])
