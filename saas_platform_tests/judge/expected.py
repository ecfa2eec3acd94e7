"""What tables.yaml declares, and the right state of each table, read by plain YAML and `sqlite3`.

Out of scope: how a value must be mirrored (rules.py), and what the commands did (faults.py).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from saas_platform_tests.judge.rules import Normal, Right, Stops, Stored, right

#: A row: a value for each column, as `rules.mirrored` returns them.
Row = tuple[Normal, ...]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Misfit:
    """A value that must stop its table, with the key of its row."""

    column: str
    kind: str
    value: Stored
    masked: bool
    #: The columns of the key that hold no personal data, with their values.
    key: Mapping[str, Stored]


@dataclass(frozen=True)
class Declared:
    """A table in tables.yaml, as plain YAML reads it."""

    name: str
    #: Its name in the source, and those of its columns.
    source: str
    sources: dict[str, str]
    key: tuple[str, ...]
    kinds: dict[str, str]
    nullable: dict[str, bool]
    masked: frozenset[str]


@dataclass
class Expected:
    """The right state of one table at present."""

    table: Declared
    source: list[dict[str, Stored]]
    rights: list[list[Right]]
    misfits: list[Misfit] = field(default_factory=list)

    @cached_property
    def stops(self) -> Stops:
        found = {each.stops for row in self.rights for each in row}
        if self.misfits or self.merged_key:
            return Stops.MUST
        return Stops.MAY if Stops.MAY in found else Stops.NEVER

    @cached_property
    def merged_key(self) -> bool:
        """Whether two keys of the source are the same in the mirror."""
        places = [list(self.table.kinds).index(name) for name in self.table.key]
        keys = Counter(tuple(row[place].value for place in places) for row in self.rights if places)
        return any(count > 1 for count in keys.values())

    @cached_property
    def rows(self) -> Counter[Row] | None:
        """The rows that the mirror must have; None if a value can't be mirrored."""
        if self.stops is Stops.MUST:
            return None
        return Counter(
            tuple(each.value for each in row if each.value is not None) for row in self.rights
        )


def declared_in(declarations: Mapping[str, Any]) -> dict[str, Declared]:
    """Return the tables that the text of tables.yaml declares, by name."""
    return {
        name: Declared(
            name,
            table.get("source", name),
            {column: each.get("source", column) for column, each in table["columns"].items()},
            tuple(table["key"]),
            {column: each["type"] for column, each in table["columns"].items()},
            {
                column: each.get("nullable", True) and column not in table["key"]
                for column, each in table["columns"].items()
            },
            frozenset(c for c, each in table["columns"].items() if each.get("pii")),
        )
        for name, table in declarations.items()
    }


def expected_of(connection: sqlite3.Connection, table: Declared) -> Expected:
    """Return the right state of the table, from what the source holds now."""
    asked = ", ".join(map(quoted, table.sources.values()))
    rows = [
        dict(zip(table.kinds, row, strict=True))
        for row in connection.execute(f"SELECT {asked} FROM {quoted(table.source)}")
    ]
    expected = Expected(table, rows, [])
    for row in rows:
        rights = []
        for column, kind in table.kinds.items():
            found = right(kind, table.nullable[column], row[column])
            rights.append(found)
            if found.stops is Stops.MUST:
                key = {name: row[name] for name in table.key if name not in table.masked}
                misfit = Misfit(column, kind, row[column], column in table.masked, key)
                expected.misfits.append(misfit)
        expected.rights.append(rights)
    return expected
