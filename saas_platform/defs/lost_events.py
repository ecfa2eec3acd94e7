"""Find what was built by a run that ended before it could tell Dagster, and make the events that Dagster lacks.

A run records a product as complete before its events are stored, so a run that is killed in between leaves a product
that is up to date, and of which Dagster does not know. Out of scope: what is stale (marks.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC

import dagster as dg

from saas_platform.defs.marks import (
    CODE_VERSION,
    INPUT_POINTER,
    INPUT_VERSION,
    Events,
    Part,
    versions_of,
)
from saas_platform.defs.metadata import DATA_VERSION
from saas_platform.refresh.builds import Build


@dataclass(frozen=True)
class LostEvents:
    """Compares the record of the builds with the events of an instance.

    Attributes:
        events: the events that the instance has.
        builds: the last build of each product.
        codes: the version of each asset's code.
        inputs: the names of the assets from which each product is built, each product after its inputs.
    """

    events: Events
    builds: Mapping[str, Build]
    codes: Mapping[str, str]
    inputs: Mapping[str, Collection[str]]

    def find(
        self, fresh: Collection[Part], reported: Mapping[Part, dg.AssetMaterialization]
    ) -> Iterator[dg.AssetMaterialization]:
        """Yield the event of each product that was built after its newest event, if Dagster knows its inputs.

        Args:
            fresh: what is up to date.
            reported: the events that are about to be reported.
        """
        known = dict(reported)
        for name, inputs in self.inputs.items():
            part = Part(name)
            if part not in fresh or not self._is_lost(part):
                continue
            given = {
                each: known.get(Part(each)) or self.events.newest(Part(each)) for each in inputs
            }
            if None in given.values():
                continue
            known[part] = dg.AssetMaterialization(
                asset_key=part.key,
                description="It was built by a run that did not report it here.",
                metadata={"built_at": dg.MetadataValue.timestamp(self._built_at(name))},
                tags={
                    DATA_VERSION: self.builds[name].version,
                    CODE_VERSION: self.codes[name],
                    **{
                        f"{INPUT_VERSION}{each}": versions_of(event)[DATA_VERSION]
                        for each, event in given.items()
                    },
                    # Dagster compares inputs with partitions by it, but wants it of each input.
                    **{
                        f"{INPUT_POINTER}{each}": str(self.events.last_id(Part(each)) or "NULL")
                        for each in given
                    },
                },
            )
            yield known[part]

    def _is_lost(self, part: Part) -> bool:
        return part.asset in self.builds and self.events.time_of(part) < self._built_at(part.asset)

    def _built_at(self, product: str) -> float:
        return self.builds[product].built_at.replace(tzinfo=UTC).timestamp()
