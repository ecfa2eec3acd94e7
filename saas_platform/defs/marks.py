"""The mark by which an asset is stale for Dagster: an event without a run, with a version that no code makes.

Contains: how a mark is set, taken back and read. Out of scope: which assets are stale (reporting.py), and what is
done about it (conditions.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import dagster as dg

from saas_platform.defs.metadata import DATA_VERSION

#: The tag of an event with the version of the code that made what was materialised.
CODE_VERSION = "dagster/code_version"
#: Begins the version of what is stale. No code makes it, so that Dagster shows the asset as stale.
STALE = "stale after "
_OWN = (DATA_VERSION, CODE_VERSION)


class Part(NamedTuple):
    """An asset, or one of its partitions."""

    asset: str
    partition: str = ""

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey(self.asset.split("/"))


def report_stale(instance: dg.DagsterInstance, product: str, words: str) -> None:
    """Report that a product is stale, although it was just materialised. `words` say why, after its name."""
    for event in marks(instance, {Part(product): words}):
        instance.report_runless_asset_event(event)


def is_marked(instance: dg.DagsterInstance, part: Part) -> bool:
    """Return whether the newest event of the part is a mark."""
    return versions_of(newest_event(instance, part))[DATA_VERSION].startswith(STALE)


def marks(
    instance: dg.DagsterInstance, stale: Mapping[Part, str]
) -> Iterator[dg.AssetMaterialization]:
    """Yield the event by which an asset is stale for Dagster, for each that Dagster knows and takes for fresh."""
    for part, words in stale.items():
        newest = newest_event(instance, part)
        known = versions_of(newest)
        if newest and not known[DATA_VERSION].startswith(STALE):
            yield _event(
                part, newest, f"It {words}.", {name: f"{STALE}{known[name]}" for name in _OWN}
            )


def withdrawals(
    instance: dg.DagsterInstance, fresh: Iterable[Part]
) -> Iterator[dg.AssetMaterialization]:
    """Yield the event that takes back the mark of an asset that is no longer stale, although nothing was built.

    Somebody has undone what made it stale, or built it with the same content.
    """
    for part in fresh:
        newest = newest_event(instance, part)
        known = versions_of(newest)
        if newest and known[DATA_VERSION].startswith(STALE):
            versions = {name: known[name].removeprefix(STALE) for name in _OWN}
            yield _event(part, newest, "It is no longer stale.", versions)


def _event(
    part: Part,
    newest: dg.AssetMaterialization,
    description: str,
    versions: Mapping[str, str],
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=part.key,
        partition=part.partition or None,
        description=description,
        # The UI shows the newest event's, and they still are those of what was built.
        metadata=newest.metadata,
        tags={**versions_of(newest), **versions},
    )


def newest_event(instance: dg.DagsterInstance, part: Part) -> dg.AssetMaterialization | None:
    """Return the newest materialisation of an asset, or of one of its partitions."""
    partitions = [part.partition] if part.partition else None
    wanted = dg.AssetRecordsFilter(part.key, asset_partitions=partitions)
    found = instance.fetch_materializations(wanted, limit=1).records
    return found[0].asset_materialization if found else None


def versions_of(event: dg.AssetMaterialization | None) -> dict[str, str]:
    """Return what an event says of the versions of an asset and of its inputs."""
    tags = (event.tags if event else None) or {}
    found = {name: value for name, value in tags.items() if name.startswith("dagster/")}
    return {**dict.fromkeys(_OWN, ""), **found}
