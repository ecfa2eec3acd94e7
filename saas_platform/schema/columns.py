"""Column builders: each says a kind of value once, for every engine.

Money is integer cents, times are UTC without zone, texts have a stated length, choices are checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, sqlite

#: What kind of personal data a column holds; absent where it holds none. `national_id` is any id that a
#: state gives (social security, tax, passport, licence plate), `credential` a password, key or token.
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

#: SQLite makes a fast rowid key only of a column declared INTEGER.
_KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
#: SQL Server stamps the version itself; SQLite has triggers for it.
_ROW_VERSION = sa.BigInteger().with_variant(mssql.ROWVERSION(), "mssql")
#: SQL Server's DATETIME rounds to 3 ms and DATETIME2 is finer than BigQuery: microseconds for all.
_MOMENT = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")

#: Texts are compared character by character everywhere: with SQL Server's own collation 'A' is 'a'.
_COLLATION = "Latin1_General_100_BIN2"


def _unicode(length: int) -> sa.Unicode:
    variant = mssql.NVARCHAR(length, collation=_COLLATION)
    return sa.Unicode(length).with_variant(variant, "mssql")


def _ascii(length: int) -> sa.String:
    return sa.String(length).with_variant(mssql.VARCHAR(length, collation=_COLLATION), "mssql")


#: First and last value that anyone would expect; what lies outside is legal, and a contract tells it.
_PLAUSIBLE_CENTS = (-(10**12), 10**12)
_PLAUSIBLE_MOMENTS = (datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999_999))


def _info(pii: Pii | None = None, **more: Any) -> dict[str, Any]:
    return more if pii is None else {"pii": pii, **more}


def key(name: str, comment: str) -> sa.Column[int]:
    """Surrogate integer primary key; computed by the writer, never counted by the database."""
    return sa.Column(name, _KEY, primary_key=True, autoincrement=False, comment=comment)


def reference(
    name: str, target: str, comment: str, *, nullable: bool = False, on_delete: str | None = None
) -> sa.Column[int]:
    """Foreign key to `table.column`, indexed by the table's own declaration where it is searched."""
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
    """Unicode text of at most `length` characters."""
    return sa.Column(name, _unicode(length), nullable=nullable, comment=comment, info=_info(pii))


def choice(
    name: str, values: Sequence[str], comment: str, *, nullable: bool = False
) -> tuple[sa.Column[str], sa.CheckConstraint]:
    """ASCII code out of a closed list, and the check that closes it."""
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
    """Money in US cents."""
    return sa.Column(
        name,
        sa.BigInteger,
        nullable=nullable,
        comment=comment,
        info={"unit": "cents", "plausible": _PLAUSIBLE_CENTS},
    )


def whole(
    name: str,
    comment: str,
    *,
    nullable: bool = False,
    plausible: tuple[int, int] | None = None,
) -> sa.Column[int]:
    """Whole number of at most 32 bits; outside of `plausible` it is legal, and odd."""
    info = _info() if plausible is None else _info(plausible=plausible)
    return sa.Column(name, sa.Integer, nullable=nullable, comment=comment, info=info)


def flag(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(
        name,
        sa.Boolean(create_constraint=True, name=f"{name}_known"),
        nullable=False,
        comment=comment,
    )


def moment(name: str, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Time in UTC, microseconds at most."""
    return sa.Column(
        name, _MOMENT, nullable=nullable, comment=comment, info={"plausible": _PLAUSIBLE_MOMENTS}
    )


def stamps() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """When the row came to be, and when the business last changed it."""
    return (
        moment("created_at", "When the row came to be (UTC)"),
        moment("updated_at", "When the business last changed the row (UTC)"),
    )


def row_version() -> sa.Column[int]:
    """Grows with every write to the row, by whomever; what the sync follows."""
    return sa.Column(
        "row_version",
        _ROW_VERSION,
        nullable=False,
        comment="Version stamped by the database at every write; the sync's watermark",
        info={"row_version": True},
    )
