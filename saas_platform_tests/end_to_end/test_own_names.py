"""Test that names and values that a terminal or JSON would interpret are shown as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own

ODD = """
CREATE TABLE "[/red]" ("[bold]id" TEXT NOT NULL PRIMARY KEY, "a :smile:" TEXT);
INSERT INTO "[/red]" VALUES ('\x1b[31mred' || char(10) || 'line', '[/blink]\\'), ('[red]', ':tada:');
CREATE TABLE "esc\x1b[2Jape" (id INTEGER PRIMARY KEY);
"""


def test_names_and_values_are_shown_as_they_are(make: type[Own], tmp_path: Path) -> None:
    own = make(tmp_path, ODD)
    outputs = [command("doctor", "--discover"), command("sync")]
    assert [each.code for each in outputs] == [0, 0], outputs
    own.change(
        'UPDATE "[/red]" SET "a :smile:" = \'b\x1b[5m\'; ALTER TABLE "[/red]" ADD COLUMN "[i]" TEXT'
    )
    own.change('CREATE TABLE "[green]" (id INTEGER)')
    outputs.append(command("verify", "--level", "rows"))
    outputs += [command("verify", "--level", "sample"), command("sync"), command("doctor")]
    outputs.append(command("verify", "nope[/]"))
    outputs.append(command("reset", "--table", "[/red]", "--yes"))
    everything = "".join(each.out + each.err for each in outputs)
    assert "\x1b" not in everything
    for words in (
        "[/red]",
        "[bold]id",
        ":smile:",
        ":tada:",
        "[/blink]\\",
        "\\x1b[31mred\\nline",
        "[i]",
        "[green]",
        "nope[/]",
    ):
        assert words in everything, words
    assert "raw.[/red], with its log entries" in outputs[-1].out


@pytest.mark.slow
def test_run_shows_them_too_without_sqlalchemy_warnings(make: type[Own], tmp_path: Path) -> None:
    """Use a separate process, because Dagster's logger and Python's warnings print per process."""
    circle = """
    CREATE TABLE a (id NONSENSE PRIMARY KEY, b FOO REFERENCES b (id));
    CREATE TABLE b (id NONSENSE PRIMARY KEY, a FOO REFERENCES a (id));
    """
    make(tmp_path, ODD + circle)
    for words in (["doctor", "--discover"], ["sync"], ["run"]):
        done = subprocess.run(
            [sys.executable, "-m", "saas_platform", *words],
            capture_output=True,
            text=True,
            check=False,
            env=dict(os.environ),
        )
        assert done.returncode == 0, done.stderr
        assert "SAWarning" not in done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr
    assert "[/red]" in done.stdout


def test_a_remedy_can_be_copied_whatever_a_table_is_called(make: type[Own], tmp_path: Path) -> None:
    own = make(
        tmp_path,
        'CREATE TABLE "visit items" (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO "visit items" VALUES (1, 1)',
    )
    assert command("doctor", "--discover").code == 0
    assert command("sync").code == 0
    own.raw('UPDATE raw."visit items" SET n = 2')
    assert command("verify").code == 1
    assert "`saas-platform repair 'visit items'`" in command("doctor").out
    assert command("repair", "visit items").code == 0


@pytest.mark.parametrize("level", ["rows", "sample"])
def test_numbers_that_json_does_not_have_are_texts_in_it(
    make: type[Own], tmp_path: Path, level: str
) -> None:
    shop = make(
        tmp_path,
        "CREATE TABLE f (id INTEGER PRIMARY KEY, v REAL);"
        "INSERT INTO f VALUES (1, 9e999), (2, -9e999), (3, 0.5);",
    )
    assert command("doctor", "--discover").code == 0
    assert command("sync").code == 0
    shop.change("UPDATE f SET v = -v")
    output = command("verify", "--level", level, "--json")
    assert "Infinity" in output.out

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    (report,) = json.loads(output.out, parse_constant=refuse)
    if level == "rows":
        shown = {
            row["key"]["id"]: [row["columns"][0][side] for side in ("source", "mirror")]
            for row in report["differences"]["samples"]
        }
    else:
        shown = {
            row["source"]["id"]: [row[side]["v"] for side in ("source", "mirror")]
            for row in report["rows"]
        }
    assert shown == {1: ["-Infinity", "Infinity"], 2: ["Infinity", "-Infinity"], 3: [-0.5, 0.5]}
