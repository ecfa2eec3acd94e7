"""The rules of a table, derived from its declaration.

Contains: rules as values, each with SQL that is true for an offending row. Out of scope: queries.

The SQL uses only what DuckDB, BigQuery and other engines have in common, such as CASE and EXISTS. The
warehouse supplies the quoting of names and values, the FROM clause for all rows of a table, and the matching of a text
against a regular expression in RE2 syntax.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from saas_platform.schema.any_value import equates_numbers
from saas_platform.schema.collations import collation_of
from saas_platform.warehouse.interface import Warehouse

#: An error is something that the schema forbids. A warning is something that it allows but nobody expects.
Severity = Literal["error", "warning"]

RuleKind = Literal[
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

#: The kinds whose offenders are legal but odd. The offenders of all other kinds are forbidden by the schema.
WARNINGS: frozenset[RuleKind] = frozenset({"plausible", "blank_edges", "odd_unicode"})

#: ASCII white space at either end. It is invisible, and it makes equal texts differ.
BLANK_EDGES = r"^\s|\s$"
#: Control and format characters (zero width, right to left, byte order mark), line separators, private-use
#: characters, combining marks, blanks other than the plain one, and everything beyond the BMP. Names in some
#: scripts rightly contain combining marks, which is why this is a warning.
ODD_UNICODE = r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Mn}\x{00A0}\x{2000}-\x{200A}\x{202F}\x{3000}\x{10000}-\x{10FFFF}]"
#: The same for a user's own texts, in any language: only what nobody sees or types. A line break, a tab, an emoji, a
#: combining mark and the joiners that emoji and some scripts need are ordinary there.
INVISIBLE = (
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F\p{Co}\p{Zl}\p{Zp}\x{00A0}\x{00AD}\x{061C}\x{180E}\x{2000}-\x{200B}"
    r"\x{200E}\x{200F}\x{202A}-\x{202F}\x{2060}-\x{206F}\x{FEFF}\x{FFF9}-\x{FFFB}]"
)


@dataclass(frozen=True)
class Rule:
    """One rule of a table.

    A rule applies to single rows, except for the kinds `type` (about a column) and `unique` (about several
    rows together). `message` states what must hold. `offends` is SQL that is true for an offending row `r`
    of `raw.<table>`, for a rule that needs only one row. `pattern` is an RE2 expression that matches an
    offending text. `collations` says how a rule of the kind `unique` compares each of its columns.
    """

    table: str
    name: str
    kind: RuleKind
    columns: tuple[str, ...]
    message: str
    offends: str | None = None
    pattern: str | None = None
    collations: tuple[str, ...] = ()
    #: The referenced table, for a rule of the kind `foreign_key`.
    parent: str | None = None
    #: How the rule may compare values in another way than the source, as the words after its outcome.
    remark: str = ""

    @property
    def severity(self) -> Severity:
        """The severity of a breach of this rule."""
        return "warning" if self.kind in WARNINGS else "error"


def rules_of(table: sa.Table, warehouse: Warehouse) -> list[Rule]:
    """Return every rule of the table in the order of its columns. Rules of several columns come last.

    The warehouse only supplies SQL and is not opened.
    """
    found = [rule for column in table.columns for rule in _of_column(table, column, warehouse)]
    return [*found, *_of_table(table, warehouse)]


def _of_column(table: sa.Table, column: sa.Column, warehouse: Warehouse) -> Iterator[Rule]:
    def rule(
        kind: RuleKind, message: str, offends: str | None = None, pattern: str | None = None
    ) -> Rule:
        return Rule(table.name, f"{name}_{kind}", kind, (name,), message, offends, pattern)

    name, sql = column.name, f"r.{warehouse.quoted(column.name)}"
    yield rule("type", f"{name} has the type that the schema declares")
    if not column.nullable:
        yield rule("not_null", f"{name} is not NULL", f"{sql} IS NULL")
    if "values" in column.info:
        listed = ", ".join(warehouse.literal(value) for value in column.info["values"])
        known = ", ".join(map(repr, column.info["values"]))
        yield rule("known_value", f"{name} is one of {known}", f"{sql} NOT IN ({listed})")
    elif isinstance(column.type, sa.String):
        length = column.type.length
        if length is not None:
            message = f"{name} has at most {length} characters"
            yield rule("length", message, f"LENGTH({sql}) > {length}")
        yield rule("blank_edges", f"{name} has no blank at its ends", pattern=BLANK_EDGES)
        odd = INVISIBLE if "declared" in column.info else ODD_UNICODE
        yield rule("odd_unicode", f"{name} has no odd characters", pattern=odd)
    if "plausible" in column.info:
        low, high = column.info["plausible"]
        beyond = [f"{sql} < {warehouse.literal(low)}"] if low is not None else []
        beyond += [f"{sql} > {warehouse.literal(high)}"] if high is not None else []
        yield rule("plausible", _between(name, low, high), " OR ".join(beyond))


def _between(name: str, low: Any, high: Any) -> str:
    if high is None:
        return f"{name} is at least {low}"
    return f"{name} is at most {high}" if low is None else f"{name} lies between {low} and {high}"


def _of_table(table: sa.Table, warehouse: Warehouse) -> Iterator[Rule]:
    yield from _references(table, warehouse)
    known = {f"ck_{table.name}_{column.name}_known" for column in table.columns}
    for constraint in sorted(
        (c for c in table.constraints if isinstance(c, sa.CheckConstraint)),
        key=lambda c: str(c.name),
    ):
        if str(constraint.name) in known:
            continue  # The rules known_value and type already cover it.
        text = str(constraint.sqltext)
        yield Rule(
            table.name,
            str(constraint.name).removeprefix(f"ck_{table.name}_"),
            "check",
            tuple(c.name for c in table.columns if _names(text, c.name)),
            text,
            # As in databases, a check holds if its result is NULL.
            f"NOT ({text})",
        )
    yield from _unique(table)


def _unique(table: sa.Table) -> Iterator[Rule]:
    """Yield the rules of the key and of the unique constraints, each once."""
    constraints = _sorted(c for c in table.constraints if isinstance(c, sa.UniqueConstraint))
    declared: list[tuple[Iterable[sa.Column], Mapping[str, str]]] = [
        (table.primary_key.columns, table.info.get("key_collation", {})),
        *((c.columns, c.info.get("collation", {})) for c in constraints),
    ]
    known: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    names: set[str] = set()
    for compared, others in declared:
        columns = _names_of(compared)
        collations = tuple(
            others.get(str(column.name), collation_of(column)) for column in compared
        )
        if not columns or (columns, collations) in known:
            continue
        known.add((columns, collations))
        name, message = "_".join(columns), f"no two rows share {', '.join(columns)}"
        if others:
            name += "_" + "_".join(others.values()).lower()
            message += (
                f" ({', '.join(f'{each} compared as {word}' for each, word in others.items())})"
            )
        yield Rule(
            table.name,
            _free(f"{name}_unique", names),
            "unique",
            columns,
            message,
            collations=collations,
            remark=_remark(compared),
        )


def _remark(columns: Iterable[sa.Column]) -> str:
    """Return the remark on times of a user's own table. SQLite keeps them as texts, and compares these."""
    times = [
        str(column.name)
        for column in columns
        if isinstance(column.type, sa.DateTime) and "declared" in column.info
    ]
    if not times:
        return ""
    return f"{', '.join(times)} compared by the time, and not by the text that writes it"


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number if it is taken, and take it."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found


