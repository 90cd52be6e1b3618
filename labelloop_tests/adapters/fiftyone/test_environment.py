import pytest

from labelloop.adapters.fiftyone.environment import prepare
from labelloop.adapters.files.home import Home
from labelloop.core.errors import DatabaseError
from labelloop_tests import elsewhere
from labelloop_tests.fiftyone_world import database

# What FiftyOne read when it was imported after `prepare`.
IMPORT = """
import os, sys
from pathlib import Path
from labelloop.adapters.fiftyone.environment import prepare
from labelloop.adapters.files.home import Home
prepare(Home.of(Path(sys.argv[1]), environ={}), "mongodb://127.0.0.1:1/")
assert "fiftyone" not in sys.modules
print(*(os.environ[name] for name in sys.argv[2:]))
"""


@pytest.mark.parametrize(("name", "given"), [("own", {}), ("given", {"FIFTYONE_DATABASE_NAME": "theirs"})])
def test_fiftyone_is_pointed_at_the_home_before_it_is_imported(tmp_path, name, given):
    names = [
        "FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_NAME", "FIFTYONE_DO_NOT_TRACK", "FIFTYONE_DEFAULT_APP_ADDRESS",
        "FIFTYONE_DEFAULT_DATASET_DIR",
    ]  # fmt: skip
    home = Home.of(tmp_path / "labelloop.yaml", environ={})
    own = {} if given else {"FIFTYONE_DATABASE_NAME": ""}
    code = IMPORT if given else "import os; os.environ.pop('FIFTYONE_DATABASE_NAME')\n" + IMPORT
    told = elsewhere.run(code, tmp_path / "labelloop.yaml", *names, **given, **own).split()
    expected = "theirs" if given else f"labelloop_{home.dataset_uuid()[:8]}"
    assert told == ["mongodb://127.0.0.1:1/", expected, "true", "127.0.0.1", str(home.root / "media")]


def test_a_fiftyone_that_looks_elsewhere_is_refused(loop, tmp_path):
    home, uri = database()
    prepare(home, uri)
    with pytest.raises(DatabaseError, match="imported before labelloop could point it at its own database"):
        prepare(Home.of(tmp_path / "labelloop.yaml", environ={}), "mongodb://127.0.0.1:1/")
