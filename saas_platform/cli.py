"""The command line, thin: each command reads its words, calls what does the work, and tells it.

Results go to standard output (with --json, as one JSON document), progress and errors to standard
error. The exit code is 0 only for success.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ParamSpec, TypeVar

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.table import Table

from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.settings import SettingsError
from saas_platform.sync.report import RepairReport, SyncReport, sentences
from saas_platform.warehouse.journal import Level as ProofLevel

app = typer.Typer(
    help="A SaaS company's data platform: company, source, proven mirror, marts, models, page.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

P = ParamSpec("P")
R = TypeVar("R", SyncReport, RepairReport)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
Tables = Annotated[
    list[str] | None, typer.Argument(help="Tables of the source; all where none is named.")
]


class Level(StrEnum):
    """How closely `verify` looks."""

    counts = "counts"
    digest = "digest"
    rows = "rows"
    sample = "sample"


#: The levels that prove.
_PROOFS: dict[Level, ProofLevel] = {
    Level.counts: "counts",
    Level.digest: "digest",
    Level.rows: "rows",
}


def _command(function: Callable[P, bool]) -> Callable[P, None]:
    """A function that returns whether it succeeded, as a command with its exit code."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            succeeded = function(*args, **kwargs)
        except PlatformError as error:
            errors.print(f"[red]error:[/] {_escaped(str(error))}", soft_wrap=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            errors.print("Stopped; what was committed stays, run again to go on.")
            raise typer.Exit(130) from None
        if not succeeded:
            raise typer.Exit(1)

    return command


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def _print_json(value: Any) -> None:
    def plain(thing: Any) -> Any:
        if isinstance(thing, datetime | Month):
            return thing.isoformat() if isinstance(thing, datetime) else str(thing)
        raise TypeError(f"{type(thing).__name__} has no JSON form")

    sys.stdout.write(json.dumps(value, indent=2, default=plain) + "\n")


def _tables(platform: Platform, names: Sequence[str] | None) -> list[sa.Table]:
    known = platform.tables
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)} is no table of the source: the tables are {', '.join(known)}."
        )
    return [known[name] for name in names or known]


