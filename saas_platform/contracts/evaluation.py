"""Find the rows of a raw table that break its contract.

Contains: one query that counts the offenders of all rules, queries that sample them where there are any,
and the outcome. Out of scope: the rules themselves, and any write.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.contracts.rules import Rule, Severity, compared, rules_of
from saas_platform.warehouse.interface import Warehouse, target_schema

#: The most offenders that are shown for each rule.
SAMPLES = 5
#: The most characters shown of a sample value. They are escaped to ASCII, so odd ones can't break a page.
_MAX_SHOWN = 60


@dataclass(frozen=True)
class Breach:
    """A broken rule, with the number of offending rows (columns, for a type) and samples of the first ones.

    A sample shows the row's key, or the whole row if its table has no key. It also shows the value if the
    rule is about one column without personal data. Personal data is always masked.
    """

    rule: Rule
    offenders: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class ContractResult:
    """The outcome of checking a table against its contract.

    Attributes:
        table: the table's name.
        rows: the rows of its mirror; None if there is none.
        rules: how many rules were checked.
        breaches: the rules that are broken, errors first.
        seconds: the wall time of checking.
        unknown: the referenced tables whose rows are not known, so that references to them were not checked.
    """

    table: str
    rows: int | None
    rules: int
    breaches: tuple[Breach, ...]
    seconds: float
    unknown: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether the table keeps every rule."""
        return not self.breaches

    @property
    def severity(self) -> Severity:
        """The severity of the worst breach."""
        worst = any(breach.rule.severity == "error" for breach in self.breaches)
        return "error" if worst else "warning"


def evaluate(
    warehouse: Warehouse, table: sa.Table, differing: Collection[str] = ()
) -> ContractResult:
    """Check the mirror of a table against all its rules.

    `differing` names tables whose mirrors are known to differ from their source. References to them, and to tables
    without a mirror, are not checked: a row would seem to reference nothing only because its parent is not mirrored.
    """
    began = time.perf_counter()
    with warehouse.session():
        parents = {key.referred_table for key in table.foreign_key_constraints} - {table}
        unknown = {
            parent.name
            for parent in parents
            if parent.name in differing
            or not warehouse.table_exists(target_schema(parent), parent.name)
        }
        rules = [rule for rule in rules_of(table, warehouse) if rule.parent not in unknown]
        wrong = _wrong_types(warehouse, table)
        breaches = [
            Breach(rule, 1, (wrong[rule.columns[0]],))
            for rule in rules
            if rule.kind == "type" and rule.columns[0] in wrong
        ]
        rows, counts = _counts(warehouse, table, _checkable(rules, wrong))
        breaches += [
            Breach(rule, count, _samples(warehouse, table, rule)) for rule, count in counts if count
        ]
        breaches.sort(key=lambda breach: breach.rule.severity)
    return ContractResult(
        table.name,
        rows,
        len(rules),
        tuple(breaches),
        time.perf_counter() - began,
        tuple(sorted(unknown)),
    )


def contract_query(warehouse: Warehouse, table: sa.Table) -> str:
    """Return the query that checks the mirror of a table against all rules but those about types.

    It assumes that the columns of the mirror are as declared.
    """
    return _contract_query(warehouse, table, _checkable(rules_of(table, warehouse), {}))


def offenders(warehouse: Warehouse, table: sa.Table) -> Iterator[tuple[Rule, tuple[Any, ...]]]:
    """Yield each broken rule with the key of each row that breaks it. One row may occur several times."""
    with warehouse.session():
        wrong = _wrong_types(warehouse, table)
        _, counts = _counts(warehouse, table, _checkable(rules_of(table, warehouse), wrong))
        for rule, count in counts:
            if count:
                found = warehouse.query(_select(warehouse, table, rule, _key(table)))
                for row in found.to_pylist():
                    yield rule, tuple(row.values())


def _checkable(rules: list[Rule], wrong: dict[str, str]) -> list[Rule]:
    """Return the rules that one query can check. A wrong or missing column would make all of it fail."""
    return [r for r in rules if r.kind != "type" and not set(r.columns) & set(wrong)]


def _wrong_types(warehouse: Warehouse, table: sa.Table) -> dict[str, str]:
    """Return the columns of the mirror that are not as declared, each with a text that says how."""
    declared, present = warehouse.declared_columns(table), warehouse.mirror_columns(table)
    return {
        column.name: (
            f"{column.name} is {present[column.name]}, declared as {declared[column.name]}"
            if column.name in present
            else f"{column.name} is missing"
        )
        for column in table.columns
        if present.get(column.name) != declared[column.name]
    }


