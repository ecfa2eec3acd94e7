"""Column builders: each declares a kind of value once, for every engine.

Money is integer cents. Timestamps are UTC without a zone. Texts have a maximum length. A choice comes with a
check of its values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, sqlite

#: The kind of personal data that a column holds; columns without personal data have none. `national_id` is
#: any id issued by a state (social security, tax, passport, licence plate). `credential` is a password, key
#: or token.
Pii = Literal[
    "name",
    "email",
    "phone",
    "address",
    "birth_date",
    "national_id",
    "bank",
    "card",
    "credential",
    "ip",
    "location",
    "free_text",
]
PII_KINDS: tuple[Pii, ...] = get_args(Pii)

#: SQLite turns a key into the fast rowid only if the column is declared INTEGER.
_KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
#: SQL Server sets the version itself; on SQLite, triggers do.
_ROW_VERSION = sa.BigInteger().with_variant(mssql.ROWVERSION(), "mssql")
#: SQL Server's DATETIME rounds to 3 ms, and its DATETIME2 is finer than BigQuery's type, so every engine uses
#: microseconds.
_TIMESTAMP = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")

#: Every engine compares texts character by character. SQL Server's default collation treats 'A' and 'a' as
#: equal.
_COLLATION = "Latin1_General_100_BIN2"


def _unicode(length: int) -> sa.Unicode:
    variant = mssql.NVARCHAR(length, collation=_COLLATION)
    return sa.Unicode(length).with_variant(variant, "mssql")


def _ascii(length: int) -> sa.String:
    return sa.String(length).with_variant(mssql.VARCHAR(length, collation=_COLLATION), "mssql")


#: Lowest and highest value that anyone would expect. A value outside is legal, but a contract reports it.
_PLAUSIBLE_CENTS = (-(10**12), 10**12)
_PLAUSIBLE_TIMESTAMPS = (datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999_999))


def _info(pii: Pii | None = None, **more: Any) -> dict[str, Any]:
    return more if pii is None else {"pii": pii, **more}


def key(name: str, comment: str) -> sa.Column[int]:
    """Build a surrogate integer primary key. The writer computes it; the database never generates it."""
    return sa.Column(name, _KEY, primary_key=True, autoincrement=False, comment=comment)


def reference(
    name: str, target: str, comment: str, *, nullable: bool = False, on_delete: str | None = None
) -> sa.Column[int]:
    """Build a foreign key. A table that is searched by it declares the index itself.

    Args:
        name: the column's name.
        target: the column that it references, as `table.column`.
        comment: what the column says, for documents.
        nullable: whether a row may reference nothing.
        on_delete: what the database does when the target goes: CASCADE or SET NULL.

    Returns:
        The column, with its foreign key.
    """
    return sa.Column(
        name,
        _KEY,
        sa.ForeignKey(target, ondelete=on_delete),
        nullable=nullable,
        comment=comment,
    )


def text(
    name: str, length: int, comment: str, *, nullable: bool = False, pii: Pii | None = None
) -> sa.Column[str]:
    """Build a column of Unicode text.

    Args:
        name: the column's name.
        length: the most characters.
        comment: what the column says, for documents.
        nullable: whether a row may have none.
        pii: the kind of personal data that it holds; None means none.

    Returns:
        The column.
    """
    return sa.Column(name, _unicode(length), nullable=nullable, comment=comment, info=_info(pii))


def choice(
    name: str, values: Sequence[str], comment: str, *, nullable: bool = False
) -> tuple[sa.Column[str], sa.CheckConstraint]:
    """Build a column of ASCII codes from a closed list, and the check that enforces the list."""
    listed = ", ".join(f"'{value}'" for value in values)
    length = max(len(value) for value in values)
    column: sa.Column[str] = sa.Column(
        name,
        _ascii(length),
        nullable=nullable,
        comment=comment,
        info=_info(values=tuple(values)),
    )
    return column, sa.CheckConstraint(f"{name} IN ({listed})", name=f"{name}_known")


def cents(name: str, comment: str, *, nullable: bool = False) -> sa.Column[int]:
    """Build a column of money in US cents."""
    return sa.Column(
        name,
        sa.BigInteger,
        nullable=nullable,
        comment=comment,
        info={"unit": "cents", "plausible": _PLAUSIBLE_CENTS},
    )


def integer(
    name: str,
    comment: str,
    *,
    nullable: bool = False,
    plausible: tuple[int, int] | None = None,
) -> sa.Column[int]:
    """Build an integer column of at most 32 bits. A value outside `plausible` is legal but suspicious."""
    info = _info() if plausible is None else _info(plausible=plausible)
    return sa.Column(name, sa.Integer, nullable=nullable, comment=comment, info=info)


def flag(name: str, comment: str) -> sa.Column[bool]:
    """Build a boolean column."""
    return sa.Column(
        name,
        sa.Boolean(create_constraint=True, name=f"{name}_known"),
        nullable=False,
        comment=comment,
    )


def timestamp(name: str, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Build a timestamp column in UTC with at most microseconds."""
    return sa.Column(
        name,
        _TIMESTAMP,
        nullable=nullable,
        comment=comment,
        info={"plausible": _PLAUSIBLE_TIMESTAMPS},
    )


def timestamps() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Build the columns for when the row was created and when the business last changed it."""
    return (
        timestamp("created_at", "When the row was created (UTC)"),
        timestamp("updated_at", "When the business last changed the row (UTC)"),
    )


def row_version() -> sa.Column[int]:
    """Build the column whose value grows with every write to the row. The sync follows it."""
    return sa.Column(
        "row_version",
        _ROW_VERSION,
        nullable=False,
        comment="Version that the database sets at every write; the sync's watermark",
        info={"row_version": True},
    )
