"""Decide which assets a run materialises, and for which months."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import dagster as dg

from saas_platform.clock import Month
from saas_platform.defs.source import GROUP as SOURCE
from saas_platform.defs.synthetic import GROUP as SYNTHETIC
from saas_platform.defs.synthetic import TRUTH
from saas_platform.platform import Platform
from saas_platform.refresh.company_months import stale_months
from saas_platform.refresh.staleness import GROUPS, Staleness
from saas_platform.settings import SettingsError
from saas_platform.warehouse.interface import RAW

#: Groups that are a single multi-asset: selecting one of their tables runs the whole group.
_WHOLE = (SYNTHETIC, SOURCE)


@dataclass(frozen=True)
class Plan:
    """The assets to materialise, the months for assets with partitions, and a line for each reason."""

    assets: tuple[dg.AssetKey, ...]
    months: tuple[Month, Month]
    reasons: tuple[str, ...]

    def units(self) -> dict[str, int]:
        """Return the number of units of each group: months that are written, and assets that are built."""
        first, last = self.months
        months = len([*first.until(last)])
        counts: dict[str, int] = {}
        for group in GROUPS:
            of_group = {key for key in self.assets if key.path[0] == group}
            by_month = of_group - {TRUTH} if group in _WHOLE else set()
            if of_group:
                counts[group] = len(of_group - by_month) + (months if by_month else 0)
        return counts


def stale_plan(specs: Sequence[dg.AssetSpec], stale: Staleness, through: Month) -> Plan:
    """Return a plan with all assets of the stale groups, and the stale products."""
    months = stale.months or (through,)
    chosen = {spec.key for spec in specs if spec.key.to_user_string() in stale.products}
    chosen.update(_in_groups(specs, stale.groups))
    return Plan(tuple(sorted(chosen)), (months[0], months[-1]), stale.reasons)


def selected_plan(
    platform: Platform, specs: Sequence[dg.AssetSpec], through: Month, names: Sequence[str]
) -> Plan:
    """Return a plan with the named groups and assets, even if they are up to date.

    A group is one of GROUPS, or one that only the UI has, such as `staging`: a folder of dbt models.

    Raises:
        SettingsError: a name is unknown.
        SourceError: raw is to be built, and the source can't be read. Each of its tables would fail for that.
    """
    wanted: set[dg.AssetKey] = set()
    reasons: list[str] = []
    keys = {spec.key.to_user_string(): spec.key for spec in specs}
    only_shown = sorted({str(spec.group_name) for spec in specs} - {*GROUPS})
    for name in names:
        if name in GROUPS:
            wanted.update(_in_groups(specs, {name}))
        elif name in only_shown:
            wanted.update(spec.key for spec in specs if spec.group_name == name)
        elif name not in keys:
            raise SettingsError(
                f"--select {name} is neither a group nor an asset: the groups are {', '.join([*GROUPS, *only_shown])};"
                " an asset is written as group/table, such as raw/accounts."
            )
        elif keys[name].path[0] in _WHOLE and keys[name] != TRUTH:
            group = keys[name].path[0]
            reasons.append(f"{name} is built together with its group, so all of {group} runs")
            wanted.update(_in_groups(specs, {group}))
        else:
            wanted.add(keys[name])
    built = {key.path[0] for key in wanted}
    if RAW in built and SOURCE not in built:
        with platform.source.snapshot():
            pass
    stale = stale_months(platform) if platform.settings.synthetic else []
    months = [month for month in stale if month <= through] or [through]
    return Plan(tuple(sorted(wanted)), (months[0], months[-1]), tuple(reasons))


def _in_groups(specs: Sequence[dg.AssetSpec], groups: Collection[str]) -> tuple[dg.AssetKey, ...]:
    return tuple(sorted(spec.key for spec in specs if spec.key.path[0] in groups))
