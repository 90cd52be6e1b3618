import signal

import numpy as np
import pytest

from labelloop.adapters.files import embedding_store
from labelloop.adapters.files.embedding_store import EmbeddingStore
from labelloop.core.errors import LabelloopError, MissingStateError
from labelloop_tests import elsewhere
from labelloop_tests.core.builders import unit_rows


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "embeddings", "Run this first.")


def save(store, ids, vectors, provider="hog_hsv", version="1", **about):
    store.save(provider, version, list(ids), vectors, about)


def test_vectors_come_back_mapped_with_their_ids_and_what_was_said_about_them(store):
    vectors = unit_rows(3, 5)
    save(store, "abc", vectors, failed={"d": "too dark"})
    ids, again = store.load("hog_hsv")
    assert ids == ["a", "b", "c"]
    np.testing.assert_array_equal(again, vectors)
    assert isinstance(again, np.memmap)
    assert store.record("hog_hsv")["version"] == "1"
    assert store.record("hog_hsv")["failed"] == {"d": "too dark"}


def test_what_was_never_saved_says_what_to_run(store):
    assert store.record_or_none("hog_hsv") is None
    assert store.key("hog_hsv") is None
    assert store.known("hog_hsv", "1") == {}
    for read in (store.load, store.record):
        with pytest.raises(MissingStateError, match="Run this first"):
            read("hog_hsv")


def test_the_key_tells_version_and_images_apart(store):
    keys = []
    for version, ids in (("1", "ab"), ("2", "ab"), ("1", "ac"), ("1", "ab")):
        save(store, ids, unit_rows(2, 5), version=version)
        keys.append(store.key("hog_hsv"))
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


def test_vectors_being_read_stay_readable_when_new_ones_replace_them(store):
    save(store, "a", unit_rows(1, 5))
    _, old = store.load("hog_hsv")
    save(store, "ab", unit_rows(2, 5, seed=1))
    np.testing.assert_array_equal(old, unit_rows(1, 5))
    ids, new = store.load("hog_hsv")
    assert (ids, new.shape) == (["a", "b"], (2, 5))
    assert len(list(store.folder.glob("*.npy"))) == 1


def test_vectors_of_another_provider_are_left_alone(store):
    save(store, "a", unit_rows(1, 5), provider="one")
    store.keep("one", "2", ["b"], unit_rows(1, 5))
    save(store, "b", unit_rows(1, 3), provider="two")
    assert store.load("one")[1].shape == (1, 5)
    assert list(store.known("one", "2")) == ["b"]


def test_blocks_are_known_together_with_what_was_saved_until_all_is_saved(store):
    save(store, "ab", unit_rows(2, 5))
    store.keep("hog_hsv", "1", ["d", "c"], unit_rows(2, 5, seed=1))
    store.keep("hog_hsv", "1", ["e"], unit_rows(1, 5, seed=2))
    known = store.known("hog_hsv", "1")
    assert sorted(known) == list("abcde")
    np.testing.assert_array_equal(known["d"], unit_rows(2, 5, seed=1)[0])
    np.testing.assert_array_equal(known["b"], unit_rows(2, 5)[1])
    save(store, sorted(known), np.stack([known[name] for name in sorted(known)]))
    assert [path.name for path in store.folder.iterdir() if path.is_dir()] == []
    assert sorted(store.known("hog_hsv", "1")) == list("abcde")


def test_vectors_of_another_version_are_not_known(store):
    save(store, "ab", unit_rows(2, 5))
    store.keep("hog_hsv", "1", ["c"], unit_rows(1, 5))
    assert store.known("hog_hsv", "2") == {}


def test_vectors_that_went_and_came_back_under_the_same_name_are_read_again(store, monkeypatch):
    save(store, "ab", unit_rows(2, 5))
    read, missed = embedding_store.read_array, []

    def comes_too_late(path, missing):
        if not missed:
            missed.append(path)
            save(store, "c", unit_rows(1, 5))
            with pytest.raises(LabelloopError):
                read(path, missing)
            save(store, "ab", unit_rows(2, 5))
            raise LabelloopError("gone")
        return read(path, missing)

    monkeypatch.setattr(embedding_store, "read_array", comes_too_late)
    ids, vectors = store.load("hog_hsv")
    np.testing.assert_array_equal(vectors, unit_rows(2, 5))
    assert (ids, len(missed)) == (["a", "b"], 1)


SWAP = """
import sys
from pathlib import Path
import numpy as np
from labelloop.adapters.files import embedding_store
from labelloop.adapters.files.embedding_store import EmbeddingStore
store = EmbeddingStore(Path(sys.argv[1]), "")
print("ready", flush=True)
for number in range(10_000):
    ids = [f"s{n:03d}" for n in range(1 + number % 7)]
    store.save("hog_hsv", "1", ids, np.full((len(ids), 4), len(ids), dtype=np.float32), {})
"""


def test_a_reader_never_meets_ids_without_their_vectors_and_a_kill_leaves_both(store):
    save(store, ["s000"], np.ones((1, 4), dtype=np.float32))
    sizes = set()
    with elsewhere.start(SWAP, store.folder) as writer:
        assert elsewhere.line(writer) == "ready"
        for _ in range(600):
            ids, vectors = store.load("hog_hsv")
            assert vectors.shape == (len(ids), 4)
            assert (vectors == len(ids)).all()
            sizes.add(len(ids))
        writer.send_signal(signal.SIGKILL)
    assert len(sizes) > 2
    ids, vectors = store.load("hog_hsv")
    assert (vectors == len(ids)).all()
