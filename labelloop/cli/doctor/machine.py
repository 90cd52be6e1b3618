"""The machine: Python, disk, ports, OpenCV, devices."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from labelloop.adapters import opencv
from labelloop.adapters.child import ChildError, ask
from labelloop.adapters.processes import free_port
from labelloop.adapters.yolo.environment import describe_devices
from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.core.diagnosis import Devices, judge_device, judge_disk, judge_opencv, judge_python
from labelloop.core.findings import Finding, missing, ok


def python(_: Surroundings) -> Iterator[Finding]:
    """The Python that runs this."""
    yield judge_python(sys.version_info[:3])


def disk(around: Surroundings) -> Iterator[Finding]:
    """Room in the home, and whether it can be written."""
    folder = around.home.root if around.home else around.folder
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    if not os.access(there, os.W_OK | os.X_OK):
        yield missing("disk", f"{there} cannot be written", "Change its permissions, or set LABELLOOP_HOME.")
        return
    yield judge_disk(shutil.disk_usage(there).free, str(there))


def ports(_: Surroundings) -> Iterator[Finding]:
    """Whether a server can have a port of the loopback interface."""
    yield ok("ports", f"127.0.0.1 gives ports to servers (such as {free_port()})")


def cv2(_: Surroundings) -> Iterator[Finding]:
    """OpenCV, and which of its wheels are installed."""
    wheels = opencv.installed_wheels()
    try:
        imported, error = str(ask(opencv.imported_version)), ""
    except ChildError as problem:
        imported, error = "", problem.what
    yield judge_opencv(wheels, imported, error)


def device(around: Surroundings) -> Iterator[Finding]:
    """What torch can compute on, and whether `train.device` is among it."""
    found = Devices(**ask(describe_devices))
    yield judge_device(around.settings.train.device if around.settings else "auto", found)


def images(around: Surroundings) -> Iterator[Finding]:
    """Where the images come from; a data set of the zoo is downloaded when it is wanted."""
    if around.settings is None or around.home is None:
        return
    for source in around.settings.all_sources:
        place = (around.home.project / Path(source.path)).expanduser()
        if source.type == "fiftyone_zoo":
            yield ok("images", f"{source.path} of FiftyOne's zoo")
        elif source.type != "none" and not place.exists():
            yield missing("images", f"source.path: {place} does not exist", "Correct source.path in labelloop.yaml.")
        elif source.type != "none":
            yield ok("images", str(place))
