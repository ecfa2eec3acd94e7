"""Find what is missing or stale, and why, from the source, the warehouse and the code themselves.

Nothing here depends on an orchestrator's log, so a deleted warehouse, rows edited in the source, or another
seed is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass

from saas_platform.clock import Month
from saas_platform.platform import Platform
from saas_platform.refresh.company_months import stale_months
from saas_platform.refresh.layers import LAYERS, stale_layers
from saas_platform.schema.describing import counted
from saas_platform.sync import probe

#: The groups of assets, each built from the one before.
GROUPS = ("synthetic", "source", "raw", *LAYERS)


@dataclass(frozen=True)
class Staleness:
    """The groups to materialise in order, the months to generate, and a line for each reason."""

    groups: tuple[str, ...]
    months: tuple[Month, ...]
    reasons: tuple[str, ...]


def staleness(platform: Platform, through: Month) -> Staleness:
    """Return the first stale group and all groups that depend on it."""
    if platform.settings.synthetic:
        months = tuple(month for month in stale_months(platform) if month <= through)
        if months:
            span = str(months[0]) if len(months) == 1 else f"{months[0]} to {months[-1]}"
            reason = f"source: {counted(len(months), 'month')} to generate and write ({span})"
            return Staleness(GROUPS, months, (reason,))
    found = probe(platform.source, platform.warehouse, platform.tables.values())
    stale = [f"{each.table} ({each.reason})" for each in found if each.reason is not None]
    if stale:
        reason = f"raw: {counted(len(stale), 'table')} to sync: {', '.join(stale)}"
        return Staleness(_from("raw"), (), (reason,))
    layers = stale_layers(platform) if platform.is_company else ()
    if layers:
        reason = f"{layers[0]}: their inputs have changed"
        return Staleness(_from(layers[0]), (), (reason,))
    return Staleness((), (), ())


def _from(group: str) -> tuple[str, ...]:
    return GROUPS[GROUPS.index(group) :]
