"""The commands. Each reads its arguments, calls the function that does the work, and prints the result.

Results go to standard output (with --json, as one JSON document); progress and errors go to standard
error. The exit code is 0 only for success.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ParamSpec

import sqlalchemy as sa
import typer

from saas_platform.cli.bars import Bars
from saas_platform.cli.printing import (
    mode_words,
    print_changes,
    print_costs,
    print_diagnoses,
    print_discovery,
    print_json,
    print_proofs,
    print_samples,
    print_warnings,
)
from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.schema.describing import counted, escaped
from saas_platform.settings import SettingsError
from saas_platform.terminal import errors, output, say, say_error
from saas_platform.warehouse.logs import ProofLevel

app = typer.Typer(
    help=(
        "A SaaS company's data platform, from the synthetic company and its source database, through a"
        " proven mirror in the warehouse, to marts, models and a dashboard."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

P = ParamSpec("P")

AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON document, for programs.")
]
TableNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TABLE]...", help="Tables of the source. Without a name: all of them."),
]


class VerifyLevel(StrEnum):
    """What `verify` compares."""

    counts = "counts"
    digest = "digest"
    rows = "rows"
    sample = "sample"


#: The levels that make a proof; `sample` only shows rows.
_PROOFS: dict[VerifyLevel, ProofLevel] = {
    VerifyLevel.counts: "counts",
    VerifyLevel.digest: "digest",
    VerifyLevel.rows: "rows",
}


def _command(function: Callable[P, bool]) -> Callable[P, None]:
    """Turn a function that returns whether it succeeded into a command with an exit code."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            succeeded = function(*args, **kwargs)
        except PlatformError as error:
            for sentence in error.sentences:
                say_error(sentence)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            say(errors, "Stopped. What was committed stays. Run the command again to continue.")
            raise typer.Exit(130) from None
        if not succeeded:
            raise typer.Exit(1)

    return command


def _tables(platform: Platform, names: Sequence[str] | None) -> list[sa.Table]:
    known = platform.tables
    # Messages show a name escaped, and a person copies it from there.
    by_name = {**{escaped(name): table for name, table in known.items()}, **known}
    unknown = [name for name in names or () if name not in by_name]
    if unknown:
        raise SettingsError(
            f"The source has no table {', '.join(unknown)}: choose from {', '.join(known)}."
        )
    return [by_name[name] for name in names or known]


@app.command()
@_command
def run(
    through: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="The last month to bring up to date.")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Run only this group or asset (raw, marts/mrr_monthly, ...). Can be repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what each query would bill, and run nothing."),
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Build what is missing, and update what is stale.

    The order is: company, source, raw, marts, models, dashboard. The source, the warehouse and the
    code decide what is stale. At the end, `run` prints what was proven.
    """
    from saas_platform.cli.ending import end_killed_run, end_run, say_what_is_left
    from saas_platform.refresh.staleness import staleness

    platform = Platform.load()
    if dry_run:
        from saas_platform.cli.costs import query_costs

        costs = query_costs(platform)
        return print_costs(costs, platform.warehouse.engine, as_json=as_json)
    last = platform.settings.check_month(_month(through) or platform.settings.last_month)
    with platform.home.exclusive():
        stale = staleness(platform, last)
        if not stale and not select:
            end_killed_run(platform)
            say(errors, "Everything is up to date: nothing to do.")
            return end_run(platform, (), None, as_json=as_json)
        # Loading them takes seconds, which a run with nothing to do should not cost.
        bars = Bars()
        with bars.waiting("Loading Dagster and dbt ..."):
            from saas_platform.defs.launch import launch

        reasons, outcome = launch(platform, stale, last, select or (), bars)
        succeeded = end_run(platform, reasons, outcome, as_json=as_json)
        if select:
            say_what_is_left(platform, last)
        return succeeded


def _month(text: str | None) -> Month | None:
    try:
        return None if text is None else Month.parse(text)
    except ValueError as error:
        raise SettingsError(f"--through {error}.") from None


@app.command()
@_command
def sync(tables: TableNames = None, as_json: AsJson = False) -> bool:
    """Update raw from the source, and prove that they are equal.

    A sync copies the rows that changed and deletes the rows that are gone. It finds them by row version,
    or by digests in a table without one. Then it proves the slices it touched by digest, and all others
    by row count. Marts, models and dashboard stay as they are; `run` updates those too.
    """
    from saas_platform.cli.discover import unnamed_and_left_behind
    from saas_platform.sync import sync as sync_all

    platform = Platform.load()
    wanted = _tables(platform, tables)
    with platform.home.exclusive():
        reports = sync_all(platform.source, platform.warehouse, wanted)
    succeeded = print_changes(
        reports,
        lambda r: f"{mode_words(r.mode)}, {r.rows_written:,} written, {r.rows_deleted:,} deleted",
        as_json=as_json,
    )
    print_warnings(unnamed_and_left_behind(platform))
    return succeeded


@app.command()
@_command
def verify(
    tables: TableNames = None,
    level: Annotated[
        VerifyLevel,
        typer.Option(
            help="What to compare: row counts, digests, every row, or a sample of rows to look at."
        ),
    ] = VerifyLevel.digest,
    show_pii: Annotated[
        bool, typer.Option("--show-pii", help="Print personal data instead of masking it.")
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Prove that raw equals the source.

    If it does not, this prints the tables, slices, keys and columns that differ, and exits with 1.
    """
    from saas_platform.sync import sample
    from saas_platform.sync import verify as verify_all

    platform = Platform.load()
    wanted = _tables(platform, tables)
    source, warehouse = platform.source, platform.warehouse
    if level is VerifyLevel.sample:
        return print_samples(sample(source, warehouse, wanted, show_pii=show_pii), as_json=as_json)
    reports = verify_all(source, warehouse, wanted, level=_PROOFS[level], show_pii=show_pii)
    equal = print_proofs(reports, as_json=as_json)
    if not equal:
        say(
            errors,
            "Run `saas-platform repair`, which copies again only what differs, or reports why it can't.",
        )
    return equal


