"""Read a YAML file as a tree that keeps its comments, and change it so that they stay where a reader expects them.

Out of scope: what is changed (merging.py).

ruamel.yaml attaches the lines between two entries (comments and blank lines) to the entry before them, whereas a
reader takes them to belong to the entry after them. This module calls them the trailing lines of the entry before them.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tokens import CommentToken

from saas_platform.schema.declared import yaml_text

#: The ways in which YAML writes that there is no value.
_NULLS = ("null", "Null", "NULL", "~", "")


class _AsWritten(VersionedResolver):
    """Takes every scalar for a text, so that it is written as it was read: `no`, `1`, `1.50`, `null`."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode:
            return self.DEFAULT_SCALAR_TAG
        return super().resolve(kind, value, implicit)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 30
    yaml.Resolver = _AsWritten
    return yaml


def loaded(text: str) -> Any:
    """Return the tree of a file's text."""
    return _yaml().load(text)


def dumped(tree: Any) -> str:
    """Return the text of a tree, with its comments."""
    stream = io.StringIO()
    _yaml().dump(tree, stream)
    return stream.getvalue()


def quoted_value(value: Any) -> Any:
    """Return a value with the quotes that the file's reader needs."""
    return loaded(yaml_text({"value": value}))["value"]


def _quoted_name(name: str) -> str:
    """Return a name with the quotes that the file's reader needs, such as those around `<<`."""
    (found,) = loaded(yaml_text({name: "x"}))
    return str.__str__(found) if type(found) is str else found


def put_first(node: CommentedMap, name: str, value: Any) -> None:
    """Set a value; a name that is new goes before all others."""
    if name in node:
        node[name] = value
    else:
        node.insert(0, name, value)


def append(node: CommentedMap, name: str, value: Any) -> None:
    """Append an entry, before the blank lines and comments that lead to what follows the mapping."""
    rest = _take_trailing(node)
    node[_quoted_name(name)] = value
    _give_trailing(node, rest)


def remove(node: CommentedMap, name: str) -> None:
    """Remove an entry; the blank lines and comments that lead to what follows it stay."""
    names = list(node)
    place = names.index(name)
    rest = _take_trailing_of(node, name)
    del node[name]
    node.ca.items.pop(name, None)
    if place:
        before = names[place - 1]
        _give_trailing_of(node, before, _take_trailing_of(node, before) + rest)
    elif len(names) > 1 and rest.strip():
        tokens = node.ca.items.setdefault(names[1], [None] * 4)
        column = len(rest) - len(rest.lstrip())
        tokens[1] = [
            CommentToken(line.lstrip(" "), CommentMark(column), None)
            for line in rest.splitlines(keepends=True)
        ]


def _take_trailing(node: CommentedMap) -> str:
    return _take_trailing_of(node, list(node)[-1]) if node else ""


def _give_trailing(node: CommentedMap, rest: str) -> None:
    _give_trailing_of(node, list(node)[-1], rest)


def _last_place(node: Any, name: Any) -> tuple[Any, Any]:
    """Return the place where ruamel keeps the comment after an entry: its innermost last entry on a line."""
    value = node[name]
    if isinstance(value, CommentedMap | CommentedSeq) and value and not value.fa.flow_style():
        last = len(value) - 1 if isinstance(value, CommentedSeq) else list(value)[-1]
        return _last_place(value, last)
    return node, name


def _slot(node: Any) -> int:
    """Return the index of the comment after a value in ruamel's list of an entry's comments."""
    return 0 if isinstance(node, CommentedSeq) else 2


def _take_trailing_of(node: Any, name: Any) -> str:
    """Take away the lines after an entry and return them; the comment on the entry's own line stays."""
    node, name = _last_place(node, name)
    tokens = node.ca.items.get(name)
    token = tokens[_slot(node)] if tokens else None
    if token is None:
        return ""
    own, newline, rest = str(token.value).partition("\n")
    if rest:
        token.value = own + newline
        if not own:
            tokens[_slot(node)] = None
    return rest


def _give_trailing_of(node: Any, name: Any, rest: str) -> None:
    if not rest:
        return
    node, name = _last_place(node, name)
    slot = _slot(node)
    tokens = node.ca.items.setdefault(name, [None] * (slot + 2))
    if tokens[slot] is None:
        tokens[slot] = CommentToken("\n" + rest, CommentMark(0), None)
    else:
        tokens[slot].value = str(tokens[slot].value).partition("\n")[0] + "\n" + rest
