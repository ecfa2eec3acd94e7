"""The rules of a table, derived from its declaration.

Holds: rules as values, each with the SQL that is true for an offending row. Does not hold: queries.

The SQL is what DuckDB, BigQuery and others have in common: CASE, EXISTS. How a name is quoted is the
warehouse's to say, how all rows of a table are had, and how a text is matched with a regular expression,
which is RE2's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from saas_platform.schema.collations import BINARY
from saas_platform.warehouse.interface import Warehouse

#: error: what the schema forbids. warning: what it allows, and no one expects.
Severity = Literal["error", "warning"]

Kind = Literal[
    "type",
    "not_null",
    "known_value",
    "length",
    "check",
    "unique",
    "foreign_key",
    "plausible",
    "blank_edges",
    "odd_unicode",
]

#: Legal, and odd; the others are what the schema forbids.
WARNINGS: frozenset[Kind] = frozenset({"plausible", "blank_edges", "odd_unicode"})

#: White space of ASCII at either end: invisible, and it keeps equal texts apart.
BLANK_EDGES = r"^\s|\s$"
#: Control and format characters (zero width, right to left, byte order mark), line separators, private
#: use, combining marks, blanks other than the plain one, and all beyond the BMP. Names of several
#: scripts have combining marks by right: hence a warning.
ODD_UNICODE = r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Mn}\x{00A0}\x{2000}-\x{200A}\x{202F}\x{3000}\x{10000}-\x{10FFFF}]"


@dataclass(frozen=True)
class Rule:
    """One rule of a table; row by row, but for `type` (of a column) and `unique` (of rows together).

    `offends` is SQL that is true for an offending row `r` of `raw.<table>`, where one row is enough to
    tell; `pattern`, an RE2 expression that an offending text has a match of.
    """

    table: str
    name: str
    kind: Kind
    columns: tuple[str, ...]
    says: str
    offends: str | None = None
    pattern: str | None = None

    @property
    def severity(self) -> Severity:
        return "warning" if self.kind in WARNINGS else "error"


def rules_of(table: sa.Table, warehouse: Warehouse) -> list[Rule]:
    """Every rule of the table, in the order of its columns; those of several columns come last.

    The warehouse is asked for its SQL, and opened by nothing.
    """
    found = [rule for column in table.columns for rule in _of_column(table, column, warehouse)]
    return [*found, *_of_table(table, warehouse)]


def _of_column(table: sa.Table, column: sa.Column, warehouse: Warehouse) -> Iterator[Rule]:
    def rule(kind: Kind, says: str, offends: str | None = None, pattern: str | None = None) -> Rule:
        return Rule(table.name, f"{name}_{kind}", kind, (name,), says, offends, pattern)

    name, sql = column.name, f"r.{warehouse.quoted(column.name)}"
    yield rule("type", f"{name} has the type that the schema declares")
    if not column.nullable:
        yield rule("not_null", f"{name} is there", f"{sql} IS NULL")
    if "values" in column.info:
        listed = ", ".join(_literal(value) for value in column.info["values"])
        yield rule("known_value", f"{name} is one of {listed}", f"{sql} NOT IN ({listed})")
    elif isinstance(column.type, sa.String):
        length = column.type.length
        if length is not None:
            says = f"{name} has at most {length} characters"
            yield rule("length", says, f"LENGTH({sql}) > {length}")
        yield rule("blank_edges", f"{name} has no blank at its ends", pattern=BLANK_EDGES)
        yield rule("odd_unicode", f"{name} has no odd characters", pattern=ODD_UNICODE)
    if "plausible" in column.info:
        low, high = column.info["plausible"]
        beyond = [f"{sql} < {_literal(low)}"] if low is not None else []
        beyond += [f"{sql} > {_literal(high)}"] if high is not None else []
        yield rule("plausible", _between(name, low, high), " OR ".join(beyond))


def _between(name: str, low: Any, high: Any) -> str:
    if high is None:
        return f"{name} is at least {low}"
    return f"{name} is at most {high}" if low is None else f"{name} lies between {low} and {high}"


def _of_table(table: sa.Table, warehouse: Warehouse) -> Iterator[Rule]:
    for reference in _sorted(table.foreign_key_constraints):
        yield _foreign_key(table, reference, warehouse)
    known = {f"ck_{table.name}_{column.name}_known" for column in table.columns}
    for constraint in sorted(
        (c for c in table.constraints if isinstance(c, sa.CheckConstraint)),
        key=lambda c: str(c.name),
    ):
        if str(constraint.name) in known:
            continue  # told by the values and the type already
        text = str(constraint.sqltext)
        yield Rule(
            table.name,
            str(constraint.name).removeprefix(f"ck_{table.name}_"),
            "check",
            tuple(c.name for c in table.columns if _names(text, c.name)),
            text,
            # As databases have it: a check that is unknown holds.
            f"NOT ({text})",
        )
    unique = _sorted(c for c in table.constraints if isinstance(c, sa.UniqueConstraint))
    for columns in (_names_of(constraint.columns) for constraint in (table.primary_key, *unique)):
        if columns:
            name = "_".join(columns)
            says = f"no two rows share {', '.join(columns)}"
            yield Rule(table.name, f"{name}_unique", "unique", columns, says)


def _foreign_key(
    table: sa.Table, constraint: sa.ForeignKeyConstraint, warehouse: Warehouse
) -> Rule:
    quoted = warehouse.quoted
    columns = _names_of(constraint.columns)
    parents = _names_of(element.column for element in constraint.elements)
    parent = constraint.referred_table
    there = " AND ".join(f"r.{quoted(column)} IS NOT NULL" for column in columns)
    # Databases compare a reference by the collation of the column that it names.
    collations = [element.column.info.get("collation", BINARY) for element in constraint.elements]

    def compared(sql: str, collation: str) -> str:
        return warehouse.folded(sql, collation, broadly=True)

    same = " AND ".join(
        f"{compared(f'p.{quoted(theirs)}', collation)} = {compared(f'r.{quoted(mine)}', collation)}"
        for mine, theirs, collation in zip(columns, parents, collations, strict=True)
    )
    return Rule(
        table.name,
        f"{'_'.join(columns)}_foreign_key",
        "foreign_key",
        columns,
        f"{', '.join(columns)} is a {parent.name}.{', '.join(parents)}",
        f"{there} AND NOT EXISTS (SELECT 1 FROM {warehouse.mirror_rows(parent)} AS p WHERE {same})",
    )


def _names_of(columns: Iterable[sa.Column]) -> tuple[str, ...]:
    return tuple(str(column.name) for column in columns)


_Constraint = TypeVar("_Constraint", sa.UniqueConstraint, sa.ForeignKeyConstraint)


def _sorted(constraints: Iterable[_Constraint]) -> list[_Constraint]:
    return sorted(constraints, key=lambda constraint: _names_of(constraint.columns))


def _names(text: str, column: str) -> bool:
    """Whether the SQL names the column."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return column in words


def _literal(value: Any) -> str:
    match value:
        case datetime():
            return f"TIMESTAMP '{value.isoformat(' ')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
    return str(value)
