"""The native HDF5 measurement file of this program."""

from pathlib import Path

from nqs.measurement import file
from nqs.measurement.dataset import Measurements
from nqs.measurement.formats.options import Options


def recognise(path: Path, head: bytes) -> bool:
    return head.startswith(file.SIGNATURE) and file.is_native(path)


def read(path: Path, options: Options) -> Measurements:
    return file.read(path)
