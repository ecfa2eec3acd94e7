"""The command line reads well, and its docs name all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from saas_platform.cli import app

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
