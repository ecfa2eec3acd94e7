"""Applying a month's batch to a source of ours, the same for every engine.

Holds the order of the steps, and who is counted where. Does not hold: SQL (each engine's `Writer`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.schema import TABLES
from saas_platform.source.intake import early_rows, natural_keys
from saas_platform.source.interface import MonthBatch, SourceError, TableChange


class BrokenRuleError(Exception):
    """The database refuses the staged rows of a table; the text names the rule."""

    def __init__(self, reason: str, *, unique: bool) -> None:
        super().__init__(reason)
        #: Whether it was a unique constraint, so that a natural key may be taken.
        self.unique = unique


class Writer(ABC):
    """The steps of a month in an engine's own SQL; whoever makes one holds the transaction."""

    @abstractmethod
    def holds(self, month: Month) -> bool:
        """Whether the month was applied before."""

    @abstractmethod
    def remember_erasures(self, erasures: pa.Table) -> None:
        """Add to the ledger those who are not in it."""

    @abstractmethod
    def stage(self, table: sa.Table, rows: pa.Table) -> None:
        """Have the rows beside the table, for the steps that follow."""

    @abstractmethod
    def withdraw_refused(self, table: sa.Table, month: Month) -> int:
        """Unstage rows that were refused with this month before, and give how many: a refusal is for good.

        Otherwise a replay would take them once the row that had the natural key has been erased.
        """

    @abstractmethod
    def withdraw_taken(self, table: sa.Table, month: Month) -> int:
        """Log and unstage rows whose natural key another row has; gives how many.

        Two rows of one batch with one natural key are no such case: which is right, nobody can tell,
        and the month fails.
        """

    @abstractmethod
    def note_early(self, table: sa.Table, early: pa.Table, month: Month) -> tuple[int, int]:
        """Log what came out of order and what came late; gives how many of each.

        Before the upsert, of rows still staged. A row that is there in just this version is neither.
        """

    @abstractmethod
    def upsert(self, table: sa.Table) -> int:
        """Insert new keys; change present rows only where the batch is not older and really differs.

        Gives the rows written. Raises BrokenRuleError, and nothing of the table is written.
        """

    @abstractmethod
    def delete_erased(self) -> int:
        """Delete the users of the ledger; gives how many were still there."""

    @abstractmethod
    def record(self, batch: MonthBatch, row_count: int) -> None:
        """Note the month as applied."""


def names_erasable_user(column: sa.Column) -> bool:
    """Return whether the column is a foreign key that becomes NULL when the user it names is erased."""
    return any(
        key.column is TABLES["users"].c.user_id and key.ondelete == "SET NULL"
        for key in column.foreign_keys
    )


def apply_batch(writer: Writer, batch: MonthBatch) -> dict[str, TableChange]:
    """Write the batch; the caller holds the transaction."""
    writer.remember_erasures(batch.erasures)
    first_time = not writer.holds(batch.month)
    changes = {
        name: _take_in(writer, table, batch, first_time=first_time)
        for name, table in TABLES.items()
    }
    # Last, because the keys that this sets to NULL are stamped anew.
    changes["users"] = replace(changes["users"], deleted=writer.delete_erased())
    writer.record(batch, sum(change.offered for change in changes.values()))
    return changes


def _take_in(
    writer: Writer, table: sa.Table, batch: MonthBatch, *, first_time: bool
) -> TableChange:
    """A table's part of the month, staged and written.

    Late and out of order are noted the first time alone: a replay of an older month brings older rows
    by right.
    """
    rows = batch.rows[table.name]
    if not rows.num_rows:
        return TableChange(0, 0, 0)
    writer.stage(table, rows)
    refused = writer.withdraw_refused(table, batch.month) if natural_keys(table) else 0
    outdated = late = 0
    early = early_rows(table, rows, batch.month) if first_time else None
    if early is not None:
        refused += writer.withdraw_taken(table, batch.month)
        outdated, late = writer.note_early(table, early, batch.month)
    written, taken = _write(writer, table, batch.month)
    return TableChange(rows.num_rows, written, 0, refused + taken, outdated, late)


def _write(writer: Writer, table: sa.Table, month: Month) -> tuple[int, int]:
    """Rows written, and rows refused because their natural key is taken.

    The latter are looked for only once the database has refused all, so that a clean month pays
    nothing for it.
    """
    try:
        return writer.upsert(table), 0
    except BrokenRuleError as broken:
        taken = writer.withdraw_taken(table, month) if broken.unique else 0
        if not taken:
            raise SourceError(
                f"Month {month} breaks a rule of {table.name} ({broken}):"
                " nothing of the month was written; correct the rows, then run again."
            ) from broken.__cause__
    written, more = _write(writer, table, month)
    return written, taken + more
