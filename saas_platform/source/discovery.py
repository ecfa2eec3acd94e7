"""Finding the tables of a database of the user's own, by its catalogue.

Holds: what is read from the catalogue through SQLAlchemy, and what is proposed: key, version, slice,
types. Does not hold: the file it is written to (schema/declared.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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


#: What the engine says of each column of a table, given what SQLAlchemy reflects of them.
Look = Callable[[sa.Connection, str, list[dict[str, Any]]], dict[str, Seen]]


def discover(
    connection: sa.Connection, ignore: Callable[[str], bool], look: Look
) -> list[sa.Table]:
    """The database's tables, each with what is proposed for it; views are left out."""
    inspector = sa.inspect(connection)
    metadata = sa.MetaData()
    found = {
        name: _table(connection, inspector, metadata, name, look)
        for name in sorted(inspector.get_table_names())
        if not ignore(name)
    }
    for table in found.values():
        _add_unique(inspector, table)
        _add_references(inspector, table, found)
    return list(found.values())


def _table(
    connection: sa.Connection,
    inspector: sa.Inspector,
    metadata: sa.MetaData,
    name: str,
    look: Look,
) -> sa.Table:
    seen = look(connection, name, [dict(column) for column in inspector.get_columns(name)])
    found = [_column(each, what) for each, what in seen.items()]
    with_null = {each for each, what in seen.items() if what.has_null}
    key = inspector.get_pk_constraint(name)["constrained_columns"]
    if not key:
        unique = [each["column_names"] for each in inspector.get_unique_constraints(name)]
        key = next((names for names in unique if not with_null.intersection(names)), [])
    # SQLite lets NULL into a primary key, and then it tells no row from another.
    in_key = set() if with_null.intersection(key) else set(key)
    rows = (
        connection.scalar(
            sa.select(sa.func.count()).select_from(sa.table(sa.quoted_name(name, quote=True)))
        )
        or 0
    )
    cut = _slice(found) if rows > _LARGE else None
    return sa.Table(
        name,
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


def _add_unique(inspector: sa.Inspector, table: sa.Table) -> None:
    """What the catalogue says that no two rows share, but for the key."""
    told: list[Sequence[str | None]] = [
        each["column_names"] for each in inspector.get_unique_constraints(table.name)
    ]
    told += [
        each["column_names"]
        # SQLite's own for a constraint too, as SQLAlchemy does not find every name in a CREATE TABLE.
        for each in inspector.get_indexes(table.name, include_auto_indexes=True)
        # A rule for a part of the rows is none for the table.
        if each["unique"]
        and not any(option.endswith("_where") for option in each.get("dialect_options", {}))
    ]
    # An expression in an index has no name.
    whole = {
        tuple(name for name in names if name is not None)
        for names in told
        if set(names) <= set(table.columns.keys())
    }
    for names in sorted(whole - {tuple(column.name for column in table.primary_key.columns)}):
        table.append_constraint(sa.UniqueConstraint(*names))


def _add_references(
    inspector: sa.Inspector, table: sa.Table, tables: Mapping[str, sa.Table]
) -> None:
    """The catalogue's foreign keys; not one whose values travel as another type than what they name."""
    # SQLite does not tell capitals from small letters in names.
    by_name = {name.casefold(): each for name, each in tables.items()}
    for told in inspector.get_foreign_keys(table.name):
        parent = by_name.get(told["referred_table"].casefold())
        if parent is None:
            continue
        theirs = {column.name.casefold(): column for column in parent.columns}
        names = told["referred_columns"] or [c.name for c in parent.primary_key.columns]
        to = [theirs[name.casefold()] for name in names if name.casefold() in theirs]
        mine = [table.columns[name] for name in told["constrained_columns"]]
        if len(mine) == len(to) and all(
            str(m.type) == str(t.type) for m, t in zip(mine, to, strict=True)
        ):
            refer(table, [column.name for column in mine], parent, [c.name for c in to])


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
