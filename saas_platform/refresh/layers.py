"""Detect whether each layer above raw is up to date with raw and with its own code.

The fingerprint of a layer covers the fingerprint of the layer below and the layer's own code. It is compared
with the fingerprint of the layer's last build (builds.py).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from saas_platform.platform import Platform
from saas_platform.refresh.builds import Layer, last_builds
from saas_platform.schema import TABLES

LAYERS: tuple[Layer, ...] = ("marts", "models", "dashboards")

_PACKAGES: dict[Layer, str] = {
    "marts": "marts",
    "models": "trained_models",
    "dashboards": "dashboard",
}


@cache
def code_digest(package: str) -> str:
    """Return the digest of the files of a package."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1] / package
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprints(platform: Platform) -> dict[Layer, str]:
    """Return the fingerprint that each layer would have if it were built now."""
    with platform.warehouse.session():
        syncs = [platform.warehouse.last_sync(table) for table in TABLES.values()]
    below = "/".join(sync.sync_id if sync else "" for sync in syncs) + platform.as_of.isoformat()
    found: dict[Layer, str] = {}
    for layer in LAYERS:
        below = hashlib.sha256(f"{below}/{code_digest(_PACKAGES[layer])}".encode()).hexdigest()
        found[layer] = below
    return found


def stale_layers(platform: Platform) -> list[Layer]:
    """Return, in order, the layers whose fingerprint differs from that of their last build."""
    built, wanted = last_builds(platform.warehouse), fingerprints(platform)
    return [
        layer for layer in LAYERS if layer not in built or built[layer].fingerprint != wanted[layer]
    ]
