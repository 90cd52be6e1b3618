import importlib.util
import sys
import textwrap
from importlib import import_module

import numpy as np
import pytest
import torch

from labelloop.adapters.embedding.timm_models import timm_model
from labelloop.core.errors import ConfigError, ModelError
from labelloop_tests.adapters.embedding.networks import Pooled
from labelloop_tests.pictures import picture

# As much of timm as is asked of it: names it does not know raise, num_classes=0 takes the classifier away.
TIMM = """
    from labelloop_tests.adapters.embedding.networks import Pooled

    def create_model(name, pretrained=True, num_classes=1000):
        assert not pretrained and num_classes == 0
        if name != "tiny":
            raise RuntimeError(f"Unknown model ({name})")
        model = Pooled(seed=5)
        model.pretrained_cfg = {"input_size": (3, 48, 48), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
        return model
"""


@pytest.fixture
def timm(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "timm.py").write_text(textwrap.dedent(TIMM))
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    yield
    sys.modules.pop("timm", None)


@pytest.fixture
def weights(tmp_path):
    torch.save(Pooled(seed=1).state_dict() | {"fc.weight": torch.zeros(3)}, tmp_path / "w.pth")
    return tmp_path / "w.pth"


def provider(weights, name="tiny"):
    return timm_model(name, weights, batch_size=2, device="cpu")


def test_an_architecture_sees_what_it_was_trained_on_with_the_weights_of_the_file(timm, weights):
    made, image = provider(weights), picture(1, (48, 48))
    (found,) = made.vectors([made.prepare(image)])
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        expected = Pooled(seed=1)(((pixels - 0.5) / 0.5)[None])[0]
    np.testing.assert_allclose(found, (expected / expected.norm()).numpy(), atol=1e-6)
    assert "tiny side=48" in made.version


def test_other_weights_are_another_version(timm, weights, tmp_path):
    torch.save(Pooled(seed=2).state_dict(), tmp_path / "other.pth")
    assert provider(weights).version != provider(tmp_path / "other.pth").version


def test_a_name_timm_does_not_know_is_named(timm, weights):
    with pytest.raises(ConfigError, match="timm does not know huge"):
        provider(weights, "huge")


def test_weights_of_another_architecture_are_refused(timm, tmp_path):
    for name, state in (("lacks 4 weights", {"x": torch.zeros(1)}), ("does not fit", _widened())):
        torch.save(state, tmp_path / "w.pth")
        with pytest.raises(ModelError, match=name):
            provider(tmp_path / "w.pth").vectors([np.zeros((48, 48, 3), dtype=np.uint8)])


def _widened():
    return {name: torch.zeros(*value.shape, 1) for name, value in Pooled().state_dict().items()}


class Bomb:
    def __reduce__(self):
        return (print, ("opened",))


def test_a_pickle_is_not_run(timm, tmp_path, capfd):
    torch.save({"body.0.weight": Bomb()}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="is no state dict"):
        provider(tmp_path / "w.pth").vectors([np.zeros((48, 48, 3), dtype=np.uint8)])
    assert "opened" not in capfd.readouterr().out


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_without_timm_the_remedy_is_to_install_it(weights):
    with pytest.raises(ConfigError, match=r"timm is not installed\. Install it with `pip install timm`"):
        provider(weights)


@pytest.mark.skipif(importlib.util.find_spec("safetensors") is not None, reason="safetensors is installed")
def test_without_safetensors_the_remedy_is_to_install_it(timm, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="safetensors is not installed"):
        provider(tmp_path / "w.safetensors").vectors([np.zeros((48, 48, 3), dtype=np.uint8)])


@pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="safetensors is not installed")
def test_safetensors_are_read(timm, tmp_path, weights):
    import_module("safetensors.torch").save_file(Pooled(seed=1).state_dict(), tmp_path / "w.safetensors")
    image = np.asarray(picture(1, (48, 48)))
    np.testing.assert_array_equal(
        provider(tmp_path / "w.safetensors").vectors([image]), provider(weights).vectors([image])
    )
