"""Define what is checked when a source takes in a month. The checks are the same for every engine.

Contains: which rows come too late for their month, which keys are natural, and the names of the findings.
Out of scope: SQL, and writing the log.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.schema import slice_of

#: Accepted, although the row is from before the month that it came with.
LATE = "late_row"
#: The row changed nothing, because the source already held a newer version.
OUT_OF_ORDER = "out_of_order"
#: Refused, because another row has its natural key.
TAKEN = "natural_key_duplicate"

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


def own_time(table: sa.Table) -> str:
    """Return the column that says since when a row has been in its present state."""
    if "updated_at" in table.columns:
        return "updated_at"
    cut = slice_of(table)
    if cut is None:
        raise ValueError(f"{table.name} has neither updated_at nor a slice")
    return cut.column


def early_rows(table: sa.Table, rows: pa.Table, month: Month) -> pa.Table | None:
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