def _references(table: sa.Table, warehouse: Warehouse) -> Iterator[Rule]:
    """Yield the rules of the references, each once."""
    known: set[str | None] = set()
    names: set[str] = set()
    for reference in _sorted(table.foreign_key_constraints):
        rule = _foreign_key(table, reference, warehouse)
        if rule.offends not in known:
            known.add(rule.offends)
            yield replace(rule, name=_free(rule.name, names))


def compared(
    warehouse: Warehouse, column: sa.Column, sql: str, collation: str, *, broadly: bool
) -> str:
    """Return SQL that is equal for two values of the column if the source takes the values for equal.

    Args:
        warehouse: the warehouse that supplies the SQL.
        column: the column of the values.
        sql: SQL of the value.
        collation: how the source compares texts.
        broadly: whether to fold whatever any collation of that name may fold.
    """
    if equates_numbers(column):
        return warehouse.folded_literal(sql, collation, broadly=broadly)
    if not isinstance(column.type, sa.String):
        return sql
    return warehouse.folded(sql, collation, broadly=broadly)


def _foreign_key(
    table: sa.Table, constraint: sa.ForeignKeyConstraint, warehouse: Warehouse
) -> Rule:
    quoted = warehouse.quoted
    columns = _names_of(constraint.columns)
    parents = _names_of(element.column for element in constraint.elements)
    parent = constraint.referred_table
    there = " AND ".join(f"r.{quoted(column)} IS NOT NULL" for column in columns)
    # Databases compare a reference by the collation of the referenced column, or of the key that it names.
    others: Mapping[str, str] = constraint.info.get("collation", {})

    def same_value(element: sa.ForeignKey) -> str:
        to, own = element.column, element.parent
        word = others.get(str(to.name), collation_of(to))
        there_, here = (
            compared(warehouse, column, f"{row}.{quoted(column.name)}", word, broadly=True)
            for row, column in (("p", to), ("r", own))
        )
        return f"{there_} = {here}"

    same = " AND ".join(map(same_value, constraint.elements))
    return Rule(
        table.name,
        f"{'_'.join(columns)}_foreign_key",
        "foreign_key",
        columns,
        f"{', '.join(columns)} exists in {parent.name}.{', '.join(parents)}",
        f"{there} AND NOT EXISTS (SELECT 1 FROM {warehouse.mirror_rows(parent)} AS p WHERE {same})",
        parent=parent.name,
        remark=_remark(constraint.columns),
    )


def _names_of(columns: Iterable[sa.Column]) -> tuple[str, ...]:
    return tuple(str(column.name) for column in columns)


_Constraint = TypeVar("_Constraint", sa.UniqueConstraint, sa.ForeignKeyConstraint)


def _sorted(constraints: Iterable[_Constraint]) -> list[_Constraint]:
    """Return the constraints in an order that stays, also where several have the same columns."""
    return sorted(
        constraints,
        key=lambda constraint: (
            _names_of(constraint.columns),
            [element.target_fullname for element in getattr(constraint, "elements", ())],
            sorted(constraint.info.get("collation", {}).items()),
        ),
    )


def _names(text: str, column: str) -> bool:
    """Return whether the SQL mentions the column."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return column in words
