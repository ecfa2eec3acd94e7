"""Propose how the tables of a user's own database are mirrored, from what its catalogue says.

Contains: the choice of key, version column, slice, types and personal data.
Out of scope: reading a catalogue (each engine's discovery.py), and writing the proposal to a file
(schema/declared.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.declared import refer
from saas_platform.schema.describing import printable
from saas_platform.schema.mirror_names import mirror_names
from saas_platform.schema.slices import Slicing
from saas_platform.schema.source_names import source_column
from saas_platform.source.personal import personal

#: A table with fewer rows is compared quickly as one slice.
_LARGE = 100_000
_CREATED = re.compile(r"creat|insert|order|invoice|issued|occurred|posted|date|_at$", re.IGNORECASE)


@dataclass(frozen=True)
class Seen:
    """What an engine reports about a column."""

    #: The type in the catalogue, as the snapshot's `columns` reports it.
    declared: str
    #: The portable type that holds all values of the column.
    type: sa.types.TypeEngine[Any]
    nullable: bool
    #: Whether the column contains a NULL now.
    has_null: bool
    #: Whether the database itself increases the value with every write to the row.
    is_version: bool = False
    #: Some of its values, used to recognise personal data (source/personal.py).
    sample: Sequence[Any] = ()
    #: Whether the values, and not the catalogue, decided the type.
    by_values: bool = False
    #: How the database compares the values, unless it compares their bytes (SQLite: NOCASE, RTRIM).
    collation: str = ""


@dataclass(frozen=True)
class SeenReference:
    """A foreign key as the catalogue reports it. If `to` is empty, it refers to the parent's primary key."""

    columns: Sequence[str]
    table: str
    to: Sequence[str]


@dataclass(frozen=True)
class SeenTable:
    """What an engine reports about a table."""

    name: str
    columns: Mapping[str, Seen]
    #: Columns of the primary key; empty if there is none.
    key: Sequence[str]
    #: Columns of each unique constraint. The first constraint without a NULL can serve as the key.
    candidates: Sequence[Sequence[str]]
    #: All sets of columns that are unique, whatever enforces it.
    unique: Iterable[Sequence[str]]
    references: Sequence[SeenReference]
    rows: int
    #: Further columns, which the engine can't read. The proposal skips them.
    unreadable: Sequence[str] = ()


def propose(tables: Iterable[SeenTable]) -> tuple[list[sa.Table], list[str]]:
    """Return the tables, each with its proposed key, version column, slice and personal data.

    The second part of the result has a note for each foreign key that can't be part of a contract.
    """
    notes: list[str] = []
    metadata = sa.MetaData()
    seen = {table.name: table for table in tables}
    names = mirror_names(seen)
    found = {each: _table(table, names[each], metadata) for each, table in seen.items()}
    for each, table in seen.items():
        _add_unique(found[each], table.unique)
        notes += _add_references(found[each], table.references, found)
    return list(found.values()), notes


def _table(table: SeenTable, name: str, metadata: sa.MetaData) -> sa.Table:
    names = mirror_names(table.columns)
    found = [_column(table.name, each, names[each], what) for each, what in table.columns.items()]
    with_null = {each for each, what in table.columns.items() if what.has_null}
    key = table.key or next(
        (names for names in table.candidates if not with_null.intersection(names)), []
    )
    # SQLite allows NULL in a primary key. Such a key does not identify a row.
    in_key = set() if with_null.intersection(key) else set(key)
    version = next((c for c in found if table.columns[source_column(c)].is_version), None)
    if version is not None and in_key:  # a table without a key is reloaded in full
        version.info["row_version"] = True
    slicing = _slice(found) if table.rows > _LARGE else None
    return sa.Table(
        name,
        metadata,
        *(
            sa.Column(
                column.name,
                column.type,
                primary_key=source_column(column) in in_key,
                autoincrement=False,
                nullable=column.nullable and source_column(column) not in in_key,
                info=column.info,
            )
            for column in found
        ),
        info={
            **({} if slicing is None else {"slice": slicing}),
            **({} if table.name == name else {"source_name": table.name}),
            **({"skipped": tuple(table.unreadable)} if table.unreadable else {}),
        },
    )


def _add_unique(table: sa.Table, unique: Iterable[Sequence[str]]) -> None:
    """Add the unique constraints that the catalogue reports, except the primary key."""
    by_source = {source_column(column): str(column.name) for column in table.columns}
    key = tuple(column.name for column in table.primary_key.columns)
    for names in sorted({tuple(by_source[each] for each in names) for names in unique} - {key}):
        table.append_constraint(sa.UniqueConstraint(*names))


def _add_references(
    table: sa.Table, references: Sequence[SeenReference], tables: Mapping[str, sa.Table]
) -> list[str]:
    """Add the foreign keys that the catalogue reports, if both sides have the same portable type.

    Returns:
        A note for each foreign key whose sides have different types.
    """
    notes = []
    # A catalogue may ignore the case of names.
    by_name = {name.casefold(): each for name, each in tables.items()}
    columns = {source_column(column): column for column in table.columns}
    for reference in references:
        parent = tables.get(reference.table, by_name.get(reference.table.casefold()))
        if parent is None:
            continue
        parent_columns = {source_column(column).casefold(): column for column in parent.columns}
        names = reference.to or [source_column(c) for c in parent.primary_key.columns]
        to = [
            parent_columns[name.casefold()] for name in names if name.casefold() in parent_columns
        ]
        referring = [columns[name] for name in reference.columns]
        if len(referring) != len(to):
            continue
        if all(
            type(m.type) is type(t.type) and str(m.type) == str(t.type)
            for m, t in zip(referring, to, strict=True)
        ):
            refer(table, [column.name for column in referring], parent, [c.name for c in to])
        else:
            own = ", ".join(printable(name) for name in reference.columns)
            notes.append(
                f"{printable(str(table.name))} references {printable(str(parent.name))} by {own}, but discovery"
                " proposes different types for the two sides, so that this reference is not checked."
            )
    return notes


def _column(table: str, source_name: str, name: str, seen: Seen) -> sa.Column[Any]:
    info: dict[str, Any] = {
        "declared": seen.declared,
        **({"by_values": True} if seen.by_values else {}),
    }
    if name != source_name:
        info["source_name"] = source_name
    found = personal(source_name, seen.sample, seen.type, table)
    if found is not None:
        info |= {"pii": found.kind, "pii_why": found.why}
    if seen.collation:
        info["collation"] = seen.collation
    return sa.Column(name, seen.type, nullable=seen.nullable, info=info)


def _slice(columns: list[sa.Column[Any]]) -> Slicing | None:
    """Return the first required timestamp or date whose name says that the row was created then."""
    for column in columns:
        if (
            isinstance(column.type, sa.DateTime | sa.Date)
            and not column.nullable
            and "pii" not in column.info
            and _CREATED.search(column.name)
        ):
            return Slicing(column.name, "month")
    return None
