from importlib import metadata
from types import SimpleNamespace

import pytest

from labelloop.adapters import opencv


def installed(*wheels):
    return [SimpleNamespace(metadata={"Name": name}, version=version) for name, version in wheels]


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([("numpy", "2.0"), (None, "1")], {}),
        ([("opencv-python", "5.0.0.93"), ("numpy", "2.0")], {"opencv-python": "5.0.0.93"}),
        (
            [("opencv_python_headless", "4.14.0.94"), ("OpenCV-Python", "5.0.0.93")],
            {"opencv-python-headless": "4.14.0.94", "opencv-python": "5.0.0.93"},
        ),
    ],
)
def test_every_wheel_that_brings_opencv_is_found_under_whatever_spelling(monkeypatch, there, found):
    monkeypatch.setattr(metadata, "distributions", lambda: installed(*there))
    assert opencv.installed_wheels() == found
