"""Live progress: a Dagster logger that prints a line for each asset, and for everything that went wrong.

Where standard error is a terminal, bars show the assets (cli/bars.py), and only what went wrong is printed.
"""

from __future__ import annotations

import logging
import time
from collections import Counter

import dagster as dg

from saas_platform.terminal import errors, is_live, say

_ROWS = "dagster/row_count"
_BEGINNINGS = (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_RESTARTED)


class _LogHandler(logging.Handler):
    """Prints Dagster's events as lines: a step's own messages, materialised assets and failed checks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._began: dict[str, float] = {}
        self._with_assets: set[str] = set()
        self._rows: Counter[str] = Counter()
        self._live = is_live()

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        event: dg.DagsterEvent | None = meta.get("dagster_event")
        step = meta.get("step_key") or ""
        if event is None:
            # dbt logs every command that it is given. Its lines are in run.log, so only warnings show here.
            quiet = self._live or step == "marts"
            least = logging.WARNING if quiet else logging.INFO
            # Lines on a step that never began are Dagster's own, such as why it does not execute the step.
            if step in self._began and record.levelno >= least:
                style = "yellow" if record.levelno >= logging.WARNING else "dim"
                for line in str(meta.get("orig_message", record.msg)).split("\n"):
                    say(errors, f"    {line}", style=style)
            return
        kind = event.event_type
        if kind in _BEGINNINGS:
            self._began[step] = time.perf_counter()
        elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._with_assets.add(step)
            found = event.step_materialization_data.materialization.metadata.get(_ROWS)
            if isinstance(found, dg.IntMetadataValue):
                self._rows[step] += found.value or 0
        elif kind == dg.DagsterEventType.STEP_SUCCESS and step in self._with_assets:
            # A step that only runs checks gets a line only if one of its checks fails.
            if self._live:
                return
            seconds = time.perf_counter() - self._began.get(step, time.perf_counter())
            rows = f"{self._rows[step]:,} rows" if self._rows[step] else ""
            name = step.replace("__", "/")
            say(errors, "  ", ("✓", "green"), f" {name:<34} {rows:>15} {seconds:6.1f} s")
        elif kind == dg.DagsterEventType.STEP_FAILURE:
            say(errors, f"  ✗ {step.replace('__', '/')}", style="red")
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed:
                name = f"{check.asset_key.to_user_string()}: {check.check_name}"
                warns = check.severity == dg.AssetCheckSeverity.WARN
                mark = (f"    ! {name}", "yellow") if warns else (f"    ✗ {name}", "red")
                say(errors, mark, f" {check.description or ''}")


@dg.logger({}, description="Prints one line for each asset as soon as it is materialised.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger that prints live progress."""
    logger = logging.Logger("saas_platform.progress", level=logging.DEBUG)
    logger.addHandler(_LogHandler())
    return logger
