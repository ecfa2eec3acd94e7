"""Define what is checked when a source takes in a month. The checks are the same for every engine.

Contains: which rows come too late for their month, which keys are natural, the names of the findings, and
the interface of an engine's intake. Out of scope: SQL.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.schema import slicing_of

#: Accepted, although the row is from before the month that it came with.
LATE = "late_row"
#: The row changed nothing, because the source already held a newer version.
OUT_OF_ORDER = "out_of_order"
#: Refused, because another row has its natural key.
NATURAL_KEY_DUPLICATE = "natural_key_duplicate"

#: The records that a source returns about its intake (`WritableSource.intake_log`).
LOG_SCHEMA = pa.schema(
    [
        pa.field("month", pa.string(), nullable=False),
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("row_key", pa.int64(), nullable=False),
        pa.field("finding", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)


class Intake(ABC):
    """The intake of the rows that are staged for one table with one month, in an engine's own SQL."""

    @abstractmethod
    def withdraw_refused(self) -> int:
        """Unstage the rows that were refused with this month before, and return how many there were.

        A refusal is permanent. Otherwise a replay would accept such a row once the row that had its
        natural key has been erased.
        """

    @abstractmethod
    def withdraw_duplicates(self) -> int:
        """Log and unstage the rows whose natural key belongs to another row; return how many there were.

        Two rows of one batch with the same natural key are not covered: nobody can know which of them is
        right, so the month fails.
        """

    @abstractmethod
    def note_earlier(self, earlier: pa.Table) -> tuple[int, int]:
        """Log the rows that came out of order and those that came late; return the count of each.

        This runs before the upsert, on the rows that are still staged. A row that the table already holds
        in exactly this version is neither.

        Args:
            earlier: the rows that `earlier_rows` returned. Some of them may no longer be staged.
        """


def own_time(table: sa.Table) -> str:
    """Return the column that says since when a row has been in its present state."""
    if "updated_at" in table.columns:
        return "updated_at"
    slicing = slicing_of(table)
    if slicing is None:
        raise ValueError(f"{table.name} has neither updated_at nor a slice")
    return slicing.column


def earlier_rows(table: sa.Table, rows: pa.Table, month: Month) -> pa.Table | None:
    """Return the key and own time of the rows from before the month; None if there are none.

    A clean month costs one pass over one Arrow column.
    """
    time = own_time(table)
    least = pc.min(rows[time])
    if not least.is_valid or least.as_py() >= month.start:
        return None
    (key,) = table.primary_key.columns
    return rows.select([key.name, time]).filter(pc.less(rows[time], pa.scalar(month.start)))


def natural_keys(table: sa.Table) -> list[list[str]]:
    """Return the columns of each natural key, in a stable order."""
    return sorted(
        [column.name for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    )