@app.command()
@_command
def repair(tables: TableNames = None, as_json: AsJson = False) -> bool:
    """Copy again only what differs.

    A repair compares the digest of every slice, copies the rows that differ in one transaction, and
    then proves the table again.
    """
    from saas_platform.sync import repair as repair_all

    platform = Platform.load()
    wanted = _tables(platform, tables)
    with platform.home.exclusive():
        reports = repair_all(platform.source, platform.warehouse, wanted)
    return print_changes(
        reports,
        lambda r: f"{counted(r.rows_written, 'row')} copied again, {r.rows_deleted:,} removed",
        as_json=as_json,
    )


@app.command()
@_command
def doctor(
    discover: Annotated[
        bool,
        typer.Option(
            "--discover",
            help="Write tables.yaml from your own database, or show what has changed in it since.",
        ),
    ] = False,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", help="With --discover: look only at the first rows of large tables."
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="With --discover: write the changes into the existing tables.yaml."
        ),
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Check what a run needs, and print remedies.

    The doctor checks settings, packages, home, disk, source, declared tables, marts, warehouse and earlier
    proofs. It exits with 1 if something is wrong, or if discovery found changes that were not written.
    """
    from saas_platform.cli.doctor import examine

    platform = Platform.load()
    before = _content(platform.home.tables)
    written = _discover(platform, sample=sample, write=yes) if discover else True
    # No sync has used a tables.yaml that was just written, so earlier proofs say nothing about it.
    same = _content(platform.home.tables) == before
    diagnoses = list(examine(Platform.load(), past=same))
    return print_diagnoses(diagnoses, as_json=as_json) and written


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def _discover(platform: Platform, *, sample: bool, write: bool) -> bool:
    """Update tables.yaml from the source. Return whether the file is now up to date."""
    from saas_platform.cli.discover import declare_tables

    with platform.home.exclusive():
        found = declare_tables(platform, sample=sample, write=write)
    return print_discovery(found, platform.home.tables)


@app.command()
@_command
def dashboard(
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the dashboard in the browser.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The port of this machine to serve on.")
    ] = 8765,
) -> bool:
    """Serve the dashboard until Ctrl-C."""
    from saas_platform.dashboard.serve import serve

    platform = Platform.load()
    if not platform.is_company:
        raise SettingsError(
            "The dashboard shows only the company's tables, and"
            f" {platform.home.tables} declares others: use `saas-platform run`, which prints at the end what"
            " was proven of your tables."
        )
    serve(platform.home.dashboard, port, open_browser=open_browser)
    return True


@app.command()
@_command
def reset(
    table: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Drop only this mirror and its log entries. Can be repeated."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Confirm. Without it nothing is dropped.")
    ] = False,
    as_json: AsJson = False,
) -> bool:
    """Drop only what this project created.

    Nothing else is dropped: other files in SAAS_HOME, other tables in the databases, and a source
    database of your own all stay.
    """
    from saas_platform.cli.reset import reset as drop
    from saas_platform.cli.reset import reset_mirrors

    platform = Platform.load()
    if not yes:
        company = "the company, " if platform.settings.synthetic else ""
        what = (
            f"the mirrors of {', '.join(table)} with their log entries"
            if table
            else f"{company}raw, marts, models and the files in {platform.home.root}"
        )
        raise SettingsError(f"This would drop {what}: add --yes to confirm.")
    is_home = platform.home.is_known
    with platform.home.exclusive():
        dropped = reset_mirrors(platform, table) if table else drop(platform, with_files=is_home)
    if as_json:
        print_json({"dropped": dropped})
    else:
        for line in dropped:
            say(output, f"dropped {line}")
        if not dropped:
            say(output, "Nothing to drop.")
    return True


def main() -> None:
    """Run the command line `saas-platform`."""
    # SQLAlchemy warns of odd types and circular references in the user's database; we handle both.
    warnings.filterwarnings("ignore", category=sa.exc.SAWarning)
    # A library of dbt calls `basicConfig`, which would show every line of Dagster's log, but for another handler.
    logging.getLogger().addHandler(logging.NullHandler())
    app()
