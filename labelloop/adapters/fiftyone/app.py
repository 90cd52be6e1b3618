"""The App, where people look."""

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.home import Home
from labelloop.adapters.processes import free_port


def launch(home: Home, database_uri: str, name: str, port: int) -> str:
    """Start the App's server in this process, loopback only, and return its address."""
    loop = LoopDataset.open(home, database_uri, name)
    import fiftyone as fo

    free = free_port(port)
    fo.launch_app(loop.dataset, remote=True, address="127.0.0.1", port=free)
    return f"http://127.0.0.1:{free}/datasets/{name}"
