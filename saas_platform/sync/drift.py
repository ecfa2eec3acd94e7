"""Whether source and mirror have, or can have, the declared columns.

Holds sentences on structure. Does not hold: anything about rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.source.contract import SourceSnapshot
from saas_platform.warehouse.contract import Warehouse


class SyncError(PlatformError):
    """A table can't be synced; the text names the thing and the remedy."""


#: What catalogues call the types that hold a kind of value; sizes are left out.
_KINDS: dict[str, frozenset[str]] = {
    "a whole number": frozenset(
        {"INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "INT2", "INT4", "INT8"}
    ),
    "a text": frozenset(
        {"CHAR", "VARCHAR", "NCHAR", "NVARCHAR", "TEXT", "NTEXT", "CHARACTER VARYING"}
    ),
    "a flag": frozenset({"BOOLEAN", "BOOL", "BIT"}),
    "a time": frozenset({"DATETIME", "DATETIME2", "SMALLDATETIME", "TIMESTAMP"}),
    "a decimal": frozenset({"DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY"}),
    "a float": frozenset({"REAL", "FLOAT", "DOUBLE", "DOUBLE PRECISION"}),
    "a date": frozenset({"DATE"}),
    "bytes": frozenset({"BLOB", "BINARY", "VARBINARY", "IMAGE"}),
    # TIMESTAMP is the old name of SQL Server's ROWVERSION in its own catalogue.
    "a row version": frozenset({"BIGINT", "INTEGER", "ROWVERSION", "TIMESTAMP", "BINARY"}),
}


def _kind(column: sa.Column) -> str:
    if column.info.get("row_version"):
        return "a row version"
    match column.type:
        case sa.Boolean():
            return "a flag"
        case sa.Integer():
            return "a whole number"
        case sa.Float():
            return "a float"
        case sa.Numeric():
            return "a decimal"
        case sa.DateTime():
            return "a time"
        case sa.Date():
            return "a date"
        case sa.String():
            return "a text"
        case sa.LargeBinary():
            return "bytes"
    raise TypeError(f"{column.table.name}.{column.name}: {column.type!r} can't be mirrored yet")


def check_table(snapshot: SourceSnapshot, warehouse: Warehouse, table: sa.Table) -> tuple[str, ...]:
    """Warnings on columns that are not mirrored, or may be NULL though they are declared not to.

    Raises SyncError where the warehouse can't have the table, or the source has lost it, its key or a
    declared column, or has another type.
    """
    objection = warehouse.objection(table)
    if objection is not None:
        raise SyncError(objection)
    found = {column.name: column for column in snapshot.columns(table)}
    if not found:
        raise SyncError(f"The source has no table {table.name}: create it, or restore it.")
    loose = []
    for column in table.columns:
        present = found.pop(column.name, None)
        if present is None:
            raise SyncError(
                f"{table.name}.{column.name} is missing in the source: restore the column;"
                " until then the table is not synced."
            )
        wanted = _other_type(column, present.type)
        if wanted is not None:
            raise SyncError(
                f"{table.name}.{column.name} is {present.type or 'untyped'} in the source, declared"
                f" as {wanted}: change it back; until then the table is not synced."
            )
        # Catalogues differ on whether the columns of a key may be NULL.
        if present.nullable and not column.nullable and not column.primary_key:
            loose.append(column.name)
    _check_key(snapshot, table)
    return (
        *(
            f"{table.name}.{name} may be NULL in the source, declared as NOT NULL: declare it so, or"
            " restore the constraint; the first NULL in it stops the table."
            for name in loose
        ),
        *_not_mirrored(table, found),
    )


def _check_key(snapshot: SourceSnapshot, table: sa.Table) -> None:
    """Raises SyncError where nothing in the source keeps the declared key unique any more."""
    names = [column.name for column in table.primary_key.columns]
    kept = any(key <= set(names) for key in snapshot.keys(table))
    if kept or not names or not table.info.get("key_enforced", True):
        return
    own = any("declared" in column.info for column in table.columns)
    vouch = ", or declare `key_enforced: false` where you know that it is" if own else ""
    raise SyncError(
        f"{table.name} has lost its key: nothing in the source keeps {', '.join(names)} unique any more:"
        f" restore the primary key or a unique constraint{vouch}; until then the table is not synced."
    )


def _not_mirrored(table: sa.Table, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        f"{table.name}.{name} of the source is not declared, so it is not mirrored: declare it in"
        " saas_platform/schema/tables.py to have it."
        for name in names
    )


def _other_type(column: sa.Column, present: str) -> str | None:
    """What the column should be, where the source's catalogue says something else."""
    noted = column.info.get("declared")
    if noted is not None:
        return None if present.casefold() == noted.casefold() else noted or "untyped"
    kind = _kind(column)
    return None if re.sub(r"\(.*", "", present).strip().upper() in _KINDS[kind] else kind


def mirror_faults(warehouse: Warehouse, table: sa.Table) -> tuple[str, ...]:
    """How the mirror's columns differ from the declared ones, in sentences."""
    wanted, found = warehouse.declared_columns(table), warehouse.mirror_columns(table)
    if not found:
        return (f"raw.{table.name} is not in the warehouse: run `saas-platform sync`.",)
    faults = [
        f"raw.{table.name} lacks the column {name}: run `saas-platform sync`, which loads it anew."
        for name in wanted
        if name not in found
    ]
    faults += [
        f"raw.{table.name} has a column {name} that is not declared: run `saas-platform sync`,"
        " which loads it anew."
        for name in found
        if name not in wanted
    ]
    faults += [
        f"raw.{table.name}.{name} is {found[name]}, declared as {kind}: run `saas-platform sync`,"
        " which loads it anew."
        for name, kind in wanted.items()
        if name in found and found[name] != kind
    ]
    if not faults and list(found) != list(wanted):
        faults = [
            f"raw.{table.name} has its columns in another order: run `saas-platform sync`,"
            " which loads it anew."
        ]
    return tuple(faults)
