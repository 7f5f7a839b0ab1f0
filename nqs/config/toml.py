"""Configs: TOML in, checked, with one sentence for what is wrong; resolved TOML out."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ValidationError

from nqs.config.atomic import replacing

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(ValueError):
    """What is wrong in a config, where, and what to do."""


def read(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file, as plain dictionaries."""
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no config {path}; check the path.") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} cannot be read: {problem}.") from None
    except (ValueError, RecursionError) as problem:  # brackets nested without end recurse
        raise ConfigError(f"{path} is not valid TOML: {problem}.") from None


def assign(tables: dict[str, Any], assignment: str) -> None:
    """Carry out one `key.sub=value`; the value is read as TOML and as text where it is none."""
    key, equals, text = assignment.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise ConfigError(f"--set {assignment!r} is not of the form key.sub=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    put(tables, names, value)


def put(tables: dict[str, Any], names: list[str], value: Any) -> None:
    """Set a value at a path of keys, making the tables on the way."""
    for name in names[:-1]:
        tables = tables.setdefault(name, {})
        if not isinstance(tables, dict):
            raise ConfigError(f"{'.'.join(names)} cannot be set: {name} is a value, not a table.")
    tables[names[-1]] = value


def checked(model: type[Model], tables: dict[str, Any], source: str = "config") -> Model:
    """The config as a model; ConfigError names the first wrong key and the remedy."""
    try:
        return model.model_validate(tables)
    except ValidationError as problem:
        raise ConfigError(
            f"{source}: {_sentence(model, tables, _nearest(problem.errors()))}"
        ) from None


def merged(tables: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """The tables with the values of `over` in place of their own."""
    result = dict(tables)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def absolute(tables: dict[str, Any], folder: Path, keys: Iterable[str]) -> None:
    """Make the paths at these keys absolute; a relative one begins at `folder`."""

    def anchored(value: Any) -> Any:
        if isinstance(value, str):
            return str((folder / value).resolve())
        return [anchored(v) for v in value] if isinstance(value, list) else value

    for key in keys:
        *above, last = key.split(".")
        inner: Any = tables
        for name in above:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and last in inner:
            inner[last] = anchored(inner[last])


def from_keywords(model: type[Model], settings: dict[str, Any]) -> Model:
    """A config from flat keyword arguments: each key is looked up in its table, the first that has it."""
    job = model.model_fields["job"].default
    tables: dict[str, Any] = {}
    homes: dict[str, list[str]] = {key: [key] for key in model.model_fields}
    for name, field in model.model_fields.items():
        table = field.get_default()
        if isinstance(table, BaseModel):
            for key in type(table).model_fields:
                homes.setdefault(key, [name, key])
    for key, value in settings.items():
        if key not in homes:
            near = difflib.get_close_matches(key, homes, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(homes)}."
            raise ConfigError(f"{job}: unknown key {key!r}; {hint}")
        # a NumPy number is as good as Python's own
        plain = value.item() if hasattr(value, "item") and not getattr(value, "shape", 0) else value
        put(tables, homes[key], plain)
    return checked(model, tables, job)


def write(path: str | Path, model: BaseModel, comment: str) -> None:
    """Write every value that is set, under a comment."""
    text = "".join(f"# {line}\n" for line in comment.splitlines())
    text += "\n" + tomli_w.dumps(model.model_dump(exclude_none=True))
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def commented(model: type[BaseModel], comment: str) -> str:
    """A config with every key, its default and what it means; keys without default are commented out."""
    lines = [f"# {line}" for line in comment.splitlines()]
    tables = []
    for name, field in model.model_fields.items():
        default = field.get_default()
        if isinstance(default, BaseModel):
            tables.append((name, default))
        else:
            lines.append(_line(name, default, field.description))
    for name, table in tables:
        lines += ["", f"[{name}]"]
        lines += [
            _line(key, field.get_default(), field.description)
            for key, field in type(table).model_fields.items()
        ]
    return "\n".join(lines) + "\n"


def _line(name: str, default: Any, description: str | None) -> str:
    if default is None or default == []:
        text = f"# {name} ="
    else:
        text = tomli_w.dumps({name: default}).strip()
    return f"{text:<32}# {description}" if description else text


def _nearest(errors: Sequence[Any]) -> Any:
    """Of several readings of the first wrong value the one that came furthest."""
    field = errors[0]["loc"][:2]
    return max((e for e in errors if e["loc"][:2] == field), key=lambda e: len(e["loc"]))


def _sentence(model: type[BaseModel], tables: Any, error: Any) -> str:
    location = [str(part) for part in _written(tables, error["loc"])]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        known = _keys(model, location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}."
        return f"unknown key {key!r}; {hint if known else 'leave it out.'}"
    message = error["msg"].removeprefix("Value error, ")
    shown = repr(error.get("input"))[:60]
    return f"{key} = {shown} is not accepted: {message[:1].lower()}{message[1:]}."


def _written(value: Any, location: Sequence[Any]) -> Iterator[Any]:
    """The parts of a location that are written in a config, without the names of types."""
    for part in location:
        there = part in value if isinstance(value, dict) else isinstance(part, int)
        if there and isinstance(value, dict | list):
            value = value[part]
            yield part


def _keys(model: type[BaseModel], path: list[str]) -> list[str]:
    fields = model.model_fields
    for name in path:
        default = fields[name].get_default() if name in fields else None
        if not isinstance(default, BaseModel):
            return []
        fields = type(default).model_fields
    return list(fields)
