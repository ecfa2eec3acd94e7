"""Whether marts, models and dashboards are built from what raw holds now, by what the code is now.

A layer's fingerprint is that of the layer below and of its own code; the one it was built with is
kept in the warehouse, so that a deleted warehouse or another machine is noticed.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa

from saas_platform.platform import Platform
from saas_platform.schema import TABLES
from saas_platform.warehouse.interface import MARTS

Layer = Literal["marts", "models", "dashboards"]
LAYERS: tuple[Layer, ...] = ("marts", "models", "dashboards")

_PACKAGES: dict[Layer, str] = {
    "marts": "marts",
    "models": "trained_models",
    "dashboards": "dashboard",
}
_TABLE = "_layers"
_SCHEMA = pa.schema(
    [
        pa.field("layer", pa.string(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
        pa.field("built_at", pa.timestamp("us"), nullable=False),
    ]
)


@cache
def code_digest(package: str) -> str:
    """Digest of a package's files."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1] / package
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprints(platform: Platform) -> dict[Layer, str]:
    """What each layer would be built from now."""
    with platform.warehouse.session():
        syncs = [platform.warehouse.last_sync(table) for table in TABLES.values()]
    below = "/".join(sync.sync_id if sync else "" for sync in syncs) + platform.as_of.isoformat()
    found: dict[Layer, str] = {}
    for layer in LAYERS:
        below = hashlib.sha256(f"{below}/{code_digest(_PACKAGES[layer])}".encode()).hexdigest()
        found[layer] = below
    return found


def _built(platform: Platform) -> dict[str, dict[str, object]]:
    if not platform.warehouse.table_exists(MARTS, _TABLE):
        return {}
    rows = platform.warehouse.query(f"SELECT layer, fingerprint, built_at FROM {MARTS}.{_TABLE}")
    return {row["layer"]: row for row in rows.to_pylist()}


def stale_layers(platform: Platform) -> list[Layer]:
    """The layers whose fingerprint is not the one they were built with, in order."""
    built, wanted = _built(platform), fingerprints(platform)
    return [
        layer
        for layer in LAYERS
        if layer not in built or built[layer]["fingerprint"] != wanted[layer]
    ]


def record(platform: Platform, layer: Layer, fingerprint: str) -> None:
    """Note what a layer has been built from; called once it is complete."""
    rows = {
        **_built(platform),
        layer: {
            "layer": layer,
            "fingerprint": fingerprint,
            "built_at": datetime.now(UTC).replace(tzinfo=None),
        },
    }
    platform.warehouse.replace_table(
        MARTS, _TABLE, pa.Table.from_pylist(list(rows.values()), schema=_SCHEMA)
    )
