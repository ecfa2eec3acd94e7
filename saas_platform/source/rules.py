"""Check which month may be applied to a source. The rules are the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from saas_platform.clock import Month
from saas_platform.source.interface import AppliedMonth, MonthBatch, SourceError


def check_company(present: str | None, wanted: str) -> None:
    """Raise SourceError if the source holds another company."""
    if present is not None and present != wanted:
        raise SourceError(
            f"The source holds another company ({present}; the settings say {wanted}):"
            " run `saas-platform reset --yes`, or use another SAAS_HOME."
        )


def check_clock(known_until: datetime, as_of: datetime) -> None:
    """Raise SourceError if the source already knows what happens after `as_of`."""
    if as_of < known_until:
        raise SourceError(
            f"SAAS_AS_OF {as_of.date()} lies before {known_until.date()}, up to which the source holds"
            " the company: use a later date, or run `saas-platform reset --yes`."
        )


def check_order(
    present: str | None, applied: Mapping[Month, AppliedMonth], batch: MonthBatch
) -> None:
    """Raise SourceError for another company, a missing predecessor, or a clock that went back.

    The first time, months must be applied in order, because foreign keys refer to earlier months. A month
    that was applied before may be applied again in any order.
    """
    check_company(present, batch.company)
    before = batch.month.plus(-1)
    if batch.month < batch.first_month:
        raise SourceError(
            f"Month {batch.month} lies before {batch.first_month}, where the company begins."
        )
    if batch.month > batch.first_month and before not in applied:
        raise SourceError(
            f"Month {batch.month} can't be applied before {before}: apply {before} first."
        )
    record = applied.get(batch.month)
    if record is not None:
        check_clock(record.as_of, batch.as_of)
