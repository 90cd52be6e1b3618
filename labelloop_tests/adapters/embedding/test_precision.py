import copy

import numpy as np
import pytest
import torch

from labelloop.adapters.embedding import precision, torch_models
from labelloop.adapters.embedding.precision import half_on, mark, passing
from labelloop.adapters.embedding.torch_models import TorchModel, torch_script
from labelloop.adapters.yolo import embedding as yolo_embedding
from labelloop.adapters.yolo.embedding import YoloEmbedder
from labelloop.core.errors import ModelError
from labelloop_tests.adapters.embedding.networks import Pooled, script
from labelloop_tests.pictures import picture


@pytest.mark.parametrize(
    ("device", "half"),
    [("cpu", False), ("mps", False), ("cuda", True), ("cuda:0", True), ("cuda:3", True), ("0", True), ("0,1", True)],
)
def test_only_a_gpu_of_nvidia_computes_in_half_precision_and_only_where_it_may(device: str, half: bool) -> None:
    assert half_on(device, "auto") == half
    assert not half_on(device, "full")


def test_a_version_says_half_and_is_as_before_in_full() -> None:
    assert mark("torch-1 side=32", half=False) == "torch-1 side=32"
    assert mark("torch-1 side=32", half=True) != mark("torch-1 side=32", half=False)


@pytest.mark.parametrize(("half", "dtype"), [(True, torch.float16), (False, torch.float32)])
def test_a_pass_computes_in_what_was_decided(half: bool, dtype: torch.dtype) -> None:
    """The mechanism of autocast is the same on a CPU; only nobody asks for it there."""
    with torch.inference_mode(), passing("cpu", half=half):
        assert Pooled()(torch.ones(2, 3, 32, 32)).dtype == dtype


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this machine had a GPU of NVIDIA; whatever is computed there is computed on the CPU."""
    passed = precision.passing
    for module in (torch_models, yolo_embedding):
        monkeypatch.setattr(module, "half_on", lambda _, wanted: wanted == "auto")
        monkeypatch.setattr(module, "passing", lambda _, *, half: passed("cpu", half=half))
        monkeypatch.setattr(module, "pick_device", lambda _: "cpu")


def made(path, precision: str = "auto", device: str = "auto") -> TorchModel:
    return torch_script(path, side=32, normalize="none", batch_size=2, device=device, precision=precision)


def vectors(provider: TorchModel) -> np.ndarray:
    return provider.vectors([provider.prepare(picture(seed)) for seed in range(2)])


@pytest.mark.usefixtures("on_gpu")
def test_on_a_gpu_vectors_are_computed_in_half_stored_in_full_and_told_apart(tmp_path) -> None:
    path = script(tmp_path / "net.pt", Pooled())
    half, full = made(path), made(path, "full")
    assert half.version != full.version
    found, expected = vectors(half), vectors(full)
    assert found.dtype == expected.dtype == np.float32
    assert (found != expected).any()
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.usefixtures("on_gpu")
def test_the_vectors_of_yolo_tell_their_precision_too() -> None:
    checkpoint = yolo_embedding.load.__globals__["PACKAGED"]["labelloop:digits"]
    half, full = (YoloEmbedder(checkpoint, 64, 2, "auto", wanted) for wanted in ("auto", "full"))
    assert half.version == mark(full.version, half=True)
    images = [picture(seed, (64, 64)) for seed in range(2)]
    found, expected = half.vectors(images), full.vectors(images)
    assert found.dtype == np.float32
    assert (found != expected).any()
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_on_a_cpu_nothing_changes(tmp_path) -> None:
    path = script(tmp_path / "net.pt", Pooled())
    assert made(path, device="cpu").version == made(path, "full", device="cpu").version
    np.testing.assert_array_equal(vectors(made(path, device="cpu")), vectors(made(path, "full", device="cpu")))


def test_whoever_computes_elsewhere_keeps_to_the_precision_of_here(tmp_path, monkeypatch) -> None:
    path = script(tmp_path / "net.pt", Pooled())
    here = made(path, device="cpu")
    vectors(here)  # its network is read, and need not travel
    there = copy.deepcopy(here)  # as pickle does it
    assert "_network" not in vars(there)
    np.testing.assert_array_equal(vectors(there), vectors(here))
    monkeypatch.setattr(torch_models, "half_on", lambda device, _: device != "cpu")
    monkeypatch.setattr(torch_models, "pick_device", lambda _: "cuda:0")
    sent = copy.deepcopy(made(path))
    monkeypatch.setattr(torch_models, "pick_device", lambda _: "cpu")
    with pytest.raises(ModelError, match=r"wants half precision, and cpu computes in full.* embeddings\.precision"):
        vectors(sent)
