"""What the commands print: tables and sentences on a terminal, or one JSON document with --json.

Contains: one function for the result of each command, which returns whether that was a success. Out of scope:
what the commands do (app.py), and how a text is made harmless (terminal.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.table import Table

from saas_platform.clock import Month
from saas_platform.schema.describing import argument, quoted
from saas_platform.sync.report import ProofReport, RepairReport, SampleReport, SyncReport, sentences
from saas_platform.terminal import errors, output, say, say_error, say_warning, shown

if TYPE_CHECKING:
    from saas_platform.cli.discover import Declared
    from saas_platform.cli.doctor import Finding
    from saas_platform.cli.summary import TableSummary
    from saas_platform.defs.launch import RunOutcome
    from saas_platform.warehouse.interface import QueryCost

R = TypeVar("R", SyncReport, RepairReport)


def print_json(value: Any) -> None:
    """Print one JSON document."""

    def plain(thing: Any) -> Any:
        if isinstance(thing, datetime | Month):
            return thing.isoformat() if isinstance(thing, datetime) else str(thing)
        raise TypeError(f"{type(thing).__name__} has no JSON form")

    sys.stdout.write(json.dumps(value, indent=2, default=plain) + "\n")


def print_costs(costs: Sequence[QueryCost] | None, engine: str, *, as_json: bool) -> bool:
    """Print the bytes that each query of a run would bill; None: this engine bills nothing."""
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
        f"{_number(total)} bytes for a sync of every table with a proof of every slice, and everything above"
        " raw anew; loads are free."
    )
    absent = sum(cost.bytes is None for cost in costs)
    if absent:
        output.print(f"{absent} of the queries, marked -, read what is not there yet.")
    return True


def print_run(
    tables: Sequence[TableSummary],
    reasons: Sequence[str],
    outcome: RunOutcome | None,
    page: Path | None,
    *,
    as_json: bool,
) -> bool:
    """Print what a run did, and what is proven of each table.

    Args:
        tables: what source and raw hold, and the newest proof of each table.
        reasons: why the run did something, one sentence each.
        outcome: the run itself; None where there was nothing to do.
        page: the dashboard, where there is one.
        as_json: whether to print one JSON document instead.

    Returns:
        Whether no table differs by its proofs.
    """
    differing = [table.table for table in tables if table.verdict == "differs"]
    if differing:
        # A run syncs what has changed; what differed before it is for `repair` to compare and mend.
        say_error(
            f"By its proofs raw differs from the source in {', '.join(differing)}:"
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
    for table in tables:
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
    output.print()
    if outcome is not None:
        work = ", ".join(f"{name} {seconds:.1f}" for name, seconds in outcome.work_seconds.items())
        output.print(
            f"{outcome.seconds:.1f} s, of which Dagster {outcome.dagster_seconds:.1f} s"
            f" and the work itself: {work}."
        )
    if page is not None:
        say(output, f"Dashboard: {page} (or `saas-platform dashboard --open`)")
    output.print("Dagster UI: `make ui`, then http://127.0.0.1:3000")
    return not differing


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def print_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say_warning(warning)


def print_changes(reports: Sequence[R], line: Callable[[R], str], *, as_json: bool) -> bool:
    """Print what was written to each table, or why not, and its proof; returns whether all went well."""
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
    """Print what was compared of each table, and what differs; returns whether nothing does."""
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            for sentence in sentences(report):
                say(output, sentence, style="" if report.holds else "red")
    return all(report.holds for report in reports)


def print_samples(reports: Sequence[SampleReport], *, as_json: bool) -> bool:
    """Print rows of each table, source next to mirror; returns whether all are equal."""
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


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> bool:
    """Print what the doctor found, a line each; returns whether nothing is wrong."""
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            good = ("!", "yellow") if finding.remedy else ("✓", "green")
            mark = good if finding.ok else ("✗", "red")
            remedy = f": {finding.remedy}" if finding.remedy else ""
            say(output, mark, f" {finding.name:<10} {finding.detail}{remedy}")
    return all(finding.ok for finding in findings)


def print_discovery(found: Declared, file: Path) -> bool:
    """Print what a discovery did to tables.yaml, or would do; returns whether the file is up to date."""
    for note in found.notes:
        say(errors, note)
    for change in found.changes:
        say(errors, f"  {change}")
    marked = found.marked
    if marked:
        say(
            errors,
            f"{len(marked)} columns are marked as personal by their names or values: check them.",
        )
        for mark in marked:
            say(errors, f"  {mark}")
    if not found.written:
        say(
            errors,
            f"{file} is not changed: `saas-platform doctor --discover --yes` writes the"
            f" {len(found.changes)} changes above into it, and keeps your edits."
            if found.changes
            else f"{file} is as the source has it: nothing to change.",
        )
    elif found.changes:
        say(errors, f"{file} has the changes: look it over, then `saas-platform run`.")
    else:
        say(
            errors,
            f"{file} declares {found.tables} tables: look it over, then `saas-platform run`.",
        )
    return found.written or not found.changes
