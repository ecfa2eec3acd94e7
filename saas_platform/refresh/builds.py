"""Record what each layer above raw was last built from, in a table next to the marts.

The record is in the warehouse and not in a file, so that a deleted warehouse or another machine is noticed.
Out of scope: deciding from the record what is stale (layers.py, mart_months.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa

from saas_platform.warehouse.interface import MARTS, Warehouse

Layer = Literal["marts", "models", "dashboards"]

_TABLE = "_builds"
_SCHEMA = pa.schema(
    [
        pa.field("layer", pa.string(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
        pa.field("inputs", pa.string()),
        pa.field("built_at", pa.timestamp("us"), nullable=False),
    ]
)


@dataclass(frozen=True)
class Build:
    """The last complete build of a layer.

    Attributes:
        fingerprint: covers the layers below and the layer's own code.
        inputs: what the layer was built from, as JSON; None if the fingerprint is enough.
        built_at: when the build was complete, in UTC.
    """

    layer: Layer
    fingerprint: str
    inputs: str | None
    built_at: datetime


def last_builds(warehouse: Warehouse) -> dict[Layer, Build]:
    """Return the last complete build of each layer that has one."""
    if not warehouse.table_exists(MARTS, _TABLE):
        return {}
    rows = warehouse.query(f"SELECT {', '.join(_SCHEMA.names)} FROM {MARTS}.{_TABLE}")
    return {row["layer"]: Build(**row) for row in rows.to_pylist()}


def record_build(
    warehouse: Warehouse, layer: Layer, fingerprint: str, inputs: str | None = None
) -> None:
    """Record what a layer has been built from. Call this after the layer is complete."""
    build = Build(layer, fingerprint, inputs, datetime.now(UTC).replace(tzinfo=None))
    builds = {**last_builds(warehouse), layer: build}
    rows = [asdict(each) for each in builds.values()]
    warehouse.replace_table(MARTS, _TABLE, pa.Table.from_pylist(rows, schema=_SCHEMA))
