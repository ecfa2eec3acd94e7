"""Finding the tables of a database of the user's own: what is proposed for what its catalogue says.

Holds: key, version, slice, types, personal data. Does not hold: reading a catalogue (each engine's
discovery.py), or the file that it is written to (schema/declared.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.slices import Slice

#: A table of fewer rows is compared as one slice in no time.
_LARGE = 100_000
_CREATED = re.compile(r"creat|insert|order|invoice|issued|occurred|posted|date|_at$", re.IGNORECASE)
_PII = {
    "email": re.compile(r"e-?mail", re.IGNORECASE),
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


@dataclass(frozen=True)
class SeenTable:
    """What an engine says of a table."""

    name: str
    columns: Mapping[str, Seen]
    #: Columns of the primary key; empty where there is none.
    key: Sequence[str]
    #: Columns of each unique constraint.
    unique: Sequence[Sequence[str]]
    rows: int


def propose(table: SeenTable, metadata: sa.MetaData) -> sa.Table:
    """The table, with what is proposed for it."""
    found = [_column(each, what) for each, what in table.columns.items()]
    with_null = {each for each, what in table.columns.items() if what.has_null}
    key = table.key or next(
        (names for names in table.unique if not with_null.intersection(names)), []
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


def _column(name: str, seen: Seen) -> sa.Column[Any]:
    info: dict[str, Any] = {"declared": seen.declared}
    pii = next((p for p, pattern in _PII.items() if pattern.search(name)), None)
    if pii is not None and isinstance(seen.type, sa.String):
        info["pii"] = pii
    return sa.Column(name, seen.type, nullable=seen.nullable, info=info)


def portable(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """The type in which the values travel; what has none of its own travels as text."""
    match kind:
        case sa.Boolean():
            return sa.Boolean()
        case sa.Integer():
            return sa.BigInteger()
        case sa.Float():
            return sa.Double()
        case sa.Numeric(precision=int(precision), scale=scale) if precision <= 38:
            return sa.Numeric(precision, scale or 0)
        case sa.DateTime():
            return sa.DateTime()
        case sa.Date():
            return sa.Date()
        case sa.LargeBinary():
            return sa.LargeBinary()
    return sa.String()


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
