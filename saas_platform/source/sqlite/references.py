"""Find out how SQLite compares the two sides of a foreign key, and where a contract can't compare them so.

The parent's side decides. A reference to columns is compared by their own collations, and SQLite refuses to check it
unless a unique index compares them so too. A reference to the primary key is compared as the index of the key does.
The parent's affinity is applied to the child's value first.

Contains: that comparison, for the proposals of source/discovery.py. Out of scope: checking a reference (contracts/).
No counterpart in SQL Server: both sides of a foreign key have one type and one collation there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.collations import BINARY
from saas_platform.schema.describing import printable
from saas_platform.source.discovery import SeenReference, SeenTable, SeenUnique, spelt
from saas_platform.source.sqlite.catalogue import UNKNOWN, Index
from saas_platform.source.sqlite.catalogue_types import Affinity
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.profiling import time_forms

#: The collations that the contract can apply.
_KNOWN = (BINARY, "NOCASE", "RTRIM")


@dataclass(frozen=True)
class Compared:
    """How SQLite compares the columns of a table."""

    #: By column, of those that may hold texts or that an index compares; any other is compared as BINARY.
    collations: Mapping[str, str]
    affinities: Mapping[str, Affinity]
    indexes: Sequence[Index]
    #: Whether the key is the row id, which has no index.
    key_is_rowid: bool

    def of_index(self, index: Index, texts: Collection[str]) -> dict[str, str]:
        """Return how the index compares those of the columns `texts` that it compares in another way than their own.

        A collation that only another program has equates at least equal bytes.
        """
        found = {}
        for name, collation in zip(index.columns, index.collations, strict=True):
            word = collation if collation in _KNOWN else BINARY
            own = self.collations.get(name, BINARY) or BINARY
            if name in texts and word != own:
                found[name] = word
        return found

    def keeps(self, names: Collection[str]) -> bool:
        """Return whether a unique index compares exactly these columns by their own collations."""
        return any(
            set(index.columns) == set(names)
            and all(
                collation == (own := self.collations.get(name, BINARY))
                or (own == UNKNOWN and collation not in _KNOWN)
                for name, collation in zip(index.columns, index.collations, strict=True)
            )
            for index in self.indexes
        )


def texts_of(types: Mapping[str, sa.types.TypeEngine[object]]) -> set[str]:
    """Return the columns that may hold texts in the mirror, which only a collation compares."""
    return {name for name, type_ in types.items() if isinstance(type_, sa.String)}


def unique_rules(compared: Compared, texts: Collection[str]) -> list[SeenUnique]:
    """Return what the indexes keep unique."""
    return [
        SeenUnique(index.columns, compared.of_index(index, texts)) for index in compared.indexes
    ]


def judged(
    cursor: SqliteCursor, tables: Iterable[SeenTable], compared: Mapping[str, Compared]
) -> list[SeenTable]:
    """Return the tables with the collation of each column that is compared, and what a contract must know of references."""
    seen = {table.name: table for table in tables}
    named = {
        table.name: {*table.key, *(name for rule in table.unique for name in rule.columns)}
        for table in seen.values()
    }
    references: dict[str, list[SeenReference]] = {table.name: [] for table in seen.values()}
    for table in seen.values():
        for each in table.references:
            parent = seen.get(spelt(each.table, seen))
            named[table.name].update(each.columns)
            if parent is None:
                references[table.name].append(each)
                continue
            named[parent.name].update(_referred(each, parent))
            sides = (table, compared[table.name]), (parent, compared[parent.name])
            references[table.name].append(_judged(cursor, each, *sides))
    return [
        replace(
            table,
            columns={
                name: replace(column, collation=compared[table.name].collations.get(name, ""))
                if name in named[table.name] & texts_of(_types(table))
                else column
                for name, column in table.columns.items()
            },
            references=references[table.name],
        )
        for table in seen.values()
    ]


def _types(table: SeenTable) -> dict[str, sa.types.TypeEngine[object]]:
    return {name: column.type for name, column in table.columns.items()}


def _referred(reference: SeenReference, parent: SeenTable) -> list[str]:
    """Return the columns of the parent as it spells them."""
    return [spelt(name, parent.columns) for name in reference.to or parent.key]


def _judged(
    cursor: SqliteCursor,
    reference: SeenReference,
    child: tuple[SeenTable, Compared],
    parent: tuple[SeenTable, Compared],
) -> SeenReference:
    to = _referred(reference, parent[0])
    if len(to) != len(reference.columns) or not set(to) <= {*parent[0].columns}:
        return reference  # The proposal says why it can't be checked.
    texts = texts_of(_types(parent[0]))
    key = next((index for index in parent[1].indexes if index.is_key), None)
    collations = {}
    if not reference.to and key is not None:
        collations = parent[1].of_index(key, texts)
        collated = dict(zip(key.columns, key.collations, strict=True))
    else:
        collated = {name: parent[1].collations.get(name, BINARY) for name in to}
    if any(name in texts and collated[name] not in _KNOWN for name in to):
        why_not = "SQLite compares it by a collation that only the program which wrote the file has"
        return replace(reference, why_not=why_not)
    pairs = list(zip(reference.columns, to, strict=True))
    for own, referenced in pairs:
        types = child[0].columns[own].type, parent[0].columns[referenced].type
        applied = parent[1].affinities[referenced]
        if all(isinstance(each, AnyValue) for each in types) and applied not in (
            "none",
            child[1].affinities[own],
        ):
            words = (
                "texts that are numbers as numbers" if applied == "number" else "numbers as texts"
            )
            return replace(
                reference,
                why_not=f"SQLite compares {words} there, and keeps them apart in {printable(own)}",
            )
    remark = times = ""
    is_rowid = parent[1].key_is_rowid and to == list(parent[0].key)
    if reference.to and not is_rowid and not parent[1].keeps(to):
        remark = (
            f"which SQLite itself can't check, because no unique index of {printable(parent[0].name)} compares"
            f" {', '.join(map(printable, to))} as the table declares it: the contract checks it"
        )
    if any(_mixes_forms(cursor, child[0], own, parent[0], name) for own, name in pairs):
        times = (
            "whose times are written in several ways: SQLite compares the texts, and the contract the times, so that"
            " it takes 2024-01-01 for 2024-01-01 00:00:00. To compare texts, write `type: text` for both sides in"
            " tables.yaml"
        )
    return replace(reference, collations=collations, remark=remark, times=times)


def _mixes_forms(
    cursor: SqliteCursor, child: SeenTable, own: str, parent: SeenTable, referenced: str
) -> bool:
    sides = ((child, own), (parent, referenced))
    if not all(isinstance(table.columns[name].type, sa.DateTime) for table, name in sides):
        return False
    return len({form for table, name in sides for form in time_forms(cursor, table.name, name)}) > 1
