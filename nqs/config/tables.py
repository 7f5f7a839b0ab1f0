"""What the configs of all jobs share: strict tables, lists of paths, durations."""

from os import PathLike
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from nqs.config.duration import seconds


def _listed(value: Any) -> Any:
    if isinstance(value, str | PathLike):
        value = [value]
    if isinstance(value, list | tuple):
        return [str(v) if isinstance(v, PathLike) else v for v in value]
    return value


Paths = Annotated[list[str], BeforeValidator(_listed)]
Duration = Annotated[float, BeforeValidator(seconds)]


class Table(BaseModel):
    """Unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", validate_default=True, strict=True)
