"""FiftyOne reads its environment once, at import: it is set here and nowhere else."""

import os
import sys

from labelloop.adapters.files.home import Home
from labelloop.core.errors import DatabaseError


def database_name(home: Home) -> str:
    """Name of this home's database in its mongod."""
    return os.environ.get("FIFTYONE_DATABASE_NAME", f"labelloop_{home.dataset_uuid()[:8]}")


def prepare(home: Home, database_uri: str) -> None:
    """Point FiftyOne at this home's database; to be called before the first import of fiftyone.

    Raises:
        DatabaseError: If fiftyone was already imported with another database.
    """
    wanted = {
        "FIFTYONE_DATABASE_URI": database_uri,
        "FIFTYONE_DATABASE_NAME": database_name(home),
        # The packaged mongod is older than FiftyOne likes; labelloop itself checks that it is new enough.
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        "FIFTYONE_DEFAULT_APP_ADDRESS": "127.0.0.1",
        "FIFTYONE_DEFAULT_DATASET_DIR": str(home.root / "media"),
    }
    if "fiftyone" in sys.modules and os.environ.get("FIFTYONE_DATABASE_URI") != database_uri:
        raise DatabaseError(
            "FiftyOne was imported before labelloop could point it at its own database",
            "Start labelloop in a process of its own.",
        )
    os.environ.update(wanted)


def imported_version() -> str:
    """Version of the fiftyone that Python imports; for a process of its own, since it is imported with no database."""
    os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"
    import fiftyone

    return str(fiftyone.__version__)
