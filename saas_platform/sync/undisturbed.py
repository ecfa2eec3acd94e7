"""Do something to each table as of a snapshot, and begin again with the tables that another program disturbed.

A source that can't be locked reports what another program writes to it meanwhile (`WrittenMeanwhileError`). That says
nothing about the table, so the table is read again as of a new snapshot. Out of scope: how a source notices (source/).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import sqlalchemy as sa

from saas_platform.source.interface import Source, SourceSnapshot, WrittenMeanwhileError
from saas_platform.sync.proof_log import TABLE_ERRORS
from saas_platform.warehouse.interface import WarehouseUnusableError

_Result = TypeVar("_Result")
#: How long tables are begun again; what was begun until then is finished.
_PATIENCE_SECONDS = 60.0


def each_table(
    source: Source,
    tables: Iterable[sa.Table],
    work: Callable[[SourceSnapshot, sa.Table], _Result],
    stopped: Callable[[sa.Table, Exception], _Result],
) -> list[_Result]:
    """Return the result for each table. All are read as of one snapshot, unless a program disturbs that.

    Args:
        source: the source of the tables.
        tables: the tables, in the order of the results.
        work: what is done to a table; done again, it must give the same result as once.
        stopped: called with the error that stopped a table, unless the table is begun again; its result takes the place
            of the other one.

    Raises:
        WarehouseUnusableError: nothing can be done to any table.
    """
    wanted = list(tables)
    found: dict[str, _Result] = {}
    left, end = wanted, time.monotonic() + _PATIENCE_SECONDS
    while True:
        disturbed = []
        with source.snapshot() as snapshot:
            for table in left:
                try:
                    found[table.name] = work(snapshot, table)
                except WarehouseUnusableError:
                    raise
                except TABLE_ERRORS as error:
                    if isinstance(error, WrittenMeanwhileError) and time.monotonic() < end:
                        disturbed.append(table)
                    else:
                        found[table.name] = stopped(table, error)
        left = disturbed
        if not left:
            return [found[table.name] for table in wanted]
