"""What scenes are made of: photographs and handwritten digits that scikit-learn and scikit-image ship as files."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from labelloop.core.errors import ConfigError

# Photographs with enough in them to hide a digit. `skimage.data` functions are avoided: some of them download.
PHOTOGRAPHS = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/brick.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/coins.png"),
    ("skimage", "data/grass.png"),
    ("skimage", "data/gravel.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/ihc.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
)
STROKES = ("sklearn", "datasets/data/digits.csv.gz")

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Material:
    """Photographs to draw on and strokes to draw with.

    Attributes:
        photographs: RGB images of at least `side` pixels each way.
        strokes: For each digit, its handwritten instances, float `(n, 8, 8)` from 0 (paper) to 1 (ink).
    """

    photographs: tuple[Image.Image, ...]
    strokes: dict[int, np.ndarray]


def load_material(side: int, digits: tuple[int, ...]) -> Material:
    """Load the photographs, no larger than scenes of `side` pixels can use, and the strokes of `digits`.

    Raises:
        ConfigError: If a photograph is missing from the installed packages, or a digit is none.
    """
    if not digits or not set(digits) <= set(range(10)):
        raise ConfigError(f"{digits} are not digits", "Choose some of 0 to 9.")
    photographs = tuple(_load_photograph(package, name, side) for package, name in PHOTOGRAPHS)
    return Material(photographs, _load_strokes(digits))


def _locate(package: str, name: str) -> Path:
    """A file that a package ships; found without importing the package, which takes longer than drawing scenes."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec is not None and spec.origin is not None else Path(name)
    if not path.is_file():
        raise ConfigError(f"{package} was installed without {path.name}", f"Install {package} from its wheel.")
    return path


def _load_photograph(package: str, name: str, side: int) -> Image.Image:
    with Image.open(_locate(package, name)) as opened:
        photograph = opened.convert("RGB")
    # Between one and three scenes across: enough to crop from, small enough to be fast.
    short = min(photograph.size)
    scale = min(1.0, 3 * side / short) if short >= side else side / short
    return photograph.resize((round(photograph.width * scale), round(photograph.height * scale)), Image.Resampling.BOX)


def _load_strokes(digits: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Instances of each digit from scikit-learn's table: 64 pixels from 0 to 16 and the digit in each row."""
    table = np.loadtxt(_locate(*STROKES), delimiter=",")
    strokes = table[:, :64].reshape(-1, 8, 8) / 16.0
    return {digit: strokes[table[:, 64] == digit] for digit in digits}
