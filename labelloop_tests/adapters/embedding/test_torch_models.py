import numpy as np
import pytest
import torch
from PIL import Image

from labelloop.adapters.embedding import torch_models
from labelloop.adapters.embedding.run import embed
from labelloop.adapters.embedding.torch_models import pick_device, torch_script
from labelloop.core.errors import ConfigError, ModelError
from labelloop_tests.adapters.embedding.networks import Pooled, Tokens, Twofold, network, script
from labelloop_tests.pictures import picture, write


def provider(path, *, side=32, normalize="imagenet", batch_size=4):
    return torch_script(path, side=side, normalize=normalize, batch_size=batch_size, device="cpu")


def vectors(made, *images):
    return made.vectors([made.prepare(image) for image in images])


def test_a_vector_is_what_the_network_gives_for_the_pixels_normalised_and_of_unit_length(tmp_path):
    module, image = Pooled(), picture(1, (32, 32))
    (found,) = vectors(provider(script(tmp_path / "n.pt", module)), image)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    mean, std = torch.tensor(torch_models.IMAGENET).view(2, 3, 1, 1)
    with torch.inference_mode():
        expected = module(((pixels - mean) / std)[None])[0]
    np.testing.assert_allclose(found, (expected / expected.norm()).numpy(), atol=1e-6)
    assert found.dtype == np.float32


def test_maps_are_averaged_over_the_image(tmp_path):
    images = [picture(seed, (50, 40)) for seed in range(3)]
    pooled, maps = (vectors(provider(script(tmp_path / "n.pt", module)), *images) for module in (Pooled(), network()))
    np.testing.assert_allclose(pooled, maps, atol=1e-6)


def test_images_of_any_mode_and_size_are_embedded(tmp_path):
    made = provider(script(tmp_path / "n.pt", Pooled()))
    images = [Image.new(mode, size) for mode in ("1", "L", "P", "RGBA", "CMYK", "I;16") for size in ((1, 1), (300, 7))]
    for image in images:
        assert vectors(made, image).shape == (1, 5)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_vector_does_not_depend_on_the_other_images_in_the_pass(tmp_path, size):
    made = provider(script(tmp_path / "n.pt", Pooled()))
    images = [picture(seed, (40, 30)) for seed in range(12)]
    passes = [vectors(made, *images[start : start + size]) for start in range(0, 12, size)]
    np.testing.assert_array_equal(np.concatenate(passes), np.concatenate([vectors(made, image) for image in images]))


def test_the_version_tells_apart_what_gives_other_vectors_and_nothing_else(tmp_path):
    one, two = script(tmp_path / "one.pt", Pooled()), script(tmp_path / "two.pt", Pooled(seed=1))
    made = [
        provider(one), provider(two), provider(one, side=64), provider(one, normalize="none"),
    ]  # fmt: skip
    assert len({each.version for each in made}) == 4
    assert provider(one, batch_size=9).version == provider(one).version
    copy = tmp_path / "elsewhere.pt"
    copy.write_bytes(one.read_bytes())
    assert provider(copy).version == provider(one).version


def test_the_network_is_not_read_before_there_is_something_to_embed(tmp_path):
    (tmp_path / "n.pt").write_bytes(b"whatever")
    assert provider(tmp_path / "n.pt").version.startswith("torch-1")


class Bomb:
    def __reduce__(self):
        return (print, ("opened",))


@pytest.mark.parametrize("kind", ["text", "pickled module", "state dict", "bomb"])
def test_what_is_no_torchscript_is_not_opened_and_named_with_the_remedy(tmp_path, capfd, kind):
    path = tmp_path / "n.pt"
    if kind == "text":
        path.write_bytes(b"not a network")
    else:
        torch.save({"pickled module": Pooled(), "state dict": Pooled().state_dict(), "bomb": Bomb()}[kind], path)
    with pytest.raises(ModelError, match=r"n\.pt is no TorchScript file.* torch\.jit\.trace"):
        vectors(provider(path), picture())
    assert "opened" not in capfd.readouterr().out


@pytest.mark.parametrize(("module", "said"), [(Twofold(), "tuple"), (Tokens(), r"shape \(2, 225, 5\)")])
def test_an_output_that_is_not_one_vector_for_each_image_is_refused_as_a_whole(tmp_path, module, said):
    made = provider(script(tmp_path / "n.pt", module))
    paths = {"a": write(tmp_path / "a.png", 1), "b": write(tmp_path / "b.png", 2)}
    with pytest.raises(ModelError, match=said):
        embed(made, paths, {}, keep=lambda *_: None, on_progress=lambda *_: None)


def test_a_network_for_another_size_is_told_with_what_to_change(tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4))
    made = provider(script(tmp_path / "n.pt", module), side=64)
    with pytest.raises(ModelError, match=r"None of 1 images .* a: .* shapes cannot be multiplied.* imgsz"):
        embed(made, {"a": write(tmp_path / "a.png")}, {}, keep=lambda *_: None, on_progress=lambda *_: None)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"embeddings: .*gone\.pt does not exist"):
        provider(tmp_path / "gone.pt")


@pytest.mark.parametrize(("wanted", "device"), [("0", "cuda:0"), ("cpu", "cpu"), ("mps", "mps"), ("cuda:1", "cuda:1")])
def test_a_device_is_what_was_asked_for(wanted, device):
    assert pick_device(wanted) == device
