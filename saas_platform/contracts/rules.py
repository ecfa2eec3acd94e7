"""The rules of a table, derived from its declaration.

Holds: rules as values, each with the SQL that is true for an offending row. Does not hold: queries.

The SQL is what DuckDB, BigQuery and others have in common: plain names, CASE, EXISTS. Regular
expressions are RE2's; how a text is matched with one is the warehouse's to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from saas_platform.warehouse.contract import RAW

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

    `offends` is SQL that is true for an offending row of `raw.<table>`, where one row is enough to
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


def rules_of(table: sa.Table) -> list[Rule]:
    """Every rule of the table, in the order of its columns; those of several columns come last."""
    found = [rule for column in table.columns for rule in _of_column(table, column)]
    return [*found, *_of_table(table)]


def _of_column(table: sa.Table, column: sa.Column) -> Iterator[Rule]:
    def rule(kind: Kind, says: str, offends: str | None = None, pattern: str | None = None) -> Rule:
        return Rule(table.name, f"{name}_{kind}", kind, (name,), says, offends, pattern)

    name, text = column.name, isinstance(column.type, sa.String)
    yield rule("type", f"{name} has the type that the schema declares")
    if not column.nullable:
        yield rule("not_null", f"{name} is there", f"{name} IS NULL")
    if "values" in column.info:
        listed = ", ".join(_literal(value) for value in column.info["values"])
        yield rule("known_value", f"{name} is one of {listed}", f"{name} NOT IN ({listed})")
    elif text:
        length = column.type.length  # type: ignore[attr-defined]
        says = f"{name} has at most {length} characters"
        yield rule("length", says, f"LENGTH({name}) > {length}")
        yield rule("blank_edges", f"{name} has no blank at its ends", pattern=BLANK_EDGES)
        yield rule("odd_unicode", f"{name} has no odd characters", pattern=ODD_UNICODE)
    if "plausible" in column.info:
        low, high = column.info["plausible"]
        yield rule(
            "plausible",
            f"{name} lies between {low} and {high}",
            f"{name} < {_literal(low)} OR {name} > {_literal(high)}",
        )
    for key in column.foreign_keys:
        parent = key.column
        yield rule(
            "foreign_key",
            f"{name} is a {parent.table.name}.{parent.name}",
            f"{name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {RAW}.{parent.table.name} parent"
            f" WHERE parent.{parent.name} = {RAW}.{table.name}.{name})",
        )


def _of_table(table: sa.Table) -> Iterator[Rule]:
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
    keys = [[column.name for column in table.primary_key.columns]]
    keys += sorted(
        [column.name for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    )
    for columns in keys:
        joined = ", ".join(columns)
        name = "_".join(columns)
        yield Rule(
            table.name, f"{name}_unique", "unique", tuple(columns), f"no two rows share {joined}"
        )


def _names(text: str, column: str) -> bool:
    """Whether the SQL names the column."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return column in words


def _literal(value: Any) -> str:
    match value:
        case datetime():
            return f"TIMESTAMP '{value.isoformat(' ')}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
    return str(value)
