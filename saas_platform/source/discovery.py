"""Propose how the tables of a user's own database are mirrored, from what its catalogue says.

Contains: the choice of key, version column, slice, types and personal data.
Out of scope: reading a catalogue (each engine's discovery.py), and writing the proposal to a file
(schema/declared.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.declared import refer, unique_rule
from saas_platform.schema.describing import counted, printable
from saas_platform.schema.kinds import kind_of
from saas_platform.schema.mirror_names import mirror_names
from saas_platform.schema.slices import Slicing
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.source.interface import Advice
from saas_platform.source.personal import personal

#: A table with fewer rows is compared quickly as one slice.
_LARGE = 100_000
_UNCHECKED = "so that this reference is not checked"
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
class SeenUnique:
    """A set of columns that is unique, whatever enforces it."""

    columns: Sequence[str]
    #: How some of the columns are compared, if not by their own collation.
    collations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SeenReference:
    """A foreign key as the catalogue reports it. If `to` is empty, it refers to the parent's primary key."""

    columns: Sequence[str]
    table: str
    to: Sequence[str]
    #: How some of the parent's columns are compared, if not by their own collation.
    collations: Mapping[str, str] = field(default_factory=dict)
    #: Why a contract can't check the reference, as the words after `but`; empty if it can.
    why_not: str = ""
    #: What the contract's check of the reference leaves open, as the words after the comma; empty if nothing.
    remark: str = ""
    #: How the times of the two sides are compared in another way, as the words after the comma; empty if they are not.
    times: str = ""


@dataclass(frozen=True)
class SeenTable:
    """What an engine reports about a table."""

    name: str
    columns: Mapping[str, Seen]
    #: Columns of the primary key; empty if there is none.
    key: Sequence[str]
    #: Columns of each unique constraint. The first constraint without a NULL can serve as the key.
    candidates: Sequence[Sequence[str]]
    #: All sets of columns that are unique.
    unique: Sequence[SeenUnique]
    references: Sequence[SeenReference]
    rows: int
    #: How some columns of the primary key are compared, if not by their own collation.
    key_collations: Mapping[str, str] = field(default_factory=dict)
    #: Further columns, which the engine can't read. The proposal skips them.
    unreadable: Sequence[str] = ()


def propose(tables: Iterable[SeenTable]) -> tuple[list[sa.Table], dict[str, Advice | None]]:
    """Return the tables, each with its proposed key, version column, slice and personal data.

    The second part of the result has a note for each foreign key that can't be part of a contract, or not quite, with
    the advice that it gives.
    """
    notes: dict[str, Advice | None] = {}
    metadata = sa.MetaData()
    seen = {table.name: table for table in tables}
    names = mirror_names(seen)
    found = {each: _table(table, names[each], metadata) for each, table in seen.items()}
    for each, table in seen.items():
        _add_unique(found[each], table.unique)
        notes |= _add_references(found[each], table.references, found, seen)
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
            **_key_collation(table, key if in_key else [], names),
        },
    )


def _key_collation(
    table: SeenTable, key: Sequence[str], names: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the entry of a table's `info` on how its key is compared; none if as its columns are."""
    others = table.key_collations
    if not table.key:  # a unique constraint is the key
        like = [each.collations for each in table.unique if list(each.columns) == list(key)]
        others = min(like, key=len, default={})
    found = {names[each]: word for each, word in others.items() if each in key}
    return {"key_collation": found} if found else {}


def _add_unique(table: sa.Table, unique: Iterable[SeenUnique]) -> None:
    """Add the unique constraints that the catalogue reports, except the primary key."""
    by_source = {source_column(column): str(column.name) for column in table.columns}
    compared = table.info.get("key_collation", {})
    rules = {
        (
            tuple(by_source[name] for name in each.columns),
            tuple(sorted((by_source[name], word) for name, word in each.collations.items())),
        )
        for each in unique
    }
    key = tuple(str(column.name) for column in table.primary_key.columns)
    for names, others in sorted(rules - {(key, tuple(sorted(compared.items())))}):
        table.append_constraint(unique_rule(names, dict(others)))


def _add_references(
    table: sa.Table,
    references: Sequence[SeenReference],
    tables: Mapping[str, sa.Table],
    seen: Mapping[str, SeenTable],
) -> dict[str, Advice | None]:
    """Add each foreign key that the catalogue reports once, if both sides have the same portable type.

    Returns:
        A note for each foreign key that is not added, with the reason, and for each that is checked in another way,
        with the advice that the note gives.
    """
    notes: dict[str, Advice | None] = {}
    columns = {source_column(column): column for column in table.columns}
    added: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for reference in references:
        own = tuple((source_table(table)[1], name) for name in reference.columns)
        unchecked = Advice(own, lambda declared: not declared.foreign_keys)
        place = spelt(reference.table, tables)
        if place not in tables:
            said = _said(table, reference, reference.table)
            notes[f"{said}, but that table is not mirrored, {_UNCHECKED}."] = unchecked
            continue
        parent = tables[place]
        to, why_not = _referred(reference, parent, seen[place])
        referring = [columns[name] for name in reference.columns]
        if not why_not and any(
            type(m.type) is not type(t.type) or str(m.type) != str(t.type)
            for m, t in zip(referring, to, strict=True)
        ):
            why_not = "discovery proposes different types for the two sides"
        said = _said(table, reference, str(parent.name))
        if why_not:
            notes[f"{said}, but {why_not}, {_UNCHECKED}."] = unchecked
            continue
        names = [(str(m.name), str(t.name)) for m, t in zip(referring, to, strict=True)]
        if (place, frozenset(names)) in added:
            continue
        added.add((place, frozenset(names)))
        compared = {
            str(t.name): reference.collations[source_column(t)]
            for t in to
            if source_column(t) in reference.collations
        }
        refer(table, [m for m, _ in names], parent, [t for _, t in names], compared)
        if reference.remark:
            notes[f"{said}, {reference.remark}."] = None
        if reference.times:
            sides = [*referring, *to]
            places = tuple((source_table(each.table)[1], source_column(each)) for each in sides)
            notes[f"{said}, {reference.times}."] = Advice(places, is_time)
    return notes


def is_time(column: sa.Column[Any]) -> bool:
    """Return whether the column is declared as a time."""
    return kind_of(column).name == "time"


def _referred(
    reference: SeenReference, parent: sa.Table, seen: SeenTable
) -> tuple[list[sa.Column[Any]], str]:
    """Return the columns that a foreign key refers to, and why it can't be checked; an empty text if it can."""
    columns = {source_column(column): column for column in parent.columns}
    # The key of the catalogue, which is not the mirror's key if it contains NULL.
    names = [spelt(name, columns) for name in reference.to or seen.key]
    to = [columns[name] for name in names if name in columns]
    if reference.why_not:
        return to, reference.why_not
    if not names:
        return to, "that table has no primary key that can be read"
    lacking = [name for name in names if name not in columns]
    if lacking:
        return to, f"that table has no column {', '.join(map(printable, lacking))} in the mirror"
    if len(to) != len(reference.columns):
        return to, f"its primary key has {counted(len(to), 'column')}"
    return to, ""


def spelt(name: str, names: Collection[str]) -> str:
    """Return the name as it is among the others, because a catalogue may ignore the case of names."""
    like = [each for each in names if each.casefold() == name.casefold()]
    return name if name in names or not like else like[-1]


def _said(table: sa.Table, reference: SeenReference, parent: str) -> str:
    own = ", ".join(map(printable, reference.columns))
    return f"{printable(str(table.name))} references {printable(parent)} by {own}"


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
