"""Detects whether each layer above raw is up to date with raw and with its own code.

A layer's fingerprint is made of that of the layer below and of its own code; it is compared with the one of the
layer's last build (builds.py).
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


def stale_layers(platform: Platform) -> list[Layer]:
    """The layers whose fingerprint is not the one they were built with, in order."""
    built, wanted = last_builds(platform.warehouse), fingerprints(platform)
    return [
        layer for layer in LAYERS if layer not in built or built[layer].fingerprint != wanted[layer]
    ]
