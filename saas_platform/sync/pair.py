"""One table on both sides: in a snapshot of its source, and as its mirror in the warehouse.

Out of scope: what is done with the two, such as loading (apply.py), proving (proof.py) and comparing (diff.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from saas_platform.source.interface import SourceSnapshot
from saas_platform.sync.reading import progress_callback
from saas_platform.sync.report import OnProgress, Step
from saas_platform.warehouse.interface import Warehouse


@dataclass(frozen=True)
class TablePair:
    """A table of a snapshot, and its mirror.

    Attributes:
        snapshot: the open snapshot of the source.
        warehouse: the warehouse that has the mirror.
        table: the table as tables.yaml or the company declares it.
        on_progress: called as rows are read; None if nobody listens.
        show_pii: whether reports on the pair show personal data unmasked.
    """

    snapshot: SourceSnapshot
    warehouse: Warehouse
    table: sa.Table
    on_progress: OnProgress | None = None
    show_pii: bool = False

    def counted(self, step: Step) -> Callable[[int], None] | None:
        """Return the callback that reports the rows of one step as they are read; None if nobody listens."""
        return progress_callback(self.on_progress, self.table, step)
