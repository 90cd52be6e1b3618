"""OpenCV, which comes with ultralytics and with fiftyone in two wheels that share the folder `cv2`."""

from importlib import metadata

WHEELS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def installed_wheels() -> dict[str, str]:
    """Version of each installed wheel that brings `cv2`."""
    found = {}
    for distribution in metadata.distributions():
        name = str(distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name in WHEELS:
            found[name] = distribution.version
    return found


def imported_version() -> str:
    """Version of the `cv2` that Python imports.

    Raises:
        ImportError: If it is not there, or a library of the system is not.
    """
    import cv2

    return str(cv2.__version__)
