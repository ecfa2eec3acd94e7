"""Dagster's own home inside SAAS_HOME, so that the UI shows what the command line ran."""

from __future__ import annotations

import os
import sys

import dagster as dg

from saas_platform.errors import PlatformError
from saas_platform.platform import Home, Platform

_DAGSTER_YAML = """\
# Written by saas-platform; edit it as you like, it is written only where it is missing.
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
  pools:
    granularity: op
    default_limit: 4
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 300
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 7
      failure: 30
      success: 90
"""


def prepare(home: Home) -> None:
    """Make Dagster's home, and point this process at it."""
    home.create()
    home.dagster.mkdir(exist_ok=True)
    config = home.dagster / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home.dagster)


def open_instance(home: Home) -> dg.DagsterInstance:
    prepare(home)
    return dg.DagsterInstance.get()


def _main() -> int:
    """Print the folder that DAGSTER_HOME has to be for `dagster dev` to show this SAAS_HOME."""
    try:
        home = Platform.load().home
        prepare(home)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{home.dagster}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main())
