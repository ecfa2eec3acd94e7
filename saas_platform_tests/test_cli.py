"""The command line reads well, and its docs name all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from saas_platform.cli.app import app
from saas_platform.warehouse.interface import QueryCost

_DOCS = (Path(__file__).parent.parent / "docs" / "cli.md").read_text()
_COMMANDS = ["run", "sync", "verify", "repair", "doctor", "dashboard", "reset"]


def _help(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    return result.stdout


def test_the_commands_are_those_of_the_interface() -> None:
    assert list(typer.main.get_command(app).commands) == _COMMANDS  # type: ignore[attr-defined]


def test_no_line_of_the_overview_is_cut() -> None:
    assert "..." not in _help().partition("Commands:")[2]


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    row = re.search(rf"^\| `{name}\b.*$", _DOCS, flags=re.MULTILINE)
    assert row is not None
    for option in set(re.findall(r"--[a-z-]+", _help(name))) - {"--help", "--json"}:
        assert option in row[0], option


def test_no_words_show_the_help() -> None:
    result = CliRunner().invoke(app, [])
    assert "Usage: " in result.output


def test_a_dry_run_on_duckdb_says_that_nothing_is_billed() -> None:
    result = CliRunner().invoke(app, ["run", "--dry-run"])
    assert result.exit_code == 0
    assert result.stdout == "Nothing is billed: the warehouse is duckdb.\n"
    result = CliRunner().invoke(app, ["run", "--dry-run", "--json"])
    assert json.loads(result.stdout) == {"bytes": 0, "queries": []}


def test_a_dry_run_lists_each_query_and_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = [
        QueryCost("users", "rows of each slice", 10_485_760),
        QueryCost("users", "digest", 5),
        QueryCost("marts/dim_account", "all months", None),
    ]
    monkeypatch.setattr("saas_platform.cli.costs.query_costs", lambda _: costs)
    result = CliRunner().invoke(app, ["run", "--dry-run"])
    assert re.search(r"^users +rows of each slice +10,485,760$", result.stdout, flags=re.MULTILINE)
    assert re.search(r"^marts/dim_account +all months +-$", result.stdout, flags=re.MULTILINE)
    assert "10,485,765 bytes for a sync of every table" in result.stdout
    assert "1 of the queries, marked -, read tables that do not exist yet." in result.stdout
