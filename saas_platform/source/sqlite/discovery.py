"""What the tables of any SQLite file are: its catalogue binds no type, so the values are looked at.

Holds: the reading of catalogue and values. Does not hold: what is proposed from them
(source/discovery.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from saas_platform.source import bookkeeping
from saas_platform.source.contract import SourceError
from saas_platform.source.discovery import (
    Seen,
    SeenReference,
    SeenTable,
    portable,
    propose,
)
from saas_platform.source.sqlite.ddl import quoted
from saas_platform.source.sqlite.opening import check_present

_OURS = frozenset(bookkeeping.metadata.tables)
_STORED = ("null", "integer", "real", "text", "blob")


def discover_file(path: Path) -> list[sa.Table]:
    """The tables of the file. Raises SourceError where it is no SQLite database."""
    check_present(path)
    engine = sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    try:
        with engine.connect() as connection:
            virtual = {
                name
                for (name,) in connection.execute(
                    sa.text(
                        "SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow')"
                    )
                )
            }
            inspector = sa.inspect(connection)
            return propose(
                _seen(connection, inspector, name)
                for name in sorted(inspector.get_table_names())
                if name not in _OURS | virtual
            )
    except sa.exc.DatabaseError as error:
        raise SourceError(
            f"The source {path} can't be read ({error.orig}): name a SQLite database."
        ) from None
    finally:
        engine.dispose()


def _seen(connection: sa.Connection, inspector: sa.Inspector, name: str) -> SeenTable:
    table = sa.table(sa.quoted_name(name, quote=True))
    columns = _look(connection, name, {c["name"]: c["type"] for c in inspector.get_columns(name)})
    constraints = [each["column_names"] for each in inspector.get_unique_constraints(name)]
    indexes = [
        each["column_names"]
        # SQLite's own for a constraint too, as SQLAlchemy does not find every name in a CREATE TABLE.
        for each in inspector.get_indexes(name, include_auto_indexes=True)
        # A rule for a part of the rows is none for the table.
        if each["unique"]
        and not any(option.endswith("_where") for option in each.get("dialect_options", {}))
    ]
    return SeenTable(
        name,
        columns,
        key=inspector.get_pk_constraint(name)["constrained_columns"],
        candidates=_whole(constraints, columns),
        unique=_whole([*constraints, *indexes], columns),
        references=[
            SeenReference(
                told["constrained_columns"], told["referred_table"], told["referred_columns"]
            )
            for told in inspector.get_foreign_keys(name)
        ],
        rows=connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0,
    )


def _whole(told: Iterable[Sequence[str | None]], columns: Collection[str]) -> list[tuple[str, ...]]:
    """Those of columns alone: an expression in an index has no name."""
    return [
        tuple(name for name in names if name is not None)
        for names in told
        if set(names) <= set(columns)
    ]


def _look(
    connection: sa.Connection, table: str, types: Mapping[str, sa.types.TypeEngine[Any]]
) -> dict[str, Seen]:
    catalogue: dict[str, tuple[str, bool]] = {
        str(name): (str(declared), bool(required))
        for name, declared, required in connection.execute(
            sa.text(
                'SELECT name, type, "notnull" FROM pragma_table_xinfo(:name) WHERE hidden <> 1'
            ),
            {"name": table},
        )
    }
    found = {}
    for name, (declared, required) in catalogue.items():
        values = _values(connection, table, name, types.get(name, sa.types.NULLTYPE))
        kind = _type(values, types.get(name, sa.types.NULLTYPE))
        found[name] = Seen(declared, kind, nullable=not required, has_null=values["null"] > 0)
    return found


def _values(
    connection: sa.Connection, table: str, column: str, kind: sa.types.TypeEngine[Any]
) -> dict[str, int]:
    """How many values are stored how, and how many are times, dates, flags, or exact decimals."""
    c = quoted(column)
    day = f"typeof({c}) = 'text' AND strftime('%Y-%m-%d', {c}) = substr({c}, 1, 10)"
    precision, scale = 15, 0
    if isinstance(kind, sa.Numeric) and kind.precision is not None:
        precision, scale = kind.precision, kind.scale or 0
    counted = {
        "rows": "TRUE",
        **{stored: f"typeof({c}) = '{stored}'" for stored in _STORED},
        "date": f"{day} AND length({c}) = 10",
        "time": f"{day} AND (length({c}) = 10 OR (substr({c}, 11, 1) IN (' ', 'T')"
        f" AND strftime('%H:%M:%S', {c}) = substr({c}, 12, 8)"
        f" AND (length({c}) = 19 OR ({c} GLOB '*:[0-9][0-9].[0-9]*' AND length({c}) <= 26))))",
        "flag": f"{c} IN (0, 1)",
        # Whole numbers that no float holds for sure.
        "wide": f"typeof({c}) = 'integer' AND {c} NOT BETWEEN -{1 << 53} AND {1 << 53}",
        "exact": f"typeof({c}) IN ('integer', 'real') AND round({c}, {scale}) = {c}"
        # A float has no more digits than these.
        f" AND {c} BETWEEN -1e{min(precision, 15) - scale} AND 1e{min(precision, 15) - scale} - 1",
    }
    sums = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in counted.values())
    (row,) = connection.execute(sa.text(_literal(f"SELECT {sums} FROM {quoted(table)}")))
    found: tuple[Any, ...] = tuple(row)
    return dict(zip(counted, found, strict=True))


def _literal(sql: str) -> str:
    """For `sa.text`, which takes `:name` for a parameter."""
    return sql.replace(":", r"\:")


def _type(values: dict[str, int], kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """The portable type that all values of a column have; what is mixed is text, or bytes."""
    told = portable(kind)
    stored = {name for name in ("integer", "real", "text", "blob") if values[name]}
    filled = values["rows"] - values["null"]
    if not stored:
        return sa.Double() if isinstance(told, sa.Numeric) else told
    if stored <= {"integer", "real"}:
        return _number(values, told, filled, has_real="real" in stored)
    if stored == {"text"}:
        if isinstance(told, sa.Date) and values["date"] == filled:
            return sa.Date()
        if isinstance(told, sa.DateTime) and values["time"] == filled:
            return sa.DateTime()
        return sa.String()
    return sa.LargeBinary() if "blob" in stored else sa.String()


def _number(
    values: dict[str, int], told: sa.types.TypeEngine[Any], filled: int, *, has_real: bool
) -> sa.types.TypeEngine[Any]:
    # A Float is a Numeric to SQLAlchemy.
    if (
        isinstance(told, sa.Numeric)
        and not isinstance(told, sa.Float)
        and values["exact"] == filled
    ):
        return told
    if isinstance(told, sa.Boolean) and values["flag"] == filled:
        return sa.Boolean()
    if values["wide"] and has_real:
        return sa.String()
    floats = has_real or (isinstance(told, sa.Numeric) and not values["wide"])
    return sa.Double() if floats else sa.BigInteger()
