"""summary.json of a run: written whole or not at all, and read with one sentence for what is wrong."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nqs.config.atomic import replacing

SUMMARY = "summary.json"


def write_summary(folder: str | os.PathLike, summary: Mapping[str, Any]) -> None:
    """Write the numbers of a run; NaN and infinity are refused."""
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    with replacing(Path(folder) / SUMMARY) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_summary(folder: str | os.PathLike) -> dict[str, Any]:
    """The numbers of a run; ValueError where the folder is no finished run."""
    path = Path(folder) / SUMMARY
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            f"{folder} is no finished run: it holds no {SUMMARY}. Name the folder of a run, or go "
            "on with an interrupted one by `nqs resume`."
        ) from None
    except (OSError, ValueError) as problem:
        raise ValueError(f"{path} cannot be read ({problem}); run the job again.") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no table of results; run the job again.")
    return found
