"""The tree of a `tables.yaml`: its tables, each of which can be changed without changing another one.

Contains: the changes of whole tables and of their lists. Out of scope: which changes are made (schema/merging.py), and
YAML itself (schema/commented_yaml.py).

Tables, columns and lists may stand for one another by YAML's aliases (`*a`, `<<: *a`). A table is written out before
its first change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap

from saas_platform.schema.commented_yaml import (
    aliases,
    append,
    dumped,
    loaded,
    put_first,
    quoted_value,
    remove,
    write_out,
)


class TablesTree:
    """The tree of a file's text, with its comments."""

    def __init__(self, text: str) -> None:
        self._file: CommentedMap = loaded(text)
        self._aliases = aliases(self._file)
        #: The tables that share nothing with others.
        self._apart: set[str] = set()

    def text(self) -> str:
        """Return the file's text as it is now."""
        return dumped(self._file)

    @property
    def tables(self) -> CommentedMap:
        """The entries of the tables, to read. A change must begin with `to_change`."""
        tables: CommentedMap = self._file["tables"]
        return tables

    def to_change(self, name: str) -> CommentedMap:
        """Return a table's entry, in which every part can be changed without changing another part or table."""
        if self.tables.merge:
            write_out(self._file, "tables", self._aliases)
        if self._aliases and name not in self._apart:
            write_out(self.tables, name, self._aliases)
            self._apart.add(name)
        table: CommentedMap = self.tables[name]
        return table

    def append(self, name: str, entry: Mapping[str, Any]) -> None:
        """Append a table."""
        # The comments after the last table come after the new one.
        for last in [*self.tables][-1:]:
            self.to_change(last)
        append(self.tables, name, quoted_value(entry))
        self._apart.add(name)

    def remove(self, name: str) -> None:
        """Remove a table."""
        names = [*self.tables]
        # The comments after the table come after the one before it.
        for each in names[max(names.index(name) - 1, 0) : names.index(name) + 1]:
            self.to_change(each)
        remove(self.tables, name)

    def skipped(self, name: str) -> list[str]:
        """Return the columns that a table skips."""
        return [str(each) for each in self.tables[name].get("skip", ())]

    def skip_columns(self, name: str, columns: Iterable[str]) -> list[str]:
        """Skip columns of a table.

        Returns:
            Those that were not skipped before, in whatever case.
        """
        skipped = self.skipped(name)
        known = {each.casefold() for each in skipped}
        new = [each for each in columns if each.casefold() not in known]
        if new:
            put_first(self.to_change(name), "skip", quoted_value([*skipped, *new]))
        return new

    def skip_table(self, entry: str | Mapping[str, str]) -> None:
        """Skip a table of the source."""
        there = [
            dict(each) if isinstance(each, Mapping) else str(each)
            for each in self._file.get("skip", ())
        ]
        if entry not in there:
            plain = [
                {str(key): str(value) for key, value in each.items()}
                if isinstance(each, Mapping)
                else each
                for each in (*there, entry)
            ]
            put_first(self._file, "skip", quoted_value(plain))

    def drop(self, table: str, part: str, condition: Callable[[Any], bool]) -> bool:
        """Remove the entries of a table's list that meet a condition, and the list if it is then empty.

        Returns:
            Whether any entry was removed.
        """
        entries = self.tables[table].get(part, [])
        places = [place for place, entry in enumerate(entries) if condition(entry)]
        if not places:
            return False
        node = self.to_change(table)
        for place in reversed(places):
            del node[part][place]
        if not node[part]:
            remove(node, part)
        return True
