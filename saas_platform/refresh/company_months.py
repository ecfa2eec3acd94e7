"""The months of the synthetic company: finds the stale ones and writes a month to files for the source.

A month is stale if the source lacks it or holds it with another fingerprint. The fingerprint covers everything
that the month is generated from, and the source stores it with the month's batch.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

import pyarrow as pa

from saas_platform.clock import Month
from saas_platform.platform import Platform
from saas_platform.schema import TABLES, arrow_schema
from saas_platform.source.interface import MonthBatch
from saas_platform.source.rules import check_clock, check_company
from saas_platform.storage.frames import FrameStoreError, Written

_ERASURES = "erasures"
_FINGERPRINT = b"fingerprint"


def months(platform: Platform) -> list[Month]:
    """Return the company's months, including the current one."""
    return list(platform.settings.start.until(platform.settings.last_month))


def cutoff(platform: Platform, month: Month) -> datetime:
    """Return the time up to which a month is known: its end, or the clock if that is earlier."""
    return min(month.end, platform.as_of)


def fingerprint(platform: Platform, month: Month) -> str:
    """Return the fingerprint of everything that a generated month depends on."""
    inputs = {
        "company": platform.company_name,
        "month": str(month),
        "cutoff": cutoff(platform, month).isoformat(),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def stale_months(platform: Platform) -> list[Month]:
    """Return the months that the source lacks or holds from other inputs.

    Raises SourceError if the source holds another company, or this one at a later time.
    """
    source = platform.owned_source
    check_company(source.company(), platform.company_name)
    applied = source.applied_months()
    if applied:
        check_clock(max(record.as_of for record in applied.values()), platform.as_of)
    return [
        month
        for month in months(platform)
        if month not in applied or applied[month].fingerprint != fingerprint(platform, month)
    ]


def write_month(platform: Platform, month: Month) -> dict[str, tuple[int, Written]]:
    """Generate a month and write it to files. Return the row count and the file of each table."""
    batch = platform.company.batch(month, platform.as_of)
    mark = {_FINGERPRINT: fingerprint(platform, month).encode()}
    tables = {**batch.rows, _ERASURES: batch.erasures}
    return {
        name: (
            rows.num_rows,
            platform.frames.write(_name(name, month), rows.replace_schema_metadata(mark)),
        )
        for name, rows in tables.items()
    }


def file_digest(platform: Platform, table: str, month: Month) -> str:
    """Return the digest of the file that has a table's rows of a month."""
    return platform.frames.written(_name(table, month)).digest


def read_month(platform: Platform, month: Month) -> MonthBatch:
    """Read a month's files, ready to be applied to the source.

    Raises FrameStoreError if the month was not written, or was written with other settings.
    """
    expected = fingerprint(platform, month)
    return MonthBatch(
        company=platform.company_name,
        first_month=platform.settings.start,
        month=month,
        as_of=cutoff(platform, month),
        fingerprint=expected,
        rows={name: _read(platform, name, month, expected) for name in TABLES},
        erasures=_read(platform, _ERASURES, month, expected),
    )


def _name(table: str, month: Month) -> str:
    return f"synthetic/{table}/{month}"


def _read(platform: Platform, table: str, month: Month, expected: str) -> pa.Table:
    rows = platform.frames.read(_name(table, month))
    if (rows.schema.metadata or {}).get(_FINGERPRINT) != expected.encode():
        raise FrameStoreError(
            f"Month {month} of {table} was generated with other settings. Materialise the synthetic assets"
            " of that month first."
        )
    rows = rows.replace_schema_metadata(None)
    if table == _ERASURES:
        return rows
    # Parquet does not keep which columns are not nullable.
    return rows.cast(arrow_schema(TABLES[table]))
