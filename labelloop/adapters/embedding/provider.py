"""What turns images into vectors: the interface, and the one provider that needs no model."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelloop.core import embedding


class Provider(Protocol):
    """Turns images into vectors."""

    @property
    def version(self) -> str:
        """Provider, preprocessing, content of the weights: another text whenever an image would get another vector."""

    @property
    def batch_size(self) -> int:
        """Images in one pass."""

    @property
    def decode_side(self) -> int:
        """A JPEG may be decoded at a fraction of its size as long as it stays this large; 0: at full size."""

    def prepare(self, image: Image.Image) -> Any:
        """What `vectors` wants of an upright image of any mode; called in threads."""

    def vectors(self, prepared: Sequence[Any]) -> NDArray[np.float32]:
        """Unit vectors (B, D) of a batch; an image's vector does not depend on the others in its batch."""


class HogHsv:
    """Gradients and colours, without a model."""

    version = embedding.VERSION
    batch_size = 256
    decode_side = 128

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """The whole work is done here, where several threads share it."""
        return embedding.hog_hsv(image)

    def vectors(self, prepared: Sequence[Any]) -> NDArray[np.float32]:
        """The vectors, stacked."""
        return np.stack(prepared)


def filled(images: Sequence[Any], size: int) -> list[Any]:
    """A batch filled up to its full size with its last image.

    Matrix kernels differ in their last bits with the size of the batch; in batches of one size an image gets the same
    vector whoever is beside it.
    """
    return [*images, *[images[-1]] * (size - len(images))]
