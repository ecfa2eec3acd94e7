"""Put back the comments that a change of a `tables.yaml` lost.

ruamel.yaml drops some comments: those inside `{ ... }` on several lines, those after an alias, and those that it had
attached to an entry which was replaced. A comment that was lost becomes a line of its own above the entry that it stood
at. A comment in a table or column that was removed goes with it.

Out of scope: the change itself (merging.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

#: The names and numbers that lead to an entry.
_Path = tuple[str | int, ...]
#: In a path, the sign `<<` that takes over the entries of other mappings. A name `"<<"` is in quotes.
_MERGE = -1
_COMMENT = re.compile(r"#[^\r\n\x85\u2028\u2029]*")
_BREAK = re.compile(r"[\r\n\x85\u2028\u2029]")


@dataclass(frozen=True)
class _Comment:
    text: str
    index: int
    line: int
    #: Whether it stands alone on its line.
    is_alone: bool


@dataclass
class _Entry:
    """An entry of a mapping or list, from its name or dash to the end of its last value."""

    path: _Path
    index: int
    line: int
    end: int = 0
    last_line: int = 0
    #: Whether it is written as `{ ... }` or `[ ... ]`.
    is_flow: bool = False


def with_comments(before: str, after: str) -> str:
    """Return the changed text with the comments of the text before the change.

    Args:
        before: the text of the file.
        after: the text with the changes, of which some may have lost comments.
    """
    if not _means_the_same(after, after):
        return after  # Nothing unreadable is ever written, and the message on it names its line.
    after = _without_strayed(before, after)
    old, new = _entries(before), {each.path: each for each in _entries(after)}
    gone = [each for each in old if _is_thing(each.path) and each.path not in new]
    wanted = [
        comment
        for comment in _comments(before)
        if not any(e.index < comment.index and comment.line <= e.last_line for e in gone)
    ]
    there = Counter(comment.text for comment in _comments(after))
    lost = []
    for comment in wanted:
        there[comment.text] -= 1
        if there[comment.text] < 0:
            lost.append(comment)
    if not lost:
        return after
    above: dict[int, list[str]] = {}
    lines = after.split("\n")
    for comment in lost:
        line = _line_of(comment, old, new, after)
        # The comments that came after it stay after it, so that they go on leading to their own entry.
        later = {each.text for each in _comments(before) if each.index > comment.index}
        while comment.is_alone and line and lines[line - 1].strip() in later:
            line -= 1
        above.setdefault(line, []).append(comment.text)
    placed = _inserted(after, above)
    if _means_the_same(placed, after):
        return placed
    # The line is inside a text of several lines.
    return "".join(f"{comment.text}\n" for comment in lost) + after


def _without_strayed(before: str, after: str) -> str:
    """Return the changed text without the comments that moved from the end of a line to the line below it.

    They would be taken to lead to what follows.
    """
    old, new = _comments(before), _comments(after)
    count = Counter(comment.text for comment in [*old, *new])
    at_end = {each.text for each in old if not each.is_alone and count[each.text] == 2}
    strayed = {each.line for each in new if each.is_alone and each.text in at_end}
    lines = after.split("\n")
    return "\n".join(line for number, line in enumerate(lines) if number not in strayed)


def _is_thing(path: _Path) -> bool:
    """Return whether the entry is a table, or a column of one."""
    return (
        path[:1] == ("tables",)
        and path[-1] != _MERGE
        and (len(path) == 2 or (len(path) == 4 and path[2] == "columns"))
    )


def _line_of(comment: _Comment, old: list[_Entry], new: Mapping[_Path, _Entry], text: str) -> int:
    """Return the line of the changed text above which the comment goes."""
    around = [each for each in old if each.index < comment.index]
    in_flow = any(each.is_flow and comment.index < each.end for each in around)
    if comment.is_alone and not in_flow:
        # It leads to what follows it.
        for each in old:
            if each.index > comment.index and each.path in new:
                return new[each.path].line
        if around:
            return text.rstrip("\n").count("\n") + 1  # It ends the file.
    path: _Path = around[-1].path if around else ()
    while path and path not in new:
        path = path[:-1]
    return new[path].line if path else 0


def _inserted(text: str, above: Mapping[int, list[str]]) -> str:
    """Return the text with the comments above the lines, each as far to the right as the line."""
    lines = text.split("\n")
    for number in sorted(above, reverse=True):
        line = lines[number] if number < len(lines) else ""
        blank = line[: len(line) - len(line.lstrip(" "))]
        lines[number:number] = [blank + comment for comment in above[number]]
    return "\n".join(lines)


def _means_the_same(text: str, other: str) -> bool:
    try:
        return bool(yaml.safe_load(text) == yaml.safe_load(other))
    except yaml.YAMLError:
        return False


def _comments(text: str) -> list[_Comment]:
    """Return the comments in order."""
    found, end = [], 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        found += [*_comments_between(text, end, token.start_mark.index)]
        end = max(end, token.end_mark.index)
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            # A comment after the mark of a block of text is on the line of the mark.
            first = token.start_mark.index
            stop = _BREAK.search(text, first)
            found += [*_comments_between(text, first, stop.start() if stop else len(text))]
    return [*found, *_comments_between(text, end, len(text))]


def _comments_between(text: str, start: int, end: int) -> Iterator[_Comment]:
    """Yield the comments in a part of the text that has no values."""
    for match in _COMMENT.finditer(text, start, end):
        index = match.start()
        line = text.count("\n", 0, index)
        before = text[text.rfind("\n", 0, index) + 1 : index]
        yield _Comment(match[0].rstrip(), index, line, not before.strip())


@dataclass
class _Open:
    """A list or mapping that is being read."""

    entry: _Entry
    is_list: bool
    #: The number of items so far; the name whose value comes next, or None if a name comes next.
    place: str | int | None


def _entries(text: str) -> list[_Entry]:
    """Return the entries in order."""
    found: list[_Entry] = []
    around: list[_Open] = []
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            entry = around.pop().entry
            # The end of a block is only known to be before what follows it.
            if entry.is_flow:
                _extend([entry, *(each.entry for each in around)], event)
        elif isinstance(event, yaml.NodeEvent):
            entry = _entry_of(event, around, found)
            if isinstance(event, yaml.CollectionStartEvent):
                entry.is_flow = bool(event.flow_style)
                is_list = isinstance(event, yaml.SequenceStartEvent)
                around.append(_Open(entry, is_list, 0 if is_list else None))
            else:
                _extend([entry, *(each.entry for each in around)], event)
    return found


def _entry_of(event: yaml.NodeEvent, around: list[_Open], found: list[_Entry]) -> _Entry:
    """Return the entry that a name or value belongs to, which is new unless it is the value after a name."""
    inner = around[-1] if around else None
    if inner is not None and not inner.is_list and inner.place is not None:
        inner.place = None
        return found[-1]
    path: _Path = ()
    if inner is not None and isinstance(inner.place, int):
        path = (*inner.entry.path, inner.place)
        inner.place += 1
    elif inner is not None:
        name, style = str(getattr(event, "value", "")), getattr(event, "style", None)
        inner.place = _MERGE if name == "<<" and style is None else name
        path = (*inner.entry.path, inner.place)
    entry = _Entry(path, *_place(event.start_mark))
    if path:
        found.append(entry)
    return entry


def _extend(entries: list[_Entry], event: yaml.Event) -> None:
    """Extend the entries to the end of a name or value in them."""
    index, line = _place(event.end_mark)
    is_block = isinstance(event, yaml.ScalarEvent) and event.style in ("|", ">")
    for entry in entries:
        entry.end = max(entry.end, index)
        entry.last_line = max(entry.last_line, line - is_block)


def _place(mark: Any) -> tuple[int, int]:
    """Return the index and the line of a mark, which every event of a text has."""
    return mark.index, mark.line
