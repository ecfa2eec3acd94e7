"""What the commands print: tables and sentences on a terminal, or one JSON document with --json.

Contains: one function for the result of each command, which returns whether that result is a success. Out of
scope: what the commands do (app.py), and how a text is made safe for a terminal (terminal.py).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.table import Table

from saas_platform.clock import Month
from saas_platform.schema.describing import argument, counted, quoted
from saas_platform.sync.report import ProofReport, RepairReport, SampleReport, SyncReport, sentences
from saas_platform.terminal import errors, output, say, say_error, say_warning, shown
from saas_platform.warehouse.logs import Mode

if TYPE_CHECKING:
    from saas_platform.cli.discover import Declared
    from saas_platform.cli.doctor import Diagnosis
    from saas_platform.cli.summary import TableSummary
    from saas_platform.defs.launch import RunOutcome
    from saas_platform.warehouse.interface import QueryCost

R = TypeVar("R", SyncReport, RepairReport)

#: What a sync copied, by its mode.
_MODES: dict[Mode, str] = {
    "full": "full load",
    "incremental": "changed rows",
    "diff": "rows that differed",
}


def mode_words(mode: Mode | None) -> str:
    """Return what a sync copied, in words.

    >>> mode_words("diff"), mode_words(None)
    ('rows that differed', 'no change')
    """
    return "no change" if mode is None else _MODES[mode]


def print_json(value: Any) -> None:
    """Print one JSON document. Infinity and NaN, which JSON does not have, are texts in it."""

    def plain(thing: Any) -> Any:
        if isinstance(thing, datetime | Month):
            return thing.isoformat() if isinstance(thing, datetime) else str(thing)
        raise TypeError(f"{type(thing).__name__} has no JSON form")

    sys.stdout.write(json.dumps(_finite(value), indent=2, default=plain, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [*map(_finite, value)] if isinstance(value, list | tuple) else value


def print_costs(costs: Sequence[QueryCost] | None, engine: str, *, as_json: bool) -> bool:
    """Print the bytes that each query of a run would bill; `costs` is None if the engine bills nothing."""
    total = sum(cost.bytes or 0 for cost in costs or ())
    if as_json:
        print_json({"bytes": total, "queries": [asdict(cost) for cost in costs or ()]})
        return True
    if costs is None:
        say(output, f"Nothing is billed: the warehouse is {engine}.")
        return True
    listed = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    listed.add_column("of", no_wrap=True)
    listed.add_column("query", overflow="fold")
    listed.add_column("bytes", justify="right", no_wrap=True)
    for cost in costs:
        listed.add_row(shown(cost.table), shown(cost.purpose), _number(cost.bytes))
    output.print(listed)
    output.print(
        f"{_number(total)} bytes for a sync of every table with a proof of every slice, and for building"
        " everything above raw from scratch. Loads are free."
    )
    absent = sum(cost.bytes is None for cost in costs)
    if absent:
        output.print(f"{absent} of the queries, marked -, read tables that do not exist yet.")
    return True


def print_run(
    tables: Sequence[TableSummary],
    reasons: Sequence[str],
    outcome: RunOutcome | None,
    page: Path | None,
    ui: str,
    *,
    as_json: bool,
) -> bool:
    """Print what a run did, and what is proven of each table.

    Args:
        tables: the rows of each table in source and raw, and its newest proof.
        reasons: why the run did something, one sentence each.
        outcome: the run itself; None if there was nothing to do.
        page: the dashboard's file; None if there is none.
        ui: the command that starts Dagster's UI.
        as_json: print one JSON document instead.

    Returns:
        Whether no table differs from its source according to its proofs.
    """
    differing = [table.table for table in tables if table.verdict == "differs"]
    if differing:
        # A run copies only what changed in the source. Older differences need a repair, which compares all.
        say_error(
            f"Proofs found that raw differs from the source in {', '.join(differing)}:"
            f" run `saas-platform repair {' '.join(map(argument, differing))}`."
        )
    if as_json:
        print_json(
            {
                "run_id": outcome.run_id if outcome else None,
                "did": list(reasons),
                "seconds": round(outcome.seconds, 3) if outcome else 0.0,
                "dagster_seconds": round(outcome.dagster_seconds, 3) if outcome else 0.0,
                "work_seconds": outcome.work_seconds if outcome else {},
                "tables": [asdict(table) for table in tables],
                "dashboard": None if page is None else str(page),
            }
        )
        return not differing
    listed = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    listed.add_column("table", no_wrap=True)
    for heading in ("source", "raw"):
        listed.add_column(heading, justify="right", no_wrap=True)
    listed.add_column("proven by", no_wrap=True)
    listed.add_column("slices", justify="right", no_wrap=True)
    listed.add_column("at (UTC)", no_wrap=True, justify="right")
    for table in (each for each in tables if each.is_synced):
        listed.add_row(
            shown(table.table),
            _number(table.rows_source),
            _number(table.rows_raw),
            table.proven_by,
            f"{_number(table.slices_checked)} of {_number(table.slices_total)}",
            "-" if table.proven_at is None else f"{table.proven_at:%m-%d %H:%M}",
        )
    output.print()
    say(output, "Rows in source and raw, and the newest proof that they are equal:")
    output.print(listed)
    absent = [table.table for table in tables if not table.is_synced]
    if absent:
        say(output, f"Not synced yet: {', '.join(absent)}.")
    output.print()
    if outcome is not None:
        work = ", ".join(f"{name} {seconds:.1f}" for name, seconds in outcome.work_seconds.items())
        output.print(
            f"{outcome.seconds:.1f} s in all, of which Dagster took {outcome.dagster_seconds:.1f} s."
            f" Seconds of the work itself: {work}."
        )
    if page is not None:
        say(output, f"Dashboard: {page} (or run `saas-platform dashboard --open`)")
    say(output, f"Dagster UI: run `{ui}`, then open http://127.0.0.1:3000")
    return not differing


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def print_warnings(warnings: Iterable[str]) -> None:
    """Print each warning on standard error."""
    for warning in warnings:
        say_warning(warning)


def print_changes(reports: Sequence[R], line: Callable[[R], str], *, as_json: bool) -> bool:
    """Print for each table what was written, or why nothing was, and its proof.

    Returns:
        Whether every table succeeded.
    """
    print_warnings(warning for report in reports for warning in report.warnings)
    if as_json:
        print_json([asdict(report) for report in reports])
        return all(report.succeeded for report in reports)
    for report in reports:
        if report.error is not None:
            say_error(report.error)
            continue
        say(output, f"{report.table}: {line(report)}")
        for sentence in sentences(report.proof) if report.proof else ():
            say(output, f"  {sentence}")
    return all(report.succeeded for report in reports)


def print_proofs(reports: Sequence[ProofReport], *, as_json: bool) -> bool:
    """Print what was compared in each table, and what differs. Return whether nothing differs."""
    print_warnings(warning for report in reports for warning in report.warnings)
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            for sentence in sentences(report):
                say(output, sentence, style="" if report.holds else "red")
    return all(report.holds for report in reports)


def print_samples(reports: Sequence[SampleReport], *, as_json: bool) -> bool:
    """Print rows of each table, source next to mirror. Return whether all of them are equal."""
    if as_json:
        print_json([asdict(report) for report in reports])
        return all(report.equal for report in reports)
    for report in reports:
        for problem in report.problems:
            say_error(problem)
        for number, row in enumerate(report.rows, 1):
            verdict = "equal" if row.equal else ("not equal", "red")
            output.print()
            say(output, f"{report.table}, row {number}, slice {row.slice}: ", verdict)
            listed = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
            for heading in ("column", "source", "mirror"):
                listed.add_column(heading, overflow="fold")
            for column, value in row.source.items():
                mirrored = "no such row" if row.mirror is None else quoted(row.mirror[column])
                style = None if mirrored == quoted(value) else "red"
                cells = (column, quoted(value), mirrored)
                listed.add_row(*(shown(cell) for cell in cells), style=style)
            output.print(listed)
    return all(report.equal for report in reports)


def print_diagnoses(diagnoses: Sequence[Diagnosis], *, as_json: bool) -> bool:
    """Print what the doctor found, one line for each diagnosis. Return whether nothing is wrong."""
    if as_json:
        print_json([asdict(diagnosis) for diagnosis in diagnoses])
    else:
        for diagnosis in diagnoses:
            good = ("!", "yellow") if diagnosis.remedy else ("✓", "green")
            mark = good if diagnosis.ok else ("✗", "red")
            remedy = f": {diagnosis.remedy}" if diagnosis.remedy else ""
            say(output, mark, f" {diagnosis.name:<10} {diagnosis.detail}{remedy}")
    return all(diagnosis.ok for diagnosis in diagnoses)


def print_discovery(found: Declared, file: Path) -> bool:
    """Print what a discovery changed in tables.yaml, or would change. Return whether it is up to date."""
    for note in found.notes:
        say(errors, note)
    for change in found.changes:
        say(errors, f"  {change}")
    marked = found.marked
    if marked:
        say(
            errors,
            f"{counted(len(marked), 'column')} marked as personal, by name or by values: check each.",
        )
        for mark in marked:
            say(errors, f"  {mark}")
    if not found.written:
        say(
            errors,
            f"{file} is not changed: run `saas-platform doctor --discover --yes` to write the"
            f" {counted(len(found.changes), 'change')} above into it. It keeps your edits."
            if found.changes
            else f"{file} is not changed: decide on what is said above."
            if found.is_open
            else f"{file} matches the source: there is nothing to change.",
        )
    elif found.changes:
        say(errors, f"{file} now has the changes: check it, then run `saas-platform run`.")
    else:
        say(
            errors,
            f"{file} declares {counted(found.tables, 'table')}: check it, then run `saas-platform run`.",
        )
    return found.written or not found.changes
