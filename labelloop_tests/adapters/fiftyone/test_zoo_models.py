"""Real loading code of FiftyOne's zoo; there is no internet, so the weights are made here."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from labelloop.adapters.embedding.provider import filled
from labelloop.adapters.fiftyone.zoo_models import ZooEmbedder, zoo_embedder
from labelloop.core.errors import ConfigError, ModelError
from labelloop_tests.pictures import picture

MOBILENET = "mobilenet-v2-imagenet-torch"


@pytest.fixture
def zoo(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty zoo on a machine that reaches nothing."""
    monkeypatch.setattr(import_module("fiftyone").config, "model_zoo_dir", str(tmp_path / "zoo"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield tmp_path
    torch.hub.set_dir(before)


def place_mobilenet(folder: Path) -> None:
    """Random weights under the names of the real ones, one for FiftyOne and one for torchvision."""
    torch.manual_seed(0)
    state = torchvision.models.mobilenet_v2(weights=None).state_dict()
    for path in (
        folder / "zoo" / "mobilenet_v2-b0353104.pth",
        folder / "hub" / "checkpoints" / "mobilenet_v2-7ebf99e0.pth",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path)


@pytest.mark.parametrize("name", [MOBILENET, "dinov2-vits14-torch"])
def test_without_internet_the_error_says_where_the_files_belong(zoo: Path, name: str) -> None:
    with pytest.raises(ModelError, match=f"{name} of FiftyOne's zoo cannot be") as caught:
        zoo_embedder(name, batch_size=2, device="cpu")
    assert str(zoo / "zoo") in caught.value.remedy
    assert str(zoo / "hub") in caught.value.remedy
    assert "hog_hsv" in caught.value.remedy


def test_a_name_the_zoo_does_not_know_is_answered_with_the_nearest(zoo: Path) -> None:
    with pytest.raises(ConfigError, match=f"no model moblenet-v2-torch. The nearest: .*{MOBILENET}"):
        zoo_embedder("moblenet-v2-torch", batch_size=2, device="cpu")


@pytest.mark.slow
def test_a_model_of_the_zoo_embeds_and_is_named_by_its_weights(zoo: Path) -> None:
    place_mobilenet(zoo)
    made = zoo_embedder(MOBILENET, batch_size=2, device="cpu")
    images = [made.prepare(picture(seed, (60 + 20 * seed, 50))) for seed in range(3)]
    vectors = made.vectors(images)
    assert vectors.shape == (3, 1280)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(vectors[::-1], made.vectors(images[::-1]))
    assert made.version.startswith(f"fiftyone_zoo-1 {MOBILENET} weights=")
    before = made.version
    made.model._model.classifier[1].bias.data += 1
    assert zoo_embedder(MOBILENET, batch_size=2, device="cpu").version != before  # FiftyOne keeps the loaded model


def test_a_detector_gives_no_embeddings(zoo: Path) -> None:
    class Detector:
        has_embeddings = False

    place_mobilenet(zoo)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fiftyone.zoo.load_zoo_model", lambda name, **_: Detector())
        with pytest.raises(ConfigError, match=f"{MOBILENET} gives no embeddings"):
            zoo_embedder(MOBILENET, batch_size=2, device="cpu")


class Squeezing:
    """A model that brings all images into one shape, and takes only full passes."""

    ragged_batches = False

    def embed_all(self, images: list) -> np.ndarray:
        assert len(images) == 4
        return np.stack([np.asarray(image.resize((2, 2))).mean(axis=(0, 1)) for image in images])


def test_a_model_of_one_shape_gets_full_passes() -> None:
    made = ZooEmbedder(Squeezing(), "squeezing-1", batch_size=4)
    images = [made.prepare(picture(seed, (30 + seed, 20))) for seed in range(3)]
    np.testing.assert_array_equal(made.vectors(images), made.vectors(filled(images, 4))[:3])
