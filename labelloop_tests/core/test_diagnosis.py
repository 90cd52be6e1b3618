import pytest

from labelloop.core.diagnosis import (
    GIB,
    Devices,
    judge_cvat_versions,
    judge_dagster_home,
    judge_database,
    judge_device,
    judge_disk,
    judge_labels,
    judge_opencv,
    judge_python,
)

TWO = {"opencv-python": "5.0.0.93", "opencv-python-headless": "4.14.0.94"}
ONE = {"opencv-python-headless": "4.14.0.94"}


def told(finding):
    return f"{finding.detail} {finding.remedy}"


@pytest.mark.parametrize(("version", "level"), [((3, 10, 14), "missing"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok")])
def test_python_is_new_enough_or_not(version, level):
    assert judge_python(version).level == level


@pytest.mark.parametrize(("free", "level"), [(0.5, "missing"), (1.0, "warning"), (4.9, "warning"), (5.0, "ok")])
def test_a_disk_that_is_nearly_full_is_told_before_it_is(free, level):
    finding = judge_disk(int(free * GIB), "/here")
    assert finding.level == level
    assert "/here" in finding.detail
    assert bool(finding.remedy) == (level != "ok")


@pytest.mark.parametrize(
    ("wheels", "imported", "error", "level", "said"),
    [
        (ONE, "4.14.0", "", "ok", "4.14.0"),
        (TWO, "5.0.0", "", "ok", "share its folder"),
        (TWO, "4.14.0", "", "ok", "--force-reinstall --no-deps opencv-python-headless"),
        (TWO, "", "ImportError: libGL.so.1: cannot open shared object file", "missing", "apt-get install libgl1"),
        (TWO, "", "ImportError: libGL.so.1: cannot open shared object file", "missing", "opencv-python-headless`"),
        (ONE, "", "ImportError: libgthread-2.0.so.0: cannot open", "missing", "libglib2.0-0"),
        ({}, "", "ModuleNotFoundError: No module named 'cv2'", "missing", "no wheel of OpenCV"),
        (TWO, "", "AttributeError: module 'cv2' has no 'gapi'", "missing", "--force-reinstall"),
        (TWO, "4.10.0", "", "warning", "4.10.0 is imported"),
        ({}, "4.10.0", "", "ok", "no wheel"),  # a distribution's own package
    ],
)
def test_opencv_is_there_once_twice_broken_or_not_at_all(wheels, imported, error, level, said):
    finding = judge_opencv(wheels, imported, error)
    assert finding.level == level
    assert said in told(finding)


NONE, TWO_GPUS, APPLE = Devices("2.9"), Devices("2.9", ("A", "B")), Devices("2.9", mps=True)


@pytest.mark.parametrize(
    ("wanted", "found", "level", "said"),
    [
        ("auto", NONE, "ok", "takes the CPU"),
        ("auto", TWO_GPUS, "ok", "takes the GPU"),
        ("auto", APPLE, "ok", "takes the GPU"),
        ("cpu", TWO_GPUS, "ok", "takes the CPU"),
        ("0", TWO_GPUS, "ok", "0: A"),
        ("0,1", TWO_GPUS, "ok", "1: B"),
        ("cuda", TWO_GPUS, "ok", "0: A"),
        ("cuda:1", TWO_GPUS, "ok", "1: B"),
        ("2", TWO_GPUS, "missing", "2 is not there"),
        ("0,2", TWO_GPUS, "missing", "auto"),
        ("0", NONE, "missing", "no GPU"),
        ("mps", NONE, "missing", "mps is not there"),
        ("mps", APPLE, "ok", "Apple"),
        ("gpu", TWO_GPUS, "missing", "gpu is no device"),
        ("-1", TWO_GPUS, "missing", "is no device"),
        ("", TWO_GPUS, "missing", "is no device"),
    ],
)
def test_a_device_is_there_or_the_one_that_is_wanted_is_named(wanted, found, level, said):
    finding = judge_device(wanted, found)
    assert finding.level == level
    assert said in told(finding)


@pytest.mark.parametrize(
    ("binary", "compatibility", "level"),
    [
        ((6, 0, 5), "6.0", "ok"),
        ((7, 0, 1), "6.0", "ok"),
        ((8, 0, 0), "6.0", "missing"),
        ((6, 0, 5), "7.0", "missing"),
        ((6, 0, 5), "", "ok"),
    ],
)
def test_a_mongod_opens_data_of_its_own_version_and_of_the_one_before(binary, compatibility, level):
    finding = judge_database(binary, compatibility, "/data")
    assert finding.level == level
    if level == "missing":
        assert "labelloop rebuild" in finding.remedy
        assert f"mongod {compatibility[0]}" in finding.remedy


@pytest.mark.parametrize(
    ("server", "sdk", "token", "level", "said"),
    [
        ("2.54.1", "2.54.0", True, "ok", "2.54.1"),
        ("2.54.1", "2.80.0", True, "ok", "may differ"),
        ("2.40.0", "2.80.0", True, "warning", "CVAT_PASSWORD"),
        ("2.40.0", "2.80.0", False, "ok", "may differ"),
        ("3.1.0", "2.80.0", False, "warning", "another generation"),
        ("unknown", "2.80.0", False, "warning", "not how CVAT"),
    ],
)
def test_what_it_means_that_server_and_sdk_differ(server, sdk, token, level, said):
    finding = judge_cvat_versions(server, sdk, token=token)
    assert finding.level == level
    assert said in told(finding)


@pytest.mark.parametrize(
    ("labels", "classes", "level", "said"),
    [
        (["cat", "dog"], ["cat", "dog"], "ok", "cat, dog"),
        (["cat"], ["cat", "dog"], "ok", "lacks dog"),
        (["cat", "cow", "ant"], ["cat"], "warning", "ant, cow"),
        (["cat"], [], "ok", "cat"),
        ([], [], "ok", "none yet"),
    ],
)
def test_labels_of_cvat_that_are_no_class_are_named(labels, classes, level, said):
    finding = judge_labels(labels, classes, "p")
    assert finding.level == level
    assert said in finding.detail


@pytest.mark.parametrize(
    ("given", "level", "said"),
    [("", "missing", "labelloop init"), ("/other", "warning", "/other"), ("/home/dagster", "ok", "/home/dagster")],
)
def test_dagster_must_work_in_the_home_of_the_project(given, level, said):
    finding = judge_dagster_home(given, "environment", "/home/dagster")
    assert finding.level == level
    assert said in told(finding)
