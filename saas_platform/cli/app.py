"""The command line, thin: each command reads its words, calls what does the work, and tells it.

Results go to standard output (with --json, as one JSON document), progress and errors to standard
error. The exit code is 0 only for success.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ParamSpec

import sqlalchemy as sa
import typer

from saas_platform.cli.printing import (
    print_changes,
    print_costs,
    print_discovery,
    print_findings,
    print_json,
    print_proofs,
    print_run,
    print_samples,
    print_warnings,
)
from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.settings import SettingsError
from saas_platform.terminal import errors, output, say, say_error
from saas_platform.warehouse.logs import Level as ProofLevel

app = typer.Typer(
    help="A SaaS company's data platform: company, source, proven mirror, marts, models, page.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

if TYPE_CHECKING:
    from saas_platform.defs.launch import RunOutcome

P = ParamSpec("P")

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
        from saas_platform.cli.costs import query_costs

        costs = query_costs(platform)
        return print_costs(costs, platform.warehouse.engine, as_json=as_json)
    last = platform.settings.check_month(_month(through) or platform.settings.last_month)
    with platform.home.exclusive():
        stale = staleness(platform, last)
        if not stale.groups and not select:
            say(errors, "Everything is up to date: nothing to do.")
            return _end_run(platform, (), None, as_json=as_json)
        # Loading Dagster and dbt takes seconds; only who needs them should wait.
        from saas_platform.defs.launch import launch

        reasons, outcome = launch(platform, stale, last, select or (), _say)
        return _end_run(platform, reasons, outcome, as_json=as_json)


def _end_run(
    platform: Platform, reasons: Sequence[str], outcome: RunOutcome | None, *, as_json: bool
) -> bool:
    from saas_platform.cli.summary import summarise

    tables = summarise(platform)
    print_warnings(_drift(platform))
    page = platform.home.dashboard / "index.html"
    shown = page if page.exists() and platform.is_company else None
    return print_run(tables, reasons, outcome, shown, as_json=as_json)


def _drift(platform: Platform) -> tuple[str, ...]:
    """What the source has and tables.yaml does not name, and what raw has of tables taken out of it."""
    from saas_platform.cli.discover import left_behind, not_named

    return (*not_named(platform), *left_behind(platform))


def _say(line: str) -> None:
    say(errors, f"  {line}")


def _month(text: str | None) -> Month | None:
    try:
        return None if text is None else Month.parse(text)
    except ValueError as error:
        raise SettingsError(f"--through {error}.") from None


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
    print_warnings(warning for report in reports for warning in report.warnings)
    succeeded = print_changes(
        reports,
        lambda r: (
            f"{r.mode or 'no change'}, {r.rows_written:,} written, {r.rows_deleted:,} deleted"
        ),
        as_json=as_json,
    )
    print_warnings(_drift(platform))
    return succeeded


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
    from saas_platform.sync import sample
    from saas_platform.sync import verify as verify_all

    platform = Platform.load()
    wanted = _tables(platform, tables)
    source, warehouse = platform.source, platform.warehouse
    if level is Level.sample:
        return print_samples(sample(source, warehouse, wanted, show_pii=show_pii), as_json=as_json)
    reports = verify_all(source, warehouse, wanted, level=_PROOFS[level], show_pii=show_pii)
    return print_proofs(reports, as_json=as_json)


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
    return print_changes(
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
    return print_findings(findings, as_json=as_json) and written


def _discover(platform: Platform, *, sample: bool, write: bool) -> bool:
    """Bring tables.yaml up to the source; returns whether it is."""
    from saas_platform.cli.discover import declare_tables

    with platform.home.exclusive():
        found = declare_tables(platform, sample=sample, write=write)
    return print_discovery(found, platform.home.tables)


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
            f"the mirrors of {', '.join(table)} with their log entries"
            if table
            else f"the company, raw, marts, models and the files in {platform.home.root}"
        )
        raise SettingsError(f"This drops {what}: add --yes to do it.")
    with platform.home.exclusive():
        dropped = reset_mirrors(platform, table) if table else drop(platform)
    if as_json:
        print_json({"dropped": dropped})
    else:
        for line in dropped or ["nothing: there was nothing of ours"]:
            say(output, f"dropped {line}")
    return True


def main() -> None:
    """Entry point of `saas-platform`."""
    # What SQLAlchemy warns of, an odd type or a circle of references, is the user's own and handled.
    warnings.filterwarnings("ignore", category=sa.exc.SAWarning)
    app()
