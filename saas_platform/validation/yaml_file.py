"""Read a YAML file into a pydantic model and report every error in a sentence with its line.

Contains: the reading and the sentences. Out of scope: the models themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from saas_platform.errors import PlatformError
from saas_platform.validation.messages import nearest, wrong_value

Model = TypeVar("Model", bound=BaseModel)

_YAML = "tag:yaml.org,2002:"
#: The tags of a plain YAML file. Nobody writes the other ones (sets, binaries, Python objects) by accident.
_TAGS = frozenset(
    f"{_YAML}{name}"
    for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)

#: The path to a value in a file: names in mappings, indexes in lists.
ValuePath = tuple[int | str, ...]


class MisplacedError(ValueError):
    """An error that a model finds at a place deeper inside its own value."""

    def __init__(self, text: str, *place: int | str) -> None:
        super().__init__(text)
        self.place: ValuePath = place


#: Turns a place into words: a description of what surrounds it, and the name of the value itself.
PathWords = Callable[[ValuePath], tuple[str, str]]


def _dotted(place: ValuePath) -> tuple[str, str]:
    return "", ".".join(str(part) for part in place)


def read_model(
    model: type[Model],
    path: Path | None,
    error: type[PlatformError],
    *,
    path_words: PathWords = _dotted,
    **overrides: Any,
) -> Model:
    """Read a YAML file into a model.

    Args:
        model: the class of the model.
        path: the file; None means the model's defaults.
        error: the class of the error to raise.
        path_words: turns the place of an error into words.
        **overrides: values that take precedence over those in the file.

    Returns:
        The validated model.

    Raises:
        PlatformError: as an `error`, if the file can't be read, if a name is unknown or occurs twice, or if a
            value is wrong.
    """
    node = None if path is None else _composed(path, error)
    values = {} if path is None or node is None else _mapping(path, node, error)
    try:
        return model(**{**values, **overrides})
    except ValidationError as problem:
        sentences = (
            _Problem(detail, path_words).sentence(model, path, node) for detail in problem.errors()
        )
        raise error(*dict.fromkeys(sentences)) from None


class _Loader(yaml.SafeLoader):
    """A loader that reads every name as a text, because `no` and `1` are valid names of a column."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as problem:  # For example, the 30th of February.
            raise yaml.constructor.ConstructorError(
                None, None, str(problem), node.start_mark
            ) from None


def _composed(path: Path, error: type[PlatformError]) -> yaml.Node | None:
    """Return the file's YAML tree with its lines. Raises `error` if it is no mapping or has a name twice."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "not UTF-8 text"
        raise error(f"{path} can't be read ({reason}): give the path of a YAML file.") from None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as problem:
        raise error(_not_yaml(path, problem)) from None
    except RecursionError:
        raise error(f"{path} is nested too deeply: nest fewer brackets.") from None
    if node is None:
        return None
    if not isinstance(node, yaml.MappingNode):
        raise error(f"{path} contains no names: write it as `name: value`.")
    for sentence in _forbidden(node):
        raise error(f"{path.name}, {sentence}")
    return node


def _not_yaml(path: Path, problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    where = f", line {mark.line + 1}" if mark else ""
    if isinstance(problem, yaml.constructor.ConstructorError):
        return f"{path}{where}: a value can't be read ({problem.problem}): write another value, or quote it."
    if isinstance(problem, yaml.composer.ComposerError) and "single document" in str(problem):
        return (
            f"{path}{where}: a second document begins here: remove the `---` and keep one document."
        )
    return f"{path}{where} is not YAML: write it as `name: value`."


def _mapping(path: Path, node: yaml.Node, error: type[PlatformError]) -> Mapping[str, Any]:
    # The loader reads no text. It only turns the tree into values.
    loader = _Loader("")
    try:
        values: Mapping[str, Any] = loader.construct_document(node)
    except yaml.YAMLError as problem:
        raise error(_not_yaml(path, problem)) from None
    finally:
        loader.dispose()
    return values


def _nodes(node: yaml.Node, seen: set[int]) -> Iterator[yaml.Node]:
    """Yield every node of the tree once, even if aliases lead to it several times."""
    if id(node) in seen:
        return
    seen.add(id(node))
    yield node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _nodes(key, seen)
            yield from _nodes(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _nodes(value, seen)


def _forbidden(node: yaml.Node) -> Iterator[str]:
    """Yield a sentence, which begins with the line, for everything that YAML allows but nobody intends."""
    for each in _nodes(node, set()):
        if each.tag not in _TAGS:
            yield f"line {_line(each)}: {each.tag.replace(_YAML, '!!')} has no meaning here: remove the tag."
        if not isinstance(each, yaml.MappingNode):
            continue
        first: dict[str, int] = {}
        for key, _ in each.value:
            if not isinstance(key, yaml.ScalarNode):
                yield f"line {_line(key)}: a name must be a text."
            elif key.value in first:
                yield (
                    f"line {_line(key)}: {key.value} occurs already on line {first[key.value]}: remove or"
                    " rename one of them."
                )
            else:
                first[key.value] = _line(key)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _line_of(node: yaml.Node, place: ValuePath) -> int:
    """Return the line of the place, or of the nearest node around it."""
    line = _line(node)
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            line, node = _line(found[0]), found[1]
        elif isinstance(node, yaml.SequenceNode) and part in range(len(node.value)):
            node = node.value[int(part)]
            line = _line(node)
        else:
            break
    return line


@dataclass(frozen=True)
class _Problem:
    """One error that pydantic found, in pydantic's form."""

    detail: Any
    path_words: PathWords

    @property
    def place(self) -> ValuePath:
        """The place of the wrong value in the file."""
        cause = self.detail.get("ctx", {}).get("error")
        inside = cause.place if isinstance(cause, MisplacedError) else ()
        return (*self.detail["loc"], *inside)

    def sentence(self, model: type[BaseModel], path: Path | None, node: yaml.Node | None) -> str:
        """Return a sentence with the line, the name, its value and the remedy."""
        where = "" if path is None else f"{path.name}: "
        if path is not None and node is not None:
            where = f"{path.name}, line {_line_of(node, self.place)}: "
        around, name = self.path_words(self.place)
        return f"{where}{f'{around}: ' if around else ''}{self._explanation(model, name)}."

    def _explanation(self, model: type[BaseModel], name: str) -> str:
        kind, found = self.detail["type"], self.detail["input"]
        if kind == "extra_forbidden":
            if found is None and name.endswith(")"):
                return f"{name} is the rest of a value with a comma: put the whole value in quotes"
            return f"{name} is not a known name{_nearest(model, self.detail['loc'])}"
        if kind == "missing":
            return f"{name} is missing"
        return wrong_value(name, self.detail)


def _nearest(model: Any, place: Sequence[int | str]) -> str:
    """Return a hint at the name that the user may have meant."""
    for part in place[:-1]:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            model = _inner(model.model_fields[part].annotation)
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = nearest(str(place[-1]), known)
    return f": did you mean {near}?" if near else f" (the known names are {', '.join(known)})"


def _inner(annotation: Any) -> Any:
    """Return the model inside an annotation such as `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        (found for part in getattr(annotation, "__args__", ()) if (found := _inner(part))), None
    )
