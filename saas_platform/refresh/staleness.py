"""Find what is missing or stale, and why, from the source, the warehouse, the files and the code themselves.

Nothing here depends on an orchestrator's log, so a deleted warehouse, a mart edited by hand, or another seed is
noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from saas_platform.clock import Month
from saas_platform.platform import Platform
from saas_platform.refresh.attempts import attempts
from saas_platform.refresh.builds import Build, last_builds, record_builds
from saas_platform.refresh.company_months import stale_months
from saas_platform.refresh.products import CLOCK, COMPANY, Product, products
from saas_platform.refresh.states import states
from saas_platform.schema.describing import counted
from saas_platform.sync import probe
from saas_platform.sync.probe import NO_ROW_VERSION
from saas_platform.warehouse.interface import RAW

#: The groups of assets, each built from the one before.
GROUPS = ("synthetic", "source", RAW, "marts", "models", "dashboards")
#: How many products of a group a reason names.
_MOST_NAMED = 3


@dataclass(frozen=True)
class Cause:
    """Why a product is stale, in words that follow its name."""

    words: str
    #: `failed`: it failed, and would fail again; `unbuilt`: it was never built, or failed and has changed since; `gone`: it
    #: is missing, or no longer what was built; `code`: its code is another; `inputs`: what it is built from is newer, or
    #: stale itself.
    kind: Literal["failed", "unbuilt", "gone", "code", "inputs"]
    #: The attempt at the product (attempts.py) that `run` would make now.
    attempt: str = ""

    @property
    def is_own(self) -> bool:
        """Whether nothing is known of what the product should hold, so that all of it must be built."""
        return self.kind != "inputs"


@dataclass(frozen=True)
class Staleness:
    """What to materialise, and why.

    Attributes:
        groups: the groups of which everything is materialised.
        products: the products to materialise besides.
        months: the months of the company to generate.
        reasons: a line for each reason.
        changed: the raw tables that are known to differ from the source. The others of a stale group may differ.
        causes: why each product is stale, as far as it is known without what is to be materialised before it.
    """

    groups: tuple[str, ...]
    products: tuple[str, ...]
    months: tuple[Month, ...]
    reasons: tuple[str, ...]
    changed: tuple[str, ...] = ()
    causes: Mapping[str, Cause] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.groups or self.products)


def staleness(platform: Platform, through: Month) -> Staleness:
    """Return the first stale group and all groups that depend on it, or the stale products above raw."""
    if platform.settings.synthetic:
        months = tuple(month for month in stale_months(platform) if month <= through)
        if months:
            span = str(months[0]) if len(months) == 1 else f"{months[0]} to {months[-1]}"
            reason = f"source: {counted(len(months), 'month')} to generate and write ({span})"
            return Staleness(GROUPS, (), months, (reason,))
    causes = stale_products(platform)
    found = probe(platform.source, platform.warehouse, platform.tables.values())
    stale = [f"{each.table} ({each.reason})" for each in found if each.reason is not None]
    if stale:
        reason = f"{RAW}: {counted(len(stale), 'table')} to sync: {', '.join(stale)}"
        above = GROUPS[GROUPS.index(RAW) :]
        others = tuple(name for name in causes if name.partition("/")[0] not in above)
        changed = [each.table for each in found if each.reason not in (None, NO_ROW_VERSION)]
        reasons = (reason, *_reasons(causes, GROUPS[:2]))
        return Staleness(above, others, (), reasons, tuple(changed), causes)
    return Staleness((), tuple(causes), (), tuple(_reasons(causes, GROUPS)), (), causes)


def stale_products(platform: Platform) -> dict[str, Cause]:
    """Return the products above raw that must be built, each with the cause, in the order of building."""
    found = products(platform)
    if not found:
        return {}
    with platform.warehouse.session():
        built = last_builds(platform.warehouse)
        present = states(platform, [each for name, each in found.items() if name in built])
        versions = given_versions(platform)
    tried = attempts(found, versions)
    causes: dict[str, Cause] = {}
    for name, product in found.items():
        build = built.get(name)
        cause = _cause_of_failure(build, tried[name]) or _cause(
            product, build, present.get(name), versions, causes
        )
        if cause is None:
            versions[name] = built[name].version
        else:
            causes[name] = replace(cause, attempt=tried[name])
    return causes


def _cause_of_failure(build: Build | None, attempt: str) -> Cause | None:
    if build is None or not build.forgotten:
        return None
    if build.version == attempt:
        return Cause(build.forgotten, "failed")
    return Cause(
        f"{build.forgotten}, but its code, its tests or its inputs have changed since", "unbuilt"
    )


def _cause(
    product: Product,
    build: Build | None,
    state: str | None,
    versions: Mapping[str, str],
    stale: Mapping[str, Cause],
) -> Cause | None:
    if build is None:
        return Cause("was never built", "unbuilt")
    if state is None:
        return Cause("is missing", "gone")
    if state != build.state:
        return Cause("was changed after it was built", "gone")
    if product.code != build.code:
        return Cause("has other code now", "code")
    below = sorted(product.inputs & stale.keys())
    if below:
        return Cause(f"is built from {listed(below)}", "inputs")
    before = json.loads(build.inputs)
    newer = sorted(name for name in product.inputs if before.get(name) != versions[name])
    return Cause(f"is older than {listed(newer)}", "inputs") if newer else None


def given_versions(platform: Platform) -> dict[str, str]:
    """Return the version of each input that is no product: the raw tables, the clock and the company."""
    with platform.warehouse.session():
        syncs = {
            name: platform.warehouse.last_sync(table) for name, table in platform.tables.items()
        }
    return {
        **{f"{RAW}/{name}": sync.sync_id if sync else "" for name, sync in syncs.items()},
        CLOCK: platform.as_of.isoformat(),
        COMPANY: hashlib.sha256(platform.company_name.encode()).hexdigest(),
    }


def record_products(
    platform: Platform,
    made: Collection[str],
    given: Mapping[str, str],
    digests: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Record that products are complete.

    Args:
        platform: the platform.
        made: the names of the products that were made.
        given: the `given_versions` from before they were made, so that what came later counts as newer.
        digests: the digests of what was made. A product without one has its state as its version.

    Returns:
        The version of each product that was made.
    """
    found = products(platform)
    with platform.warehouse.session():
        built = last_builds(platform.warehouse)
        present = states(platform, [found[name] for name in made])
        made_versions = {**present, **(digests or {})}
        versions = {
            **{name: each.version for name, each in built.items()},
            **given,
            **made_versions,
        }
        record_builds(
            platform.warehouse,
            [
                Build.now(
                    name,
                    found[name].code,
                    {each: versions.get(each, "") for each in found[name].inputs},
                    versions[name],
                    present[name],
                )
                for name in made
                if name in present
            ],
        )
    return {name: versions[name] for name in made if name in present}


def _reasons(causes: Mapping[str, Cause], groups: Collection[str]) -> Iterator[str]:
    """Yield a line for each group with stale products. Their own causes come first."""
    for group in groups:
        of_group = {
            name.partition("/")[2]: cause
            for name, cause in causes.items()
            if name.startswith(f"{group}/")
        }
        if of_group:
            ordered = sorted(of_group.items(), key=lambda each: not each[1].is_own)
            words = listed([f"{name} {cause.words}" for name, cause in ordered], "; ")
            yield f"{group}: {len(of_group):,} to build: {words}"


def listed(texts: list[str], by: str = ", ") -> str:
    """Return the first few of some texts, and how many more there are."""
    more = len(texts) - _MOST_NAMED
    return by.join(texts[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
