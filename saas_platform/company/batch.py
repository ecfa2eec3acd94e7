"""One month of the company, in the form in which a source or a file receives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from saas_platform.clock import Month

#: Users erased on request, with the timestamp of the erasure.
ERASURES_SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.int64(), nullable=False),
        pa.field("erased_at", pa.timestamp("us"), nullable=False),
    ]
)


@dataclass(frozen=True)
class Batch:
    """Everything that happened in a month before `as_of`.

    `rows` has one Arrow table per source table, with the schema `arrow_schema(table)`. It contains each
    row that was created or changed in the month once, in its state at the end of the month or at
    `as_of`, whichever is earlier. `erasures` (ERASURES_SCHEMA) lists the users that were erased.
    """

    month: Month
    as_of: datetime
    rows: dict[str, pa.Table]
    erasures: pa.Table
