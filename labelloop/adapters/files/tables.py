"""Frames and arrays, written and read whole; apart from `atomic` because pandas takes a second to import."""

import io
from pathlib import Path

import numpy as np
import pandas as pd

from labelloop.adapters.files.atomic import read_whole, replacing, write_bytes


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet; the index is dropped."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as `.npy`, which can be memory-mapped."""
    with replacing(path) as file:
        np.save(file, array, allow_pickle=False)


def read_frame(path: Path, missing: str) -> pd.DataFrame:
    """Read a Parquet file; `missing` says what to run first when it is not there."""
    frame: pd.DataFrame = read_whole(path, missing, lambda: pd.read_parquet(path))
    return frame


def read_array(path: Path, missing: str) -> np.ndarray:
    """Memory-map an `.npy` file; `missing` says what to run first when it is not there."""
    array: np.ndarray = read_whole(path, missing, lambda: np.load(path, mmap_mode="r", allow_pickle=False))
    return array
