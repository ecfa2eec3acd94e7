"""Apply a month's batch to a source that the platform owns. Every engine applies it in the same way.

Contains: the order of the steps, and which rows each counter counts.
Out of scope: SQL, which each engine's `Writer` holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.schema import TABLES
from saas_platform.source.intake import Intake, earlier_rows, natural_keys
from saas_platform.source.interface import MonthBatch, SourceError, TableChange


class BrokenRuleError(Exception):
    """The database refused the staged rows of a table. The message names the rule."""

    def __init__(self, reason: str, *, unique: bool) -> None:
        super().__init__(reason)
        #: Whether the rule is a unique constraint: another row may then have the natural key already.
        self.unique = unique


class Writer(ABC):
    """The steps of applying a month, in an engine's own SQL.

    The code that creates a writer holds the transaction.
    """

    @abstractmethod
    def holds(self, month: Month) -> bool:
        """Return whether the month was applied before."""

    @abstractmethod
    def remember_erasures(self, erasures: pa.Table) -> None:
        """Add the users who are not yet in the log of erasures to it."""

    @abstractmethod
    def stage(self, table: sa.Table, rows: pa.Table) -> None:
        """Stage the rows next to the table, for the steps that follow."""

    @abstractmethod
    def intake(self, table: sa.Table, month: Month) -> Intake:
        """Return the intake of the rows that are staged for a table."""

    @abstractmethod
    def upsert(self, table: sa.Table) -> int:
        """Insert new keys; change existing rows only where the batch is not older and really differs.

        Returns:
            The number of rows written.

        Raises:
            BrokenRuleError: a row breaks a rule of the table. Nothing is written to the table.
        """

    @abstractmethod
    def first_orphan(
        self, child: sa.Column[Any], parent: sa.Column[Any]
    ) -> tuple[object, object] | None:
        """Return the key and value of a staged row whose `child` names no `parent`; None if there is none."""

    def orphan(self, table: sa.Table) -> str | None:
        """Say which staged row names a parent that does not exist; None if every parent exists."""
        for child, parent in _references(table):
            found = self.first_orphan(child, parent)
            if found is not None:
                key, value = found
                return (
                    f"{table.name} {key} names {child.name} {value},"
                    f" which {parent.table.name} does not have"
                )
        return None

    @abstractmethod
    def delete_erased(self) -> int:
        """Delete the users in the log of erasures; return how many were still there."""

    @abstractmethod
    def record(self, batch: MonthBatch, row_count: int) -> None:
        """Record the month as applied."""


def _references(table: sa.Table) -> Iterator[tuple[sa.Column[Any], sa.Column[Any]]]:
    """Yield each column of a company's table that references another table, with the column that it references."""
    for constraint in table.foreign_key_constraints:
        (element,) = constraint.elements
        yield element.parent, element.column


def names_erasable_user(column: sa.Column) -> bool:
    """Return whether the column is a foreign key that becomes NULL when the user it names is erased."""
    return any(
        key.column is TABLES["users"].c.user_id and key.ondelete == "SET NULL"
        for key in column.foreign_keys
    )


def apply_batch(writer: Writer, batch: MonthBatch) -> dict[str, TableChange]:
    """Write the batch. The caller holds the transaction."""
    writer.remember_erasures(batch.erasures)
    first_time = not writer.holds(batch.month)
    changes = {
        name: _take_in(writer, table, batch, first_time=first_time)
        for name, table in TABLES.items()
    }
    # Last, because this sets foreign keys to NULL, and those rows then get a new row version.
    changes["users"] = replace(changes["users"], deleted=writer.delete_erased())
    writer.record(batch, sum(change.offered for change in changes.values()))
    return changes


def _take_in(
    writer: Writer, table: sa.Table, batch: MonthBatch, *, first_time: bool
) -> TableChange:
    """Stage and write one table's part of the month.

    Late and out-of-order rows are logged only when the month is applied for the first time: a replay of an
    older month is expected to bring older rows.
    """
    rows = batch.rows[table.name]
    if not rows.num_rows:
        return TableChange(0, 0, 0)
    writer.stage(table, rows)
    intake = writer.intake(table, batch.month)
    refused = intake.withdraw_refused() if natural_keys(table) else 0
    outdated = late = 0
    earlier = earlier_rows(table, rows, batch.month) if first_time else None
    if earlier is not None:
        refused += intake.withdraw_duplicates()
        outdated, late = intake.note_earlier(earlier)
    written, duplicates = _write(writer, table, batch.month)
    return TableChange(rows.num_rows, written, 0, refused + duplicates, outdated, late)


def _write(writer: Writer, table: sa.Table, month: Month) -> tuple[int, int]:
    """Write the staged rows; return how many were written, and how many had a natural key that is taken.

    Taken keys are looked for only after the database has refused the whole table, so that a clean month
    pays nothing for the search.
    """
    try:
        return writer.upsert(table), 0
    except BrokenRuleError as broken:
        duplicates = writer.intake(table, month).withdraw_duplicates() if broken.unique else 0
        if not duplicates:
            raise SourceError(
                f"Month {month} breaks a rule of {table.name} ({broken}), so nothing of the month was"
                " written: correct the rows, then run again."
            ) from broken.__cause__
    written, more = _write(writer, table, month)
    return written, duplicates + more
