"""The command `python -m saas_platform.company`, which writes the company to files.

Contains: the command, its options and what it prints. Out of scope: the writing (export.py).
"""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from saas_platform.clock import Month, start_month
from saas_platform.company.config import CompanyError, read_config
from saas_platform.company.export import CARD, export
from saas_platform.errors import PlatformError

_errors = Console(stderr=True, highlight=False)
_output = Console(highlight=False)


class FileFormat(StrEnum):
    """File format of the tables."""

    csv = "csv"
    parquet = "parquet"


def _month(text: str) -> Month:
    try:
        return start_month(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def write(
    out: Annotated[Path, typer.Option(help="Folder to create. It must not exist yet.")] = Path(
        "company"
    ),
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="File format of the tables.")
    ] = FileFormat.parquet,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with the company's settings (docs/company.md).")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Random seed. Overrides the file.", metavar="INTEGER", show_default="7"),
    ] = None,
    accounts: Annotated[
        int | None,
        typer.Option(
            help="Accounts that sign up in the first 24 months. Overrides the file.",
            show_default="5000",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM", help="First month. Overrides the file.", show_default="2024-01"
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Today's date for the company: the files hold what happened before this day.",
            show_default="24 months after the start",
        ),
    ] = None,
    truth: Annotated[
        bool, typer.Option(help="Also write the true hazards and the true lifts.")
    ] = True,
) -> None:
    """Write a synthetic SaaS company to files: 13 related tables, the truth behind them and a data card.

    The same options give the same rows on every machine.
    """
    options = {
        "seed": seed,
        "accounts": accounts,
        "start": None if start is None else _month(start),
    }
    chosen = read_config(
        config, **{name: value for name, value in options.items() if value is not None}
    )
    until = as_of or chosen.start.plus(24).start
    if until <= chosen.start.start:
        raise CompanyError(
            f"--as-of {until.date()} leaves no day after the start, {chosen.start}: choose a later date."
        )
    with _errors.status("") as status:
        done = export(
            chosen,
            until,
            out,
            file_format.value,
            truth=truth,
            progress=lambda month: status.update(f"{month} of {chosen.name}"),
        )
    table = Table("Table", "Rows")
    table.columns[1].justify = "right"
    for name, count in done.rows.items():
        table.add_row(name, f"{count:,}")
    _output.print(table)
    _output.print(f"Wrote {done.folder}. {done.folder / CARD} describes it.", soft_wrap=True)


def main() -> None:
    """Run the command `python -m saas_platform.company`."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(write)
    try:
        app(prog_name="python -m saas_platform.company")
    except PlatformError as error:
        _errors.print(f"error: {error}", style="red", soft_wrap=True, markup=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
