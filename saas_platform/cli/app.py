"""The command line, thin: each command reads its words, calls what does the work, and tells it.

Results go to standard output (with --json, as one JSON document), progress and errors to standard
error. The exit code is 0 only for success.
"""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ParamSpec, TypeVar

import sqlalchemy as sa
import typer
from rich.table import Table

from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.settings import SettingsError
from saas_platform.sync.report import ProofReport, RepairReport, SyncReport, sentences
from saas_platform.terminal import errors, output, say, say_error, say_warning, shown
from saas_platform.warehouse.logs import Level as ProofLevel

app = typer.Typer(
    help="A SaaS company's data platform: company, source, proven mirror, marts, models, page.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

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
            say_error(str(error))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            say(errors, "Stopped; what was committed stays, run again to go on.")
            raise typer.Exit(130) from None
        if not succeeded:
            raise typer.Exit(1)

    return command


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
    from saas_platform.refresh.staleness import staleness

    platform = Platform.load()
    if dry_run:
        return _tell_costs(platform, as_json=as_json)
    last = platform.settings.check_month(_month(through) or platform.settings.last_month)
    with platform.home.exclusive():
        stale = staleness(platform, last)
        if not stale.groups and not select:
            say(errors, "Everything is up to date: nothing to do.")
            return _tell_run(platform, (), None, as_json=as_json)
        # Loading Dagster and dbt takes seconds; only who needs them should wait.
        from saas_platform.defs.launch import launch

        reasons, outcome = launch(platform, stale, last, select or (), _say)
        return _tell_run(platform, reasons, outcome, as_json=as_json)


def _tell_costs(platform: Platform, *, as_json: bool) -> bool:
    """Bytes that each query of a run would bill, by the warehouse's own estimate."""
    from saas_platform.cli.costs import query_costs

    costs = query_costs(platform)
    total = sum(cost.bytes or 0 for cost in costs or ())
    if as_json:
        _print_json({"bytes": total, "queries": [asdict(cost) for cost in costs or ()]})
        return True
    if costs is None:
        say(output, f"Nothing is billed: the warehouse is {platform.warehouse.engine}.")
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


def _say(line: str) -> None:
    say(errors, f"  {line}")


def _month(text: str | None) -> Month | None:
    try:
        return None if text is None else Month.parse(text)
    except ValueError as error:
        raise SettingsError(f"--through {error}.") from None


def _tell_run(platform: Platform, reasons: Sequence[str], outcome: Any, *, as_json: bool) -> bool:
    from saas_platform.cli.summary import summarise

    tables = summarise(platform)
    _tell_drift(platform)
    differing = [table.table for table in tables if table.verdict == "differs"]
    if differing:
        # A run syncs what has changed; what differed before it is for `repair` to compare and mend.
        say_error(
            f"By its proofs raw differs from the source in {', '.join(differing)}:"
            f" run `saas-platform repair {' '.join(differing)}`."
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
                "dashboard": str(page) if page.exists() and platform.is_company else None,
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
    if page.exists() and platform.is_company:
        say(output, f"Dashboard: {page} (or `saas-platform dashboard --open`)")
    output.print("Dagster UI: `make ui`, then http://127.0.0.1:3000")
    return not differing


def _quoted(value: Any) -> str:
    """A value of a report; what a terminal would act on in a text is escaped when it is printed."""
    return f"'{value}'" if isinstance(value, str) else repr(value)


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
    succeeded = _tell_changes(
        reports,
        lambda r: (
            f"{r.mode or 'no change'}, {r.rows_written:,} written, {r.rows_deleted:,} deleted"
        ),
        as_json=as_json,
    )
    _tell_drift(platform)
    return succeeded


def _tell_drift(platform: Platform) -> None:
    """What the source has and tables.yaml does not name, and what raw has of tables taken out of it."""
    from saas_platform.cli.discover import left_behind, not_named

    for sentence in (*not_named(platform), *left_behind(platform)):
        say_warning(sentence)


def _tell_warnings(reports: Sequence[SyncReport | RepairReport | ProofReport]) -> None:
    """What must be known of how each table was read, beside the output."""
    for report in reports:
        for warning in report.warnings:
            say_warning(warning)


def _tell_changes(reports: Sequence[R], line: Callable[[R], str], *, as_json: bool) -> bool:
    """What was written to each table, or why not, and its proof; whether all went well."""
    _tell_warnings(reports)
    if as_json:
        _print_json([asdict(report) for report in reports])
        return all(report.succeeded for report in reports)
    for report in reports:
        if report.error is not None:
            say_error(report.error)
            continue
        say(output, f"{report.table}: {line(report)}")
        for sentence in sentences(report.proof) if report.proof else ():
            say(output, f"  {sentence}")
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
    _tell_warnings(reports)
    if as_json:
        _print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            style = "" if report.holds else "red"
            for sentence in sentences(report):
                say(output, sentence, style=style)
    return all(report.holds for report in reports)


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
            say_error(problem)
        for number, row in enumerate(report.rows, 1):
            verdict = "equal" if row.equal else ("not equal", "red")
            output.print()
            say(output, f"{report.table}, row {number}, slice {row.slice}: ", verdict)
            listed = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
            for heading in ("column", "source", "mirror"):
                listed.add_column(heading, overflow="fold")
            for column, value in row.source.items():
                mirrored = "no such row" if row.mirror is None else _quoted(row.mirror[column])
                style = None if mirrored == _quoted(value) else "red"
                cells = (column, _quoted(value), mirrored)
                listed.add_row(*(shown(cell) for cell in cells), style=style)
            output.print(listed)
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
        typer.Option(
            "--discover",
            help="Write tables.yaml from your own source, or show what it has changed.",
        ),
    ] = False,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", help="With --discover: look at the first rows of large tables alone."
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="With --discover: write the changes into a tables.yaml that is there."
        ),
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Check what a run needs, with remedies.

    Settings, packages, home, disk, source and warehouse; exit code 1 where something is wrong, or where
    discovery found changes that are not written.
    """
    from saas_platform.cli.doctor import examine

    platform = Platform.load()
    written = _discover(platform, sample=sample, write=yes) if discover else True
    # What was just discovered answers for the file alone: no sync has followed it yet.
    findings = list(examine(Platform.load(), past=not discover))
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            good = ("!", "yellow") if finding.remedy else ("✓", "green")
            mark = good if finding.ok else ("✗", "red")
            remedy = f": {finding.remedy}" if finding.remedy else ""
            say(output, mark, f" {finding.name:<10} {finding.detail}{remedy}")
    return written and all(finding.ok for finding in findings)


def _discover(platform: Platform, *, sample: bool, write: bool) -> bool:
    """Bring tables.yaml up to the source, and tell how; whether it is."""
    from saas_platform.cli.discover import declare_tables

    file = platform.home.tables
    with platform.home.exclusive():
        found = declare_tables(platform, sample=sample, write=write)
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


@app.command()
@_command
def dashboard(
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8765,
) -> bool:
    """Serve the built page until Ctrl-C."""
    from saas_platform.dashboard.serve import serve

    platform = Platform.load()
    if not platform.is_company:
        raise SettingsError(
            f"There is no page of a database of your own: it is made for the company's tables, and"
            f" {platform.home.tables} declares others; `saas-platform run` ends with what was proven of them."
        )
    serve(platform.home.dashboard, port, open_browser=open_browser)
    return True


@app.command()
@_command
def reset(
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Drop only this mirror, with its log entries."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Really do it.")] = False,
    as_json: AsJson = False,
) -> bool:
    """Drop what this project made.

    And nothing else: other files in SAAS_HOME, other tables in the databases and a source of your own
    stay.
    """
    from saas_platform.cli.reset import reset as drop
    from saas_platform.cli.reset import reset_mirrors

    platform = Platform.load()
    if not yes:
        what = (
            f"the mirrors {', '.join(f'raw.{name}' for name in table)} with their log entries"
            if table
            else f"the company, raw, marts, models and the files in {platform.home.root}"
        )
        raise SettingsError(f"This drops {what}: add --yes to do it.")
    with platform.home.exclusive():
        dropped = reset_mirrors(platform, table) if table else drop(platform)
    if as_json:
        _print_json({"dropped": dropped})
    else:
        for line in dropped or ["nothing: there was nothing of ours"]:
            say(output, f"dropped {line}")
    return True


def main() -> None:
    """Entry point of `saas-platform`."""
    # What SQLAlchemy warns of, an odd type or a circle of references, is the user's own and handled.
    warnings.filterwarnings("ignore", category=sa.exc.SAWarning)
    app()
