"""The command `python -m saas_platform.dbt_runner`, which writes docs/column-lineage.md to standard output."""

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from saas_platform.dbt_runner.lineage_page import lineage_page
from saas_platform.dbt_runner.project import compiled
from saas_platform.dbt_runner.target import MartsTarget

with tempfile.TemporaryDirectory() as scratch:
    folder = Path(scratch)
    # The SQL is the same on a warehouse without tables and at any time.
    target = MartsTarget.duckdb(folder / "warehouse.duckdb")
    compiled(target, datetime(2026, 1, 1), folder / "target", folder / "logs", "model")
    sys.stdout.write(lineage_page(json.loads((folder / "target" / "manifest.json").read_text())))