def _counts(
    warehouse: Warehouse, table: sa.Table, rules: list[Rule]
) -> tuple[int | None, list[tuple[Rule, int]]]:
    """Count the rows of the table and the offenders of each rule, in one query."""
    if not warehouse.table_exists(target_schema(table), table.name):
        return None, []
    (row,) = warehouse.query(_contract_query(warehouse, table, rules)).to_pylist()
    return row["n"], [(rule, int(row[f"r{n}"])) for n, rule in enumerate(rules)]


def _contract_query(warehouse: Warehouse, table: sa.Table, rules: list[Rule]) -> str:
    counts = [f"{_count(warehouse, table, rule)} AS r{n}" for n, rule in enumerate(rules)]
    listed = ", ".join(["COUNT(*) AS n", *counts])
    return f"SELECT {listed} FROM {_rows(warehouse, table)}"


def _count(warehouse: Warehouse, table: sa.Table, rule: Rule) -> str:
    """Return SQL for the number of offenders, as an item of a SELECT from the table."""
    if rule.kind == "unique":
        return f"(SELECT COALESCE(SUM(g.n), 0) FROM ({_groups(warehouse, table, rule)}) g)"
    if rule.kind == "foreign_key":
        # A subquery of its own becomes an anti-join. Engines can't plan it as the argument of an aggregate.
        rows = _rows(warehouse, table)
        return f"(SELECT COUNT(*) FROM {rows} WHERE {_condition(warehouse, table, rule)})"
    return f"COUNT(CASE WHEN {_condition(warehouse, table, rule)} THEN 1 END)"


def _condition(warehouse: Warehouse, table: sa.Table, rule: Rule) -> str:
    """Return SQL that is true for an offending row."""
    if rule.pattern is not None:
        return warehouse.matches(rule.columns[0], rule.pattern)
    if rule.kind == "unique":
        same = " AND ".join(
            f"g.k{place} = {value}" for place, value in enumerate(_compared(warehouse, table, rule))
        )
        return f"EXISTS (SELECT 1 FROM ({_groups(warehouse, table, rule)}) g WHERE {same})"
    return str(rule.offends)


def _groups(warehouse: Warehouse, table: sa.Table, rule: Rule) -> str:
    """Return a query of the values that several rows share, as columns k0, k1 ..., and of the row count n."""
    values = _compared(warehouse, table, rule)
    listed = ", ".join(f"{value} AS k{place}" for place, value in enumerate(values))
    there = " AND ".join(f"r.{warehouse.quoted(column)} IS NOT NULL" for column in rule.columns)
    return (
        f"SELECT {listed}, COUNT(*) AS n FROM {_rows(warehouse, table)} WHERE {there}"
        f" GROUP BY {', '.join(values)} HAVING COUNT(*) > 1"
    )


def _compared(warehouse: Warehouse, table: sa.Table, rule: Rule) -> list[str]:
    """Return SQL for the rule's columns of a row `r`, folded so that values compare as in the source."""
    return [
        compared(
            warehouse,
            table.columns[column],
            f"r.{warehouse.quoted(column)}",
            collation,
            broadly=False,
        )
        for column, collation in zip(rule.columns, rule.collations, strict=True)
    ]


def _select(warehouse: Warehouse, table: sa.Table, rule: Rule, columns: list[sa.Column]) -> str:
    """Return a query of the given columns of the offenders, sorted by those columns."""
    listed = ", ".join(f"r.{warehouse.quoted(column.name)}" for column in columns)
    return (
        f"SELECT {listed} FROM {_rows(warehouse, table)}"
        f" WHERE {_condition(warehouse, table, rule)} ORDER BY {listed}"
    )


def _samples(warehouse: Warehouse, table: sa.Table, rule: Rule) -> tuple[str, ...]:
    shown = _key(table)
    if len(rule.columns) == 1:
        column = table.columns[rule.columns[0]]
        if "pii" not in column.info and column.name not in table.primary_key.columns:
            shown.append(column)
    found = warehouse.query(f"{_select(warehouse, table, rule, shown)} LIMIT {SAMPLES}").to_pylist()
    return tuple(": ".join(_shown(column, row[column.name]) for column in shown) for row in found)


def _shown(column: sa.Column, value: Any) -> str:
    if "pii" in column.info and value is not None:
        return "***"
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _rows(warehouse: Warehouse, table: sa.Table) -> str:
    return f"{warehouse.mirror_rows(table)} AS r"


def _key(table: sa.Table) -> list[sa.Column]:
    """Return the columns that identify a row: its key, or all of them if it has none."""
    return list(table.primary_key.columns) or list(table.columns)
