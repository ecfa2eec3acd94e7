"""A YAML file read into a pydantic model, with everything that is wrong told in words.

Holds: the reading and the sentences. Does not hold: any model.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from saas_platform.errors import PlatformError

Model = TypeVar("Model", bound=BaseModel)


def read_model(
    model: type[Model], path: Path | None, error: type[PlatformError], **wins: Any
) -> Model:
    """The model of a file (None: of nothing); what is given in `wins` goes before it.

    Raises `error` for a file that can't be read, an unknown name or a wrong value.
    """
    told = {} if path is None else _mapping(path, error)
    try:
        return model(**{**told, **wins})
    except ValidationError as problem:
        where = "" if path is None else f"{path.name}: "
        raise error(f"{where}{_sentence(model, problem)}") from None


def _mapping(path: Path, error: type[PlatformError]) -> Mapping[str, Any]:
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "not UTF-8 text"
        raise error(f"{path} can't be read ({reason}): name a YAML file.") from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise error(f"{path}{where} is not YAML: write it as `name: value`.") from None
    if told is None:
        return {}
    if not isinstance(told, Mapping):
        raise error(f"{path} holds no names: write it as `name: value`.")
    return {str(name): value for name, value in told.items()}


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    """Every problem in words: the name, its value, what would be right."""
    problems = []
    for detail in error.errors():
        place = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            problems.append(f"{place} is not a name known here{_nearest(model, detail['loc'])}.")
        elif detail["type"] == "missing":
            problems.append(f"{place} is missing.")
        else:
            reason = detail["msg"].removeprefix("Value error, ")
            value = f"{place} is {detail['input']!r}: " if place else ""
            problems.append(f"{value}{reason}.")
    return " ".join(dict.fromkeys(problems))


def _nearest(model: Any, place: tuple[int | str, ...]) -> str:
    """A hint at the name that may have been meant."""
    for part in place[:-1]:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            model = _inner(model.model_fields[part].annotation)
    known = list(model.model_fields)
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f": did you mean {near[0]}?" if near else f" (known are {', '.join(known)})"


def _inner(annotation: Any) -> Any:
    """The model inside an annotation such as `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        (found for part in getattr(annotation, "__args__", ()) if (found := _inner(part))), None
    )
