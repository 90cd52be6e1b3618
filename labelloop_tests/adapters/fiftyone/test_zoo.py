import json

import pytest

from labelloop.adapters.fiftyone import zoo
from labelloop.core.errors import ConfigError
from labelloop_tests.adapters.sources.builders import read
from labelloop_tests.fiftyone_world import database
from labelloop_tests.pictures import write

INFO = {
    "name": "quickstart", "zoo_dataset": "fiftyone.zoo.datasets.base.QuickstartDataset", "num_samples": 2,
    "dataset_type": "fiftyone.types.dataset_types.FiftyOneDataset", "downloaded_splits": {}, "parameters": {},
}  # fmt: skip


@pytest.fixture
def home(loop):
    return database()[0]


@pytest.fixture
def fo(loop):
    """FiftyOne, which must not be imported before it is pointed at the tests' database."""
    return pytest.importorskip("fiftyone")


@pytest.fixture
def downloaded(home, fo, loop, tmp_path):
    """What FiftyOne leaves behind once it has downloaded `quickstart`."""
    box = fo.Detection(label="cat", bounding_box=[0.1, 0.2, 0.3, 0.4])
    fields = [{"ground_truth": fo.Detections(detections=[box])}, {}]
    dataset = fo.Dataset()
    paths = [write(tmp_path / f"{number}.png", seed=number) for number in range(2)]
    dataset.add_samples(
        [fo.Sample(str(path), tags=["validation"], **field) for path, field in zip(paths, fields, strict=True)],
        progress=False,
    )
    folder = home.root / "media" / "zoo" / "downloads" / "quickstart"
    dataset.export(export_dir=str(folder), dataset_type=fo.types.FiftyOneDataset, progress=False)
    dataset.delete()
    (folder / "info.json").write_text(json.dumps(INFO))


def test_a_data_set_of_the_zoo_is_downloaded_once_and_read_like_any_other(home, fo, downloaded):
    folder = zoo.fetch(home, database()[1], "quickstart")
    source = read(folder, "fiftyone_zoo")
    assert (len(source.images), len(source.labelled), len(source.boxes)) == (2, 1, 1)
    assert set(source.splits.values()) == {"validation"}
    assert not (home.root / "media" / "zoo" / "downloads").exists()
    before = (folder / "samples.json").stat().st_mtime_ns
    assert zoo.fetch(home, database()[1], "quickstart") == folder
    assert (folder / "samples.json").stat().st_mtime_ns == before
    assert not [name for name in fo.list_datasets() if name.startswith("labelloop-zoo")]


@pytest.mark.parametrize("name", ["quikstart", "../quickstart", "Quick Start", ""])
def test_a_name_that_the_zoo_does_not_have_is_an_error_that_says_what_else_to_do(home, name):
    with pytest.raises(ConfigError, match=r"could not be loaded: .*Check the name and the connection|is no name of"):
        zoo.fetch(home, database()[1], name)
