"""The months of the synthetic company: finds the stale ones and writes a month to files for the source.

A month is stale if the source lacks it or holds it with another fingerprint. The fingerprint covers everything
that the month is generated from, and the source stores it with the month's batch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pyarrow as pa

from saas_platform.clock import Clock, Month
from saas_platform.company import Company, CompanyConfig, DirtyCompany
from saas_platform.platform import Platform, company_name
from saas_platform.schema import TABLES, arrow_schema
from saas_platform.source.interface import AppliedMonth, MonthBatch, WritableSource
from saas_platform.source.rules import check_clock, check_company
from saas_platform.storage.frames import FrameStore, FrameStoreError, Written

_ERASURES = "erasures"
_FINGERPRINT = b"fingerprint"


@dataclass(frozen=True)
class CompanyMonths:
    """The synthetic company, month by month.

    Attributes:
        config: the company's knobs, with its seed and its number of accounts.
        dirt: the share of its rows with injected errors.
        clock: the company's clock.
        frames: where the files of its months lie.
    """

    config: CompanyConfig
    dirt: float
    clock: Clock
    frames: FrameStore

    @classmethod
    def of(cls, platform: Platform) -> CompanyMonths:
        """Return the company that the platform's settings describe."""
        settings = platform.settings
        return cls(settings.config, settings.dirt, settings.clock, platform.frames)

    @property
    def name(self) -> str:
        """A description of the company that differs from the description of any other company."""
        return company_name(self.config, self.dirt)

    @cached_property
    def company(self) -> DirtyCompany:
        """The simulated company. Without dirt, its batches stay unchanged."""
        return DirtyCompany(Company(self.config), self.config.seed, self.dirt)

    def all(self) -> list[Month]:
        """Return the company's months, including the current one."""
        return list(self.config.start.until(self.clock.last_month))

    def cutoff(self, month: Month) -> datetime:
        """Return the time up to which a month is known: its end, or the clock if that is earlier."""
        return min(month.end, self.clock.as_of)

    def fingerprint(self, month: Month) -> str:
        """Return the fingerprint of everything that a generated month depends on."""
        inputs = {
            "company": self.name,
            "month": str(month),
            "cutoff": self.cutoff(month).isoformat(),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def stale(self, source: WritableSource) -> list[Month]:
        """Return the months that the source lacks or holds from other inputs.

        Raises SourceError if the source holds another company, or this one at a later time.
        """
        applied = self.check(source)
        return [
            month
            for month in self.all()
            if month not in applied or applied[month].fingerprint != self.fingerprint(month)
        ]

    def check(self, source: WritableSource) -> Mapping[Month, AppliedMonth]:
        """Return the months that the source holds.

        Raises SourceError if it holds another company, or this one at a later time.
        """
        check_company(source.company(), self.name)
        applied = source.applied_months()
        if applied:
            check_clock(max(record.as_of for record in applied.values()), self.clock.as_of)
        return applied

    def write(self, month: Month) -> dict[str, tuple[int, Written]]:
        """Generate a month and write it to files. Return the row count and the file of each table."""
        batch = self.company.batch(month, self.clock.as_of)
        mark = {_FINGERPRINT: self.fingerprint(month).encode()}
        tables = {**batch.rows, _ERASURES: batch.erasures}
        return {
            name: (
                rows.num_rows,
                self.frames.write(_name(name, month), rows.replace_schema_metadata(mark)),
            )
            for name, rows in tables.items()
        }

    def file_digest(self, table: str, month: Month) -> str:
        """Return the digest of the file that has a table's rows of a month."""
        return self.frames.written(_name(table, month)).digest

    def read(self, month: Month) -> MonthBatch:
        """Read a month's files, ready to be applied to the source.

        Raises FrameStoreError if the month was not written, or was written with other settings.
        """
        return MonthBatch(
            company=self.name,
            first_month=self.config.start,
            month=month,
            as_of=self.cutoff(month),
            fingerprint=self.fingerprint(month),
            rows={name: self._read(name, month) for name in TABLES},
            erasures=self._read(_ERASURES, month),
        )

    def _read(self, table: str, month: Month) -> pa.Table:
        rows = self.frames.read(_name(table, month))
        if (rows.schema.metadata or {}).get(_FINGERPRINT) != self.fingerprint(month).encode():
            raise FrameStoreError(
                f"Month {month} of {table} was generated with other settings. Materialise the synthetic assets"
                " of that month first."
            )
        rows = rows.replace_schema_metadata(None)
        if table == _ERASURES:
            return rows
        # Parquet does not keep which columns are not nullable.
        return rows.cast(arrow_schema(TABLES[table]))


def stale_months(platform: Platform) -> list[Month]:
    """Return the months that the platform's source lacks or holds from other inputs.

    Raises SourceError if the source holds another company, or this one at a later time.
    """
    return CompanyMonths.of(platform).stale(platform.owned_source)


def _name(table: str, month: Month) -> str:
    return f"synthetic/{table}/{month}"
