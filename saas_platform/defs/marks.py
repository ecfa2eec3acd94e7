"""The mark by which an asset is stale for Dagster: an event without a run, with a version that no code makes.

Contains: how a mark is set, taken back and read, and how what it leaves behind is corrected. Out of scope: which
assets are stale (reporting.py), and what is done about it (conditions.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import dagster as dg

from saas_platform.defs.metadata import DATA_VERSION

#: The tag of an event with the version of the code that made what was materialised.
CODE_VERSION = "dagster/code_version"
#: Begins the version of what is stale. No code makes it, so that Dagster shows the asset as stale.
STALE = "stale after "
#: The tag of a mark that a failure has set. What failed waits for a person, or for another change of its code, its tests
#: or its inputs, after which the sensor facts sets a mark without it.
FAILED = "saas-platform/test_failed"
_OWN = (DATA_VERSION, CODE_VERSION)
#: The tags of a materialisation with the version of each input, and with the newest event of one with partitions.
INPUT_VERSION = "dagster/input_data_version/"
INPUT_POINTER = "dagster/input_event_pointer/"
#: How many of the newest events of an asset with partitions are looked at.
_MOST_EVENTS = 1000


class Part(NamedTuple):
    """An asset, or one of its partitions."""

    asset: str
    partition: str = ""

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey(self.asset.split("/"))


class _Newest(NamedTuple):
    """The newest materialisation of a part, its time in seconds since 1970, and its number; None and 0 if there is none."""

    event: dg.AssetMaterialization | None = None
    at: float = 0.0
    id: int = 0


@dataclass(frozen=True)
class Events:
    """The newest materialisation of each asset and partition. Each is read once."""

    instance: dg.DagsterInstance
    _newest: dict[Part, _Newest] = field(default_factory=dict)

    @staticmethod
    def of(instance: dg.DagsterInstance, assets: Iterable[str]) -> Events:
        """Return the events of an instance, for which those of these assets are read in one query."""
        parts = {part.key: part for part in map(Part, assets)}
        events = Events(instance, dict.fromkeys(parts.values(), _Newest()))
        for record in instance.get_asset_records([*parts]):
            if entry := record.asset_entry.last_materialization:
                part = parts[record.asset_entry.asset_key]
                last = record.asset_entry.last_materialization_storage_id or 0
                events._newest[part] = _Newest(entry.asset_materialization, entry.timestamp, last)
        return events

    def newest(self, part: Part) -> dg.AssetMaterialization | None:
        """Return the newest event of a part; None if there is none."""
        return self._read(part).event

    def time_of(self, part: Part) -> float:
        """Return the time of the newest event of a part, in seconds since 1970; 0 if there is none."""
        return self._read(part).at

    def last_id(self, part: Part) -> int:
        """Return the number under which the newest event of a part is stored; 0 if there is none."""
        return self._read(part).id

    def _read(self, part: Part) -> _Newest:
        if part not in self._newest:
            partitions = [part.partition] if part.partition else None
            wanted = dg.AssetRecordsFilter(part.key, asset_partitions=partitions)
            found = self.instance.fetch_materializations(wanted, limit=1).records
            self._newest[part] = (
                _Newest(found[0].asset_materialization, found[0].timestamp, found[0].storage_id)
                if found
                else _Newest()
            )
        return self._newest[part]


def report_stale(
    instance: dg.DagsterInstance, stale: Mapping[str, str], *, failed: bool = False
) -> None:
    """Report that products are stale, although they may just have been materialised.

    Args:
        instance: the Dagster instance.
        stale: for each product the words that say why, after its name.
        failed: whether they failed, and would fail again.
    """
    parts = {Part(name): why for name, why in stale.items()}
    for event in marks(Events(instance), parts, parts if failed else ()):
        instance.report_runless_asset_event(event)


def is_marked(events: Events, part: Part, *, failed: bool | None = None) -> bool:
    """Return whether the newest event of the part is a mark; with `failed`, whether it is that of a failure or is not."""
    tags = _tags(events.newest(part))
    is_mark = tags.get(DATA_VERSION, "").startswith(STALE)
    return is_mark and (failed is None or failed is (FAILED in tags))


def marks(
    events: Events, stale: Mapping[Part, str], failed: Collection[Part] = ()
) -> Iterator[dg.AssetMaterialization]:
    """Yield the event by which an asset is stale for Dagster, for each that Dagster knows and that has no such mark.

    Those that failed, and would fail again, have another mark than the others.
    """
    for part, words in stale.items():
        newest = events.newest(part)
        if newest and not is_marked(events, part, failed=part in failed):
            known = versions_of(newest)
            own = {name: f"{STALE}{known[name].removeprefix(STALE)}" for name in _OWN}
            tags = {**own, FAILED: "yes"} if part in failed else own
            yield _event(part, newest, f"Stale: it {words}.", tags)


def withdrawals(events: Events, fresh: Iterable[Part]) -> Iterator[dg.AssetMaterialization]:
    """Yield the event that takes back the mark of an asset that is no longer stale, although nothing was built.

    Somebody has undone what made it stale, or built it with the same content.
    """
    for part in fresh:
        newest = events.newest(part)
        known = versions_of(newest)
        if newest and known[DATA_VERSION].startswith(STALE):
            versions = {name: known[name].removeprefix(STALE) for name in _OWN}
            yield _event(part, newest, "It is no longer stale.", versions)


def corrections(
    events: Events,
    fresh: Iterable[Part],
    reported: Iterable[dg.AssetMaterialization],
    partitioned: Collection[str],
    inputs: Mapping[str, Collection[str]],
) -> Iterator[dg.AssetMaterialization]:
    """Yield the event by which an asset that is up to date is so for Dagster too.

    Dagster compares the versions of an asset's inputs with those that it knew of when the asset was built. It may
    have known wrong ones: an input may have had a mark then, or a sync that was not reported yet. An input may also
    be none any more, such as a mart that the page showed and that was removed.

    Args:
        events: the events that the instance has.
        fresh: what is up to date.
        reported: the events that are about to be reported. They are newer than all that the instance has.
        partitioned: the names of the assets that have partitions.
        inputs: the names of the assets from which each product is built.
    """
    changed = {
        Part(event.asset_key.to_user_string(), event.partition or ""): event for event in reported
    }
    # The events of an asset with partitions are looked at when all of them are there.
    moving = {part.asset for part in changed if part.partition}
    for part in fresh:
        newest = changed.get(part) or events.newest(part)
        known = versions_of(newest)
        right: dict[str, str] = {}
        gone: set[str] = set()
        for tag in known:
            if tag.startswith(INPUT_VERSION):
                name = tag.removeprefix(INPUT_VERSION)
                pointer = f"{INPUT_POINTER}{name}"
                if part.asset in inputs and name not in inputs[part.asset]:
                    gone |= {tag, pointer}
                elif name not in partitioned:
                    given = changed.get(Part(name)) or events.newest(Part(name))
                    right[tag] = versions_of(given)[DATA_VERSION] or known[tag]
                elif known.get(pointer, "").isdigit() and name not in moving:
                    right[pointer] = _moved(events.instance, Part(name), int(known[pointer]))
        if newest and (gone or right.items() - known.items()):
            words = "It is up to date with what it is built from."
            description = newest.description if part in changed and newest.description else words
            yield _event(part, newest, description, right, gone)


def _moved(instance: dg.DagsterInstance, part: Part, pointer: int) -> str:
    """Return the pointer past the events of an asset with partitions, if one of them has another version since."""
    after = dg.AssetRecordsFilter(part.key, after_storage_id=pointer)
    newer = instance.fetch_materializations(after, limit=_MOST_EVENTS).records
    newest = {each.partition_key: each for each in reversed(newer) if each.partition_key}
    for partition, record in newest.items():
        until = dg.AssetRecordsFilter(
            part.key, asset_partitions=[partition], before_storage_id=pointer + 1
        )
        before = instance.fetch_materializations(until, limit=1).records
        then = before[0].asset_materialization if before else None
        if (
            versions_of(then)[DATA_VERSION]
            != versions_of(record.asset_materialization)[DATA_VERSION]
        ):
            return str(newer[0].storage_id)
    return str(pointer)


def _event(
    part: Part,
    newest: dg.AssetMaterialization,
    description: str,
    versions: Mapping[str, str],
    without: Collection[str] = (),
) -> dg.AssetMaterialization:
    tags = {**versions_of(newest), **versions}
    return dg.AssetMaterialization(
        asset_key=part.key,
        partition=part.partition or None,
        description=description,
        # The UI shows the newest event's, and they still are those of what was built.
        metadata=newest.metadata,
        tags={name: value for name, value in tags.items() if name not in without},
    )


def versions_of(event: dg.AssetMaterialization | None) -> dict[str, str]:
    """Return what an event says of the versions of an asset and of its inputs."""
    found = {name: value for name, value in _tags(event).items() if name.startswith("dagster/")}
    return {**dict.fromkeys(_OWN, ""), **found}


def _tags(event: dg.AssetMaterialization | None) -> Mapping[str, str]:
    return (event.tags if event else None) or {}
