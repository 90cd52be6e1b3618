import os
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from labelloop.adapters.yolo import environment
from labelloop_tests import elsewhere


def test_settings_stay_in_the_home_and_nothing_is_reported(tmp_path: Path) -> None:
    """In a process of its own: what ultralytics reads at its first import counts."""
    printed = elsewhere.run(
        "import os, sys; from pathlib import Path\n"
        "from labelloop.adapters.yolo import environment\n"
        "environment.prepare(Path(sys.argv[1])); environment.quiet()\n"
        "from ultralytics import SETTINGS, utils; from ultralytics.utils.events import events\n"
        "print(SETTINGS.file, utils.ONLINE, utils.AUTOINSTALL, events.enabled, 'ULTRALYTICS_API_KEY' in os.environ,"
        "      sorted(name for name, value in SETTINGS.items() if value is True))",
        tmp_path,
        ULTRALYTICS_API_KEY="ul_secret",
    )
    settings = tmp_path / "Ultralytics" / "settings.json"
    assert printed == f"{settings} False False False False ['openvino_msg', 'vscode_msg']"
    assert '"sync": false' in settings.read_text()


def test_no_font_is_fetched(ultralytics_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = pytest.importorskip("ultralytics.utils.checks")
    downloads = pytest.importorskip("ultralytics.utils.downloads")
    monkeypatch.setattr(checks, "USER_CONFIG_DIR", ultralytics_home / "Ultralytics")
    monkeypatch.setattr(downloads, "is_url", lambda *_, **__: pytest.fail("asked the network"))
    checks.check_font.__wrapped__.cache_clear()  # another home of this process may have been asked before
    assert [Path(checks.check_font(name)).name for name in environment.FONTS] == list(environment.FONTS)


def test_threads_wait_asleep_unless_the_user_says_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", {"OMP_WAIT_POLICY": "ACTIVE"})
        environment.prepare(tmp_path)
        assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
        os.environ.clear()
        environment.prepare(tmp_path)
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize(("cuda", "mps", "picked"), [(True, False, "0"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_a_gpu_where_there_is_one(
    cuda: bool, mps: bool, picked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert environment.pick_device("auto") == picked
    assert environment.pick_device("0,1") == "0,1"


def test_pillow_stays_as_it_is(ultralytics_home: Path, tmp_path: Path) -> None:
    """Ultralytics replaces `Image.open`; what is no image would raise ModuleNotFoundError in all of the process."""
    environment.quiet()
    (tmp_path / "a.jpg").write_bytes(b"not an image")
    with pytest.raises(UnidentifiedImageError):
        Image.open(tmp_path / "a.jpg")
