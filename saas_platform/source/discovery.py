"""Finding the tables of a database of the user's own: what is proposed for what its catalogue says.

Holds: key, version, slice, types, personal data. Does not hold: reading a catalogue (each engine's
discovery.py), or the file that it is written to (schema/declared.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.declared import refer
from saas_platform.schema.slices import Slice

#: A table of fewer rows is compared as one slice in no time.
_LARGE = 100_000
_CREATED = re.compile(r"creat|insert|order|invoice|issued|occurred|posted|date|_at$", re.IGNORECASE)
_PII = {
    "email": re.compile(r"e[-_ ]?mail", re.IGNORECASE),
    "name": re.compile(r"(first|last|full|contact|given|family|sur)[ _]?name", re.IGNORECASE),
    "free_text": re.compile(r"phone|fax|address|street|postal", re.IGNORECASE),
}


@dataclass(frozen=True)
class Seen:
    """What an engine says of a column."""

    #: In its catalogue, as the snapshot's `columns` tells it.
    declared: str
    #: The portable type that all values have.
    type: sa.types.TypeEngine[Any]
    nullable: bool
    #: Whether a NULL is in it now.
    has_null: bool
    #: Whether the database itself raises it with every write to the row.
    is_version: bool = False
    #: How the database compares it, where that is not by its bytes (SQLite: NOCASE, RTRIM).
    collation: str = ""


@dataclass(frozen=True)
class SeenReference:
    """A foreign key, as the catalogue tells it; without `to` it names the parent's primary key."""

    columns: Sequence[str]
    table: str
    to: Sequence[str]


@dataclass(frozen=True)
class SeenTable:
    """What an engine says of a table."""

    name: str
    columns: Mapping[str, Seen]
    #: Columns of the primary key; empty where there is none.
    key: Sequence[str]
    #: Columns of each unique constraint: the first without a NULL will do for a key.
    candidates: Sequence[Sequence[str]]
    #: All columns that no two rows share, whatever keeps them so.
    unique: Iterable[Sequence[str]]
    references: Sequence[SeenReference]
    rows: int


def propose(tables: Iterable[SeenTable]) -> list[sa.Table]:
    """The tables, with what is proposed for each."""
    metadata = sa.MetaData()
    seen = list(tables)
    found = {table.name: _table(table, metadata) for table in seen}
    for table in seen:
        _add_unique(found[table.name], table.unique)
        _add_references(found[table.name], table.references, found)
    return list(found.values())


def _table(table: SeenTable, metadata: sa.MetaData) -> sa.Table:
    found = [_column(each, what) for each, what in table.columns.items()]
    with_null = {each for each, what in table.columns.items() if what.has_null}
    key = table.key or next(
        (names for names in table.candidates if not with_null.intersection(names)), []
    )
    # SQLite lets NULL into a primary key, and then it tells no row from another.
    in_key = set() if with_null.intersection(key) else set(key)
    version = next((c for c in found if table.columns[c.name].is_version), None)
    if version is not None and in_key:  # without a key a table is replaced whole
        version.info["row_version"] = True
    cut = _slice(found) if table.rows > _LARGE else None
    return sa.Table(
        table.name,
        metadata,
        *(
            sa.Column(
                column.name,
                column.type,
                primary_key=column.name in in_key,
                autoincrement=False,
                nullable=column.nullable and column.name not in in_key,
                info=column.info,
            )
            for column in found
        ),
        info={} if cut is None else {"slice": cut},
    )


def _add_unique(table: sa.Table, unique: Iterable[Sequence[str]]) -> None:
    """What the catalogue says that no two rows share, but for the key."""
    key = tuple(column.name for column in table.primary_key.columns)
    for names in sorted({tuple(names) for names in unique} - {key}):
        table.append_constraint(sa.UniqueConstraint(*names))


def _add_references(
    table: sa.Table, references: Sequence[SeenReference], tables: Mapping[str, sa.Table]
) -> None:
    """The catalogue's foreign keys; not one whose values travel as another type than what they name."""
    # Catalogues may not tell capitals from small letters in names.
    by_name = {name.casefold(): each for name, each in tables.items()}
    for told in references:
        parent = by_name.get(told.table.casefold())
        if parent is None:
            continue
        theirs = {column.name.casefold(): column for column in parent.columns}
        names = told.to or [c.name for c in parent.primary_key.columns]
        to = [theirs[name.casefold()] for name in names if name.casefold() in theirs]
        mine = [table.columns[name] for name in told.columns]
        if len(mine) == len(to) and all(
            type(m.type) is type(t.type) and str(m.type) == str(t.type)
            for m, t in zip(mine, to, strict=True)
        ):
            refer(table, [column.name for column in mine], parent, [c.name for c in to])


def _column(name: str, seen: Seen) -> sa.Column[Any]:
    info: dict[str, Any] = {"declared": seen.declared}
    pii = next((p for p, pattern in _PII.items() if pattern.search(name)), None)
    if pii is not None and isinstance(seen.type, sa.String):
        info["pii"] = pii
    if seen.collation:
        info["collation"] = seen.collation
    return sa.Column(name, seen.type, nullable=seen.nullable, info=info)


def _slice(columns: list[sa.Column[Any]]) -> Slice | None:
    """The first required time or date whose name says that it is when the row came to be."""
    for column in columns:
        if (
            isinstance(column.type, sa.DateTime | sa.Date)
            and not column.nullable
            and _CREATED.search(column.name)
        ):
            return Slice(column.name, "month")
    return None
