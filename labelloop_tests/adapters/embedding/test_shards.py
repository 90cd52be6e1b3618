"""Shards and patches: the same vectors to the last bit wherever they are computed, and nothing twice after a kill."""

import itertools
import signal

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters import ray_cluster
from labelloop.adapters.embedding import run
from labelloop.adapters.embedding.pictures import Patch, Unreadable, read_ahead
from labelloop.adapters.embedding.provider import HogHsv
from labelloop.adapters.embedding.torch_models import torch_script
from labelloop.adapters.files.embedding_store import EmbeddingStore
from labelloop.core.embedding import hog_hsv
from labelloop.core.engine import Threads
from labelloop.core.errors import LabelloopError, ModelError
from labelloop_tests import elsewhere
from labelloop_tests.adapters.embedding.networks import Pooled, script
from labelloop_tests.pictures import encoded, picture, write

EDGES = [(0, 0, 9, 9), (3, 2, 30, 20), (31, 19, 32, 20)]


@pytest.fixture
def pictures(tmp_path):
    """Images and patches of them, by id; one image is damaged."""
    paths = {f"s{seed}": write(tmp_path / f"{seed}.png", seed) for seed in range(9)}
    paths["s4"].write_bytes(b"damaged")
    parts = {
        f"{name}@{number}": Patch(path, edges) for name, path in paths.items() for number, edges in enumerate(EDGES)
    }
    return paths | parts


def embedded(pictures, provider=None, **settings):
    calls = {"keep": lambda *_: None, "on_progress": lambda *_: None}
    return run.embed(provider or HogHsv(), pictures, {}, **calls | settings)


def same(one, two):
    assert (one.ids, one.computed, one.failed) == (two.ids, two.computed, two.failed)
    np.testing.assert_array_equal(one.vectors, two.vectors)


# -- patches -------------------------------------------------------------------------------------------------------


def test_a_patch_has_the_vector_of_what_its_edges_cut_out(pictures):
    done = embedded(pictures)
    for number, edges in enumerate(EDGES):
        row = done.vectors[done.ids.index(f"s1@{number}")]
        np.testing.assert_array_equal(row, hog_hsv(picture(1).crop(edges)))


def test_edges_count_in_the_upright_image_at_its_full_size(tmp_path):
    image = picture(5, (640, 400))
    (tmp_path / "turned").write_bytes(encoded(image.rotate(90, expand=True), "JPEG", orientation=6))
    whole = embedded({"a": Patch(tmp_path / "turned", (0, 0, 640, 400))}).vectors[0]
    part = embedded({"a": Patch(tmp_path / "turned", (600, 0, 640, 400))}).vectors[0]
    assert whole @ hog_hsv(image) > 0.99
    assert part @ hog_hsv(image.crop((600, 0, 640, 400))) > 0.95


def test_a_file_is_read_once_for_all_patches_of_it(pictures, monkeypatch):
    opened, open_image = [], Image.open
    monkeypatch.setattr(Image, "open", lambda path: opened.append(path) or open_image(path))
    embedded({name: each for name, each in pictures.items() if "@" in name})
    assert len(opened) == 9


def test_a_damaged_image_sets_all_its_patches_aside(pictures):
    done = embedded(pictures)
    assert sorted(done.failed) == ["s4", "s4@0", "s4@1", "s4@2"]
    assert all("no longer is" in reason for reason in done.failed.values())


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_batches_hold_what_was_asked_for_in_order(pictures, size):
    provider = HogHsv()
    provider.batch_size = size
    items = sorted(pictures.items())
    found = list(read_ahead(provider, items))
    assert [name for names, _ in found for name in names] == [name for name, _ in items]
    made = [each for _, rows in found for each in rows]
    assert [isinstance(each, Unreadable) for each in made] == [name.startswith("s4") for name, _ in items]


# -- shards --------------------------------------------------------------------------------------------------------


def last_first(work, shards):
    """Somebody who works on the last shard first."""
    yield from map(work, reversed(shards))


@pytest.mark.parametrize("spread", [map, last_first, Threads(2).over])
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_vectors_are_the_same_for_any_shards_and_whoever_works_on_them(pictures, monkeypatch, tmp_path, spread, size):
    whole_shards = run.shards
    monkeypatch.setattr(run, "shards", lambda items: whole_shards(items, size))
    network = script(tmp_path / "net.pt", Pooled())
    for provider in (HogHsv(), torch_script(network, side=32, normalize="none", batch_size=3, device="cpu")):
        same(embedded(pictures, provider, spread=spread), embedded(pictures, provider))


