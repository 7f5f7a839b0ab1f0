"""PastaQ HDF5: recognised, so that what to do can be said; not read yet."""

from pathlib import Path

from nqs.measurement.dataset import Measurements
from nqs.measurement.file import SIGNATURE
from nqs.measurement.formats.options import Options
from nqs.measurement.problems import FormatError, named
from nqs.measurement.quarantine import look


def recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(SIGNATURE):
        return False
    tree = look(path)
    return "/outcomes" in tree.shapes and "/setting_index" not in tree.shapes


def read(path: Path, options: Options) -> Measurements:
    tree = look(path)
    if "/inputs" in tree.shapes:
        raise FormatError(
            f"{named(path)}: the data set 'inputs' says that this PastaQ file is process"
            " tomography (prepared inputs sent through a channel); only shots of one state can be"
            " read. Select the shots of one input and save them as measured data."
        )
    raise FormatError(
        f"{named(path)}: this is measured data of PastaQ, which is recognised but not read yet;"
        " write outcomes and bases as two text files, a shot a line, and read them with --bases."
    )
