"""Write a company to files, for users who only want the data.

Contains: the end state of every table as CSV or Parquet, the truth next to it, and the data card. Out of
scope: the platform's path through files to a source. The export keeps one month of events and all of
the other tables in memory.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from saas_platform.clock import Month
from saas_platform.company.batch import Batch
from saas_platform.company.card import data_card
from saas_platform.company.company import Company
from saas_platform.company.config import CompanyConfig
from saas_platform.errors import PlatformError
from saas_platform.schema import TABLES, arrow_schema

Format = Literal["csv", "parquet"]
CARD = "DATA_CARD.md"
CONFIG = "company.yaml"
_TRUTH = "truth"
#: This table is written month by month, because its rows never change except when a user is erased.
_EVENTS = "usage_events"


class ExportError(PlatformError):
    """The folder can't be written. The message names the folder and the remedy."""


@dataclass(frozen=True)
class Exported:
    """The folder that was written, and the number of rows of each table."""

    folder: Path
    rows: dict[str, int]


class _Writer:
    """Writes the file of one table, part by part."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, form: Format) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = str(folder / f"{name}.{form}")
        self.rows = 0
        self._out = (
            pcsv.CSVWriter(path, schema)
            if form == "csv"
            else pq.ParquetWriter(path, schema, compression="zstd")
        )

    def write(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        self._out.write_table(rows)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()


def export(
    config: CompanyConfig,
    as_of: datetime,
    folder: Path,
    form: Format,
    *,
    truth: bool = True,
    progress: Callable[[Month], None] | None = None,
) -> Exported:
    """Write all tables in their state at `as_of`, `truth/` and the data card into a new folder.

    Args:
        config: the company.
        as_of: the files hold what happened before this timestamp.
        folder: the folder to create.
        form: file format of the tables.
        truth: whether to write `truth/`.
        progress: called with each month that is done.

    Returns:
        The folder and the number of rows of each table.

    Raises:
        ExportError: the folder exists already or can't be written. Nothing is left behind.
    """
    with _new_folder(folder) as partial:
        company = Company(config)
        rows = _tables(company, config.start, as_of, partial, form, progress)
        if truth:
            for name, table in company.truth(as_of).items():
                with _Writer(partial / _TRUTH, name, table.schema, form) as out:
                    out.write(table)
                rows[f"{_TRUTH}/{name}"] = out.rows
        (partial / CONFIG).write_text(config.to_yaml(), encoding="utf-8")
        card = data_card(config, as_of, rows, form)
        (partial / CARD).write_text(card, encoding="utf-8")
    return Exported(folder, rows)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder next to the wanted one, and rename it when it is complete."""
    if folder.exists():
        raise ExportError(f"{folder} exists already: remove it, or name another folder with --out.")
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(folder)
    except OSError as error:
        raise ExportError(
            f"{folder} can't be written ({error.strerror}): give your user write permission and free"
            " space there, or name another folder with --out."
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _tables(
    company: Company,
    start: Month,
    as_of: datetime,
    folder: Path,
    form: Format,
    progress: Callable[[Month], None] | None,
) -> dict[str, int]:
    """Write the end state of every source table and return the number of rows of each."""
    erased = company.erasures(as_of)["user_id"]
    batches: list[Batch] = []
    events = _Writer(folder, _EVENTS, arrow_schema(TABLES[_EVENTS]), form)
    with events:
        month = start
        while month.start < as_of:
            batch = company.batch(month, as_of)
            events.write(_forget(batch.rows.pop(_EVENTS), erased))
            batches.append(batch)
            if progress is not None:
                progress(month)
            month = month.next()
    rows = {}
    for name, table in TABLES.items():
        if name == _EVENTS:
            rows[name] = events.rows
            continue
        key = next(iter(table.primary_key)).name
        state = _last_versions(pa.concat_tables([batch.rows[name] for batch in batches]), key)
        if name == "users":
            state = state.filter(pc.invert(pc.is_in(state["user_id"], erased.combine_chunks())))
        elif "user_id" in state.column_names:
            state = _forget(state, erased)
        with _Writer(folder, name, state.schema, form) as out:
            out.write(state)
        rows[name] = out.rows
    return rows


def _forget(rows: pa.Table, erased: pa.ChunkedArray) -> pa.Table:
    """Return the rows with `user_id` set to NULL for erased users."""
    column = rows["user_id"]
    gone = pc.is_in(column, erased.combine_chunks())
    kept = pc.if_else(gone, pa.scalar(None, column.type), column)
    return rows.set_column(rows.column_names.index("user_id"), rows.schema.field("user_id"), kept)


def _last_versions(versions: pa.Table, key: str) -> pa.Table:
    """Return the last version of each row, ordered by key."""
    numbered = versions.append_column("_position", pa.array(np.arange(versions.num_rows)))
    last = numbered.group_by(key).aggregate([("_position", "max")])
    return versions.take(last["_position_max"]).sort_by(key)