def test_shards_are_ranges_of_the_sorted_ids(pictures):
    items = sorted(pictures.items())
    found = run.shards(items, 10)
    assert [len(shard) for shard in found] == [10, 10, 10, 6]
    assert list(itertools.chain(*found)) == items
    assert run.shards([], 10) == []


def test_progress_and_blocks_come_shard_by_shard(pictures, monkeypatch):
    whole_shards = run.shards
    monkeypatch.setattr(run, "shards", lambda items: whole_shards(items, 10))
    monkeypatch.setattr(run, "KEEP_EVERY", 10)
    told, kept = [], []
    embedded(
        pictures, spread=map, on_progress=lambda done, total: told.append((done, total)),
        keep=lambda ids, _: kept.append(len(ids)),
    )  # fmt: skip
    assert told == [(done, 36) for done in (10, 20, 30, 36)]
    assert kept == [10, 16]  # four of the second ten could not be read


def test_a_machine_with_another_version_is_refused(pictures):
    other = HogHsv()
    other.version = "hog_hsv-0"
    with pytest.raises(ModelError, match=r"embeds as hog_hsv-0, and here it is hog_hsv-1.* same version"):
        run.compute(other, HogHsv.version, ())


@pytest.mark.slow
def test_a_ray_cluster_gives_the_same_vectors_and_says_what_is_wrong(pictures, tmp_path, monkeypatch):
    whole_shards = run.shards
    monkeypatch.setattr(run, "shards", lambda items: whole_shards(items, 5))
    network = script(tmp_path / "net.pt", Pooled())
    with ray_cluster.cluster("") as engine:
        for provider in (HogHsv(), torch_script(network, side=32, normalize="none", batch_size=3, device="cpu")):
            same(embedded(pictures, provider, spread=engine.over), embedded(pictures, provider))
        broken = torch_script(network, side=16, normalize="none", batch_size=3, device="cpu")
        network.write_bytes(b"not a network")
        with pytest.raises(LabelloopError, match="is no TorchScript file"):
            embedded(pictures, broken, spread=engine.over)


# -- a kill --------------------------------------------------------------------------------------------------------

EMBED = """
import sys, time
from pathlib import Path
from labelloop.adapters.embedding import run
from labelloop.adapters.embedding.pictures import Patch
from labelloop.adapters.embedding.provider import HogHsv
from labelloop.adapters.files.embedding_store import EmbeddingStore
folder, store, after = Path(sys.argv[1]), EmbeddingStore(Path(sys.argv[2]), ""), int(sys.argv[3])
run.KEEP_EVERY, HogHsv.batch_size = 4, 2
pictures = {path.stem: path for path in folder.glob("*.png")}
pictures |= {f"{name}@{n}": Patch(path, (n, n, 20, 20)) for name, path in pictures.items() for n in range(3)}
def on_progress(done, total):
    if done >= after:
        print("far enough", flush=True)
        time.sleep(600)
known = store.known("hog_hsv", HogHsv.version)
print(len(known), flush=True)
keep = lambda ids, vectors: store.keep("hog_hsv", HogHsv.version, ids, vectors)
done = run.embed(HogHsv(), pictures, known, keep=keep, on_progress=on_progress)
store.save("hog_hsv", HogHsv.version, done.ids, done.vectors, {})
print(done.computed, flush=True)
"""


@pytest.mark.slow
def test_after_a_kill_only_what_was_not_kept_is_computed_and_the_vectors_are_the_same(tmp_path):
    for seed in range(6):
        write(tmp_path / "images" / f"s{seed}.png", seed)
    for after, known in ((9, 0), (7, 8)):  # of what is new; four in a block, and two of the next one are lost
        with elsewhere.start(EMBED, tmp_path / "images", tmp_path / "broken", after) as process:
            assert elsewhere.line(process) == str(known)
            assert elsewhere.line(process) == "far enough"
            process.send_signal(signal.SIGKILL)
            process.wait(60)
    assert elsewhere.run(EMBED, tmp_path / "images", tmp_path / "broken", 1000).split() == ["16", "8"]
    assert elsewhere.run(EMBED, tmp_path / "images", tmp_path / "whole", 1000).split() == ["0", "24"]
    one, two = (EmbeddingStore(tmp_path / name, "").load("hog_hsv") for name in ("broken", "whole"))
    assert one[0] == two[0]
    np.testing.assert_array_equal(one[1], two[1])
