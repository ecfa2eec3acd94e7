"""Make dbt's manifest of the project, from which Dagster makes its assets, and the lineage of columns.

Both files are cached in a folder under the digest of the project, and made again when the project changes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from saas_platform.dbt_runner.project import PROJECT_DIR, options, run
from saas_platform.dbt_runner.target import MartsTarget

if TYPE_CHECKING:
    from saas_platform.dbt_runner.lineage import ColumnSources

_PARSED = ("*.sql", "*.yml")


def digest(target: MartsTarget) -> str:
    """Return the digest of everything that determines the manifest.

    This includes what of the target is in the manifest's names of tables.
    """
    found = hashlib.sha256(repr((target.name, sorted(target.names.items()))).encode())
    for path in sorted(file for pattern in _PARSED for file in PROJECT_DIR.rglob(pattern)):
        found.update(str(path.relative_to(PROJECT_DIR)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def target_of(folder: Path) -> Path:
    """Return dbt's target folder inside `folder`."""
    return folder / "target"


def manifest(folder: Path, target: MartsTarget, as_of: datetime) -> Path:
    """Return the path of the current project's manifest, which is cached in `folder`. Raises MartsError.

    Parsing takes seconds, and several Dagster processes may ask for the manifest at the same time. dbt's
    cache of the parse stays in `folder/target`, where a build with the same warehouse and clock uses it.
    """
    kept = folder / f"manifest-{digest(target)}.json"
    if kept.exists():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch)
        run(target, ["parse", *options(as_of, made, made)])
        for old in folder.glob("manifest-*.json"):
            old.unlink(missing_ok=True)
        target_of(folder).mkdir(exist_ok=True)
        (made / "partial_parse.msgpack").replace(target_of(folder) / "partial_parse.msgpack")
        (made / "manifest.json").replace(kept)
    return kept


def column_lineage(folder: Path, target: MartsTarget) -> ColumnSources:
    """Return the sources of each column, from the SQL that the build in `folder` compiled.

    Finding them takes seconds, so the result is cached if the build compiled all models. A build of some
    models gives the sources for those models only.
    """
    if found := known_lineage(folder, target):
        return found
    # sqlglot takes a quarter of a second to import. Only its users should wait for it.
    from saas_platform.dbt_runner.lineage import column_sources

    built = json.loads((target_of(folder) / "manifest.json").read_text())
    sources = column_sources(built)
    if len(sources) == sum(n["resource_type"] == "model" for n in built["nodes"].values()):
        for old in folder.glob("lineage-*.json"):
            old.unlink(missing_ok=True)
        _lineage_file(folder, target).write_text(json.dumps(sources))
    return sources


def known_lineage(folder: Path, target: MartsTarget) -> ColumnSources:
    """Return what `column_lineage` found at an earlier build of the same code; empty if there was none."""
    kept = _lineage_file(folder, target)
    if not kept.exists():
        return {}
    found: ColumnSources = json.loads(kept.read_text())
    return found


def _lineage_file(folder: Path, target: MartsTarget) -> Path:
    return folder / f"lineage-{digest(target)}.json"