@app.command()
@_command
def run(
    through: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Last month to bring in.")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this group or asset (raw, marts/mrr_monthly, ...)."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only tell what each query of a whole run would bill."),
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Bring what is missing or stale up to date.

    In order: company, source, raw, marts, models, page. What is stale is decided by facts of the
    source, the warehouse and the code. Ends with what was proven.
    """
    from saas_platform.staleness import staleness

    platform = Platform.load()
    if dry_run:
        return _tell_costs(platform, as_json=as_json)
    last = platform.settings.check_month(_month(through) or platform.settings.last_month)
    with platform.home.exclusive():
        stale = staleness(platform, last)
        if not stale.groups and not select:
            errors.print("Everything is up to date: nothing to do.")
            return _tell_run(platform, (), None, as_json=as_json)
        # Loading Dagster and dbt takes seconds; only who needs them should wait.
        from saas_platform.defs.launch import launch

        reasons, outcome = launch(platform, stale, last, select or (), _say)
        return _tell_run(platform, reasons, outcome, as_json=as_json)


def _tell_costs(platform: Platform, *, as_json: bool) -> bool:
    """Bytes that each query of a run would bill, by the warehouse's own estimate."""
    from saas_platform.costs import query_costs

    costs = query_costs(platform)
    total = sum(cost.bytes or 0 for cost in costs or ())
    if as_json:
        _print_json({"bytes": total, "queries": [asdict(cost) for cost in costs or ()]})
        return True
    if costs is None:
        output.print(f"Nothing is billed: the warehouse is {platform.warehouse.engine}.")
        return True
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("of", no_wrap=True)
    shown.add_column("query", overflow="fold")
    shown.add_column("bytes", justify="right", no_wrap=True)
    for cost in costs:
        shown.add_row(cost.table, cost.purpose, _number(cost.bytes))
    output.print(shown)
    output.print(
        f"{_number(total)} bytes for a sync of every table with a proof of every slice, and everything above"
        " raw anew; loads are free."
    )
    absent = sum(cost.bytes is None for cost in costs)
    if absent:
        output.print(f"{absent} of the queries, marked -, read what is not there yet.")
    return True


def _say(line: str) -> None:
    errors.print(f"  {_escaped(line)}", soft_wrap=True)


def _month(text: str | None) -> Month | None:
    try:
        return None if text is None else Month.parse(text)
    except ValueError as error:
        raise SettingsError(f"--through {error}.") from None


def _tell_run(platform: Platform, reasons: Sequence[str], outcome: Any, *, as_json: bool) -> bool:
    from saas_platform.summary import summarise

    tables = summarise(platform)
    differing = [table.table for table in tables if table.verdict == "differs"]
    if differing:
        # A run syncs what has changed; what differed before it is for `repair` to compare and mend.
        errors.print(
            f"[red]error:[/] By its proofs raw differs from the source in"
            f" {', '.join(differing)}: run `saas-platform repair {' '.join(differing)}`.",
            soft_wrap=True,
        )
    page = platform.home.dashboard / "index.html"
    if as_json:
        _print_json(
            {
                "run_id": outcome.run_id if outcome else None,
                "did": list(reasons),
                "seconds": round(outcome.seconds, 3) if outcome else 0.0,
                "dagster_seconds": round(outcome.dagster_seconds, 3) if outcome else 0.0,
                "work_seconds": outcome.work_seconds if outcome else {},
                "tables": [asdict(table) for table in tables],
                "dashboard": str(page) if page.exists() else None,
            }
        )
        return not differing
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("table", no_wrap=True)
    for heading in ("source", "raw"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("proof", no_wrap=True)
    shown.add_column("slices proven", justify="right", no_wrap=True)
    shown.add_column("seconds", justify="right", no_wrap=True)
    for table in tables:
        shown.add_row(
            table.table,
            _number(table.rows_source),
            _number(table.rows_raw),
            table.verdict or "-",
            f"{_number(table.slices_checked)} of {_number(table.slices_total)}",
            "-" if table.seconds is None else f"{table.seconds:.2f}",
        )
    output.print("\nRows in source and raw, and whether they were proven equal:")
    output.print(shown)
    output.print()
    if outcome is not None:
        work = ", ".join(f"{name} {seconds:.1f}" for name, seconds in outcome.work_seconds.items())
        output.print(
            f"{outcome.seconds:.1f} s, of which Dagster {outcome.dagster_seconds:.1f} s"
            f" and the work itself: {work}."
        )
    if page.exists():
        output.print(f"Dashboard: {page} (or `saas-platform dashboard --open`)", soft_wrap=True)
    output.print("Dagster UI: `make ui`, then http://127.0.0.1:3000")
    return not differing


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


@app.command()
@_command
def sync(tables: Tables = None, as_json: AsJson = False) -> bool:
    """Bring raw up to the source, and prove it.

    Rows that changed and rows that went, by row version; then digests of what was touched and row
    counts of all. Marts, models and page stay as they are: `run` brings them along.
    """
    from saas_platform.sync import sync as sync_all

    platform = Platform.load()
    wanted = _tables(platform, tables)
    with platform.home.exclusive():
        reports = sync_all(platform.source, platform.warehouse, wanted)
    for report in reports:
        for warning in report.warnings:
            errors.print(f"[yellow]warning:[/] {_escaped(warning)}", soft_wrap=True)
    return _tell_changes(
        reports,
        lambda r: (
            f"{r.mode or 'no change'}, {r.rows_written:,} written, {r.rows_deleted:,} deleted"
        ),
        as_json=as_json,
    )


def _tell_changes(reports: Sequence[R], line: Callable[[R], str], *, as_json: bool) -> bool:
    """What was written to each table, or why not, and its proof; whether all went well."""
    if as_json:
        _print_json([asdict(report) for report in reports])
        return all(report.succeeded for report in reports)
    for report in reports:
        if report.error is not None:
            errors.print(f"[red]error:[/] {_escaped(report.error)}", soft_wrap=True)
            continue
        output.print(f"{report.table}: {line(report)}")
        for sentence in sentences(report.proof) if report.proof else ():
            output.print(f"  {_escaped(sentence)}", soft_wrap=True)
    return all(report.succeeded for report in reports)


@app.command()
@_command
def verify(
    tables: Tables = None,
    level: Annotated[
        Level,
        typer.Option(help="counts, digests, every row; or a few rows of both sides to look at."),
    ] = Level.digest,
    show_pii: Annotated[
        bool, typer.Option("--show-pii", help="Print personal data instead of masking it.")
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Prove that raw equals the source.

    Exit code 1 where it does not, with the tables, slices, keys and columns that differ.
    """
    from saas_platform.sync import verify as verify_all

    platform = Platform.load()
    wanted = _tables(platform, tables)
    if level is Level.sample:
        return _tell_samples(platform, wanted, show_pii=show_pii, as_json=as_json)
    reports = verify_all(
        platform.source, platform.warehouse, wanted, level=_PROOFS[level], show_pii=show_pii
    )
    if as_json:
        _print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            style = None if report.proven else "red"
            for sentence in sentences(report):
                output.print(_escaped(sentence), style=style, soft_wrap=True)
    return all(report.proven for report in reports)


def _tell_samples(
    platform: Platform, tables: Sequence[sa.Table], *, show_pii: bool, as_json: bool
) -> bool:
    """A few rows of each table, source and mirror next to each other; whether all are equal."""
    from saas_platform.sync import sample

    reports = sample(platform.source, platform.warehouse, tables, show_pii=show_pii)
    if as_json:
        _print_json([asdict(report) for report in reports])
        return all(report.equal for report in reports)
    for report in reports:
        for problem in report.problems:
            errors.print(f"[red]error:[/] {_escaped(problem)}", soft_wrap=True)
        for number, row in enumerate(report.rows, 1):
            verdict = "equal" if row.equal else "[red]not equal[/]"
            output.print(f"\n{report.table}, row {number}, slice {row.slice}: {verdict}")
            shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
            for heading in ("column", "source", "mirror"):
                shown.add_column(heading, overflow="fold")
            for column, value in row.source.items():
                mirrored = "no such row" if row.mirror is None else repr(row.mirror[column])
                style = None if mirrored == repr(value) else "red"
                cells = (column, repr(value), mirrored)
                shown.add_row(*(_escaped(cell) for cell in cells), style=style)
            output.print(shown)
    return all(report.equal for report in reports)


@app.command()
@_command
def repair(tables: Tables = None, as_json: AsJson = False) -> bool:
    """Copy again just what differs.

    Proves every slice by digest, copies the rows that differ in one transaction, proves it again.
    """
    from saas_platform.sync import repair as repair_all

    platform = Platform.load()
    wanted = _tables(platform, tables)
    with platform.home.exclusive():
        reports = repair_all(platform.source, platform.warehouse, wanted)
    return _tell_changes(
        reports,
        lambda r: f"{r.rows_written:,} rows copied again, {r.rows_deleted:,} removed",
        as_json=as_json,
    )


@app.command()
@_command
def doctor(
    discover: Annotated[
        bool,
        typer.Option("--discover", help="Write tables.yaml from the catalogue of your own source."),
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Check what a run needs, with remedies.

    Settings, packages, home, disk, source and warehouse; exit code 1 where something is wrong.
    """
    from saas_platform.doctor import declare_tables, examine

    platform = Platform.load()
    if discover:
        with platform.home.exclusive():
            found = declare_tables(platform)
        for note in found.notes:
            errors.print(_escaped(note), soft_wrap=True)
        errors.print(
            f"{platform.home.tables} declares {len(found.tables)} tables: look it over, then"
            " `saas-platform run`.",
            soft_wrap=True,
        )
        platform = Platform.load()
    findings = list(examine(platform))
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
            remedy = f": {finding.remedy}" if finding.remedy else ""
            output.print(
                f"{mark} {finding.name:<10} {_escaped(finding.detail + remedy)}", soft_wrap=True
            )
    return all(finding.ok for finding in findings)


@app.command()
@_command
def dashboard(
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8765,
) -> bool:
    """Serve the built page until Ctrl-C."""
    from saas_platform.dashboard.serve import serve

    serve(Platform.load().home.dashboard, port, open_browser=open_browser)
    return True


@app.command()
@_command
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Really do it.")] = False,
    as_json: AsJson = False,
) -> bool:
    """Drop what this project made.

    And nothing else: other files in SAAS_HOME, other tables in the databases and a source of your own
    stay.
    """
    from saas_platform.reset import reset as drop

    platform = Platform.load()
    if not yes:
        raise SettingsError(
            f"This drops the company, raw, marts, models and the files in {platform.home.root}:"
            " add --yes to do it."
        )
    with platform.home.exclusive():
        dropped = drop(platform)
    if as_json:
        _print_json({"dropped": dropped})
    else:
        for line in dropped or ["nothing: there was nothing of ours"]:
            output.print(f"dropped {line}", soft_wrap=True)
    return True


def main() -> None:
    """Entry point of `saas-platform`."""
    app()
