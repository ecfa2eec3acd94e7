"""Drop what the platform created, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from saas_platform.platform import Platform
from saas_platform.schema.describing import escaped
from saas_platform.settings import SettingsError
from saas_platform.warehouse.interface import SCHEMAS, Mirror


def reset(platform: Platform, *, with_files: bool) -> list[str]:
    """Drop the company from the source, our schemas from the warehouse, and our files from the home.

    A database file in its default place in SAAS_HOME is ours as a whole, so it is deleted even if it is
    corrupt. In a database that the settings name, only what the platform created is dropped. A source of
    the user's own (SAAS_SYNTHETIC=false) is never touched.

    Args:
        platform: the platform.
        with_files: whether SAAS_HOME is a home of the platform, so that the files with its names are ours.

    Returns:
        A line for each thing that was dropped.
    """
    dropped = []
    if platform.settings.synthetic and platform.settings.source_url:
        platform.owned_source.drop()
        dropped.append("the company's tables in the source")
    if platform.settings.warehouse_url:
        # A schema that tables.yaml names may hold tables that are not ours, so it is not dropped whole.
        elsewhere = [each for each in platform.warehouse.mirrors() if each.schema not in SCHEMAS]
        for mirror in elsewhere:
            platform.warehouse.drop_mirror(mirror)
        platform.warehouse.drop()
        dropped.append("schemas raw, marts and models in the warehouse")
        dropped += map(str, elsewhere)
    ours = platform.home.created(with_source=platform.settings.synthetic) if with_files else []
    return dropped + [str(path) for path in ours if _remove(path)]


def reset_mirrors(platform: Platform, names: Sequence[str]) -> list[str]:
    """Drop single mirrors and their log entries; the next sync loads one that is still declared again.

    Returns:
        A line for each mirror that was dropped.

    Raises:
        SettingsError: a name is not that of a mirror; nothing was dropped.
    """
    there = platform.warehouse.mirrors()
    for name in names:
        if not any(name in _names(mirror) for mirror in there):
            known = ", ".join(sorted(map(str, there)))
            listed = (
                f"choose from {known}" if known else "run `saas-platform sync` to make the first"
            )
            raise SettingsError(f"{name} has no mirror: {listed}.")
    dropped = [mirror for mirror in there if not _names(mirror).isdisjoint(names)]
    for mirror in dropped:
        platform.warehouse.drop_mirror(mirror)
    return [f"{mirror}, with its log entries" for mirror in dropped]


def _names(mirror: Mirror) -> set[str]:
    """Return the names of a mirror: the bare one, and the one with its schema, which is unique; also as shown."""
    names = {mirror.name, str(mirror)}
    return names | set(map(escaped, names))


def _remove(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path)
        return True
    if path.exists():
        path.unlink()
        return True
    return False
