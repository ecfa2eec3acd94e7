"""dbt's manifest of the project, which Dagster makes its assets from, and what follows from it alone.

Both are kept in a folder under the digest of the project, and made again when models change.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import datetime
from pathlib import Path

from saas_platform.dbt_runner.lineage import ColumnSources, column_sources
from saas_platform.dbt_runner.project import PROJECT_DIR, options, run
from saas_platform.dbt_runner.target import MartsTarget

_PARSED = ("*.sql", "*.yml")


def _digest(target: MartsTarget) -> str:
    """Of all that dbt makes the manifest from: the names of tables in it are the target's."""
    digest = hashlib.sha256(repr((target.name, sorted(target.variables.items()))).encode())
    for path in sorted(file for pattern in _PARSED for file in PROJECT_DIR.rglob(pattern)):
        digest.update(str(path.relative_to(PROJECT_DIR)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def target_of(folder: Path) -> Path:
    """dbt's target folder inside `folder`."""
    return folder / "target"


def manifest(folder: Path, target: MartsTarget, as_of: datetime) -> Path:
    """The manifest of the project as it is now, kept in `folder`. Raises MartsError.

    Parsing takes seconds, and several Dagster processes may ask at the same time. What dbt remembers
    of the parse is left in `folder/target`, where a build with the same warehouse and clock uses it.
    """
    kept = folder / f"manifest-{_digest(target)}.json"
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
    """The sources of each column, from what the build in `folder` compiled.

    Seconds to find, so kept once all models were compiled; a build of some tells of those alone.
    """
    kept = folder / f"lineage-{_digest(target)}.json"
    if kept.exists():
        found: ColumnSources = json.loads(kept.read_text())
        return found
    built = json.loads((target_of(folder) / "manifest.json").read_text())
    sources = column_sources(built)
    if len(sources) == sum(n["resource_type"] == "model" for n in built["nodes"].values()):
        for old in folder.glob("lineage-*.json"):
            old.unlink(missing_ok=True)
        kept.write_text(json.dumps(sources))
    return sources
