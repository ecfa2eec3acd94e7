"""Read a YAML file as a tree that keeps its comments, and change it so that they stay where a reader expects them.

Out of scope: what is changed (merging.py).

ruamel.yaml attaches the lines between two entries (comments and blank lines) to the entry before them, whereas a
reader takes them to belong to the entry after them. This module calls them the trailing lines of the entry before them.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import Comment, CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scalarstring import PlainScalarString, ScalarString
from ruamel.yaml.tag import Tag
from ruamel.yaml.tokens import CommentToken

from saas_platform.schema.declared import yaml_text

#: The ways in which YAML writes that there is no value.
_NULLS = ("null", "Null", "NULL", "~", "")
#: The tag of the name `<<`, which takes over the entries of other mappings.
_MERGE = Tag(suffix="tag:yaml.org,2002:merge")


class _AsWritten(VersionedResolver):
    """Takes every scalar but `<<` for a text, so that it is written as it was read: `no`, `1`, `1.50`, `null`."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode:
            is_merge = value == "<<" and implicit[0]
            return _MERGE if is_merge else self.DEFAULT_SCALAR_TAG
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


# Aliases: an anchored entry (`&a`) stands in several places (`*a`), and a change of it would change all of them.

#: A place in a tree: the id of the mapping or list, and the name or the index in it.
_Place = tuple[int, str | int]


def aliases(tree: Any) -> frozenset[_Place]:
    """Return the places in the tree at which an entry stands that is written at another place, or taken over."""
    written: set[int] = set()
    found: set[_Place] = set()

    def visit(node: Any) -> None:
        for place, value in _entries(node):
            # ruamel shares no scalar without an anchor.
            if not isinstance(value, CommentedMap | CommentedSeq | ScalarString):
                continue
            if id(value) in written or place == "<<":
                found.add((id(node), place))
            if id(value) not in written:
                written.add(id(value))
                visit(value)

    visit(tree)
    return frozenset(found)


def _entries(node: Any) -> Iterator[tuple[str | int, Any]]:
    """Yield the entries of a mapping or list, and before them the mappings that a mapping takes over."""
    if isinstance(node, CommentedSeq):
        yield from enumerate(node)
    elif isinstance(node, CommentedMap):
        yield from (("<<", each) for each in node.merge)
        yield from node.non_merged_items()


def write_out(node: CommentedMap, name: str, aliases: Collection[_Place]) -> None:
    """Replace an entry by an equal one that shares nothing with other entries.

    Aliases and `<<` in it are written out; its comments move to the new entry.
    """
    node[name] = _written_out(node[name], aliases, (id(node), name) not in aliases)


def _written_out(node: Any, aliases: Collection[_Place], is_written_here: bool) -> Any:
    rest = ""
    if isinstance(node, ScalarString):
        copy: Any = type(node)(node)
        return str(copy) if isinstance(node, PlainScalarString) else copy
    if isinstance(node, CommentedSeq):
        copy = CommentedSeq(
            _written_out(value, aliases, (id(node), place) not in aliases)
            for place, value in enumerate(node)
        )
    elif isinstance(node, CommentedMap):
        own = dict(node.non_merged_items())
        names = _read_order(node)
        # The comments after the last entry stay at the end, even if it takes the place of one that was taken over.
        rest = _take_trailing_of(node, [*own][-1]) if own and is_written_here else ""
        copy = CommentedMap(
            (
                name,
                _written_out(node[name], aliases, name in own and (id(node), name) not in aliases),
            )
            for name in names
        )
    else:
        return node
    if node.fa.flow_style():
        copy.fa.set_flow_style()
    if is_written_here and hasattr(node, Comment.attrib):
        setattr(copy, Comment.attrib, node.ca)
        delattr(node, Comment.attrib)
        # ruamel repeats the comment after an anchored scalar at each of its aliases.
        for place, value in _entries(node):
            if isinstance(value, ScalarString) and (id(node), place) in aliases:
                copy.ca.items.get(place, [None] * 3)[_slot(copy)] = None
    if rest:
        _give_trailing(copy, rest)
    return copy


def _read_order(node: CommentedMap) -> list[str]:
    """Return the names in the order in which the file's reader has them: those that are taken over come first."""
    taken_over = [name for each in reversed([*node.merge]) for name in _read_order(each)]
    return list(dict.fromkeys([*taken_over, *(name for name, _ in node.non_merged_items())]))


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
