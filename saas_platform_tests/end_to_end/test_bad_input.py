"""Bad input gives a one-sentence error and a non-zero exit code, and loses no data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from saas_platform.storage.home import Home
from saas_platform_tests.end_to_end.command_line import Output, command
from saas_platform_tests.end_to_end.conftest import SMALL


def one_sentence(output: Output) -> str:
    """Check that the error is one line without a stack trace, and return it."""
    assert output.code != 0
    assert "Traceback" not in output.err
    lines = [line for line in output.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, output.err
    return lines[0]


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "file" / "home"))
    assert "can't be written" in one_sentence(command("run"))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("source.db", "is not a SQLite database"),
        ("warehouse.duckdb", "is damaged or not a DuckDB file"),
    ],
)
def test_a_corrupt_database_file(home: Path, name: str, remedy: str) -> None:
    path = home / name
    path.write_bytes(b"\x00garbage" * 4096)
    for words in (["run"], ["verify"], ["sync"]):
        error = one_sentence(command(*words))
        assert name in error
        assert remedy in error
    assert path.read_bytes().startswith(b"\x00garbage")
    assert command("reset", "--yes").code == 0
    assert not path.exists()


def test_an_unknown_setting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_ACOUNTS", "3")
    assert "did you mean SAAS_ACCOUNTS?" in one_sentence(command("run"))


@pytest.mark.parametrize("month", ["2023-12", "2024-08", "2024-13", "soon"])
def test_a_month_outside_the_window(home: Path, month: str) -> None:
    error = one_sentence(command("run", "--through", month))
    assert month in error
    assert "window" in error or "is not a month" in error


def test_an_unknown_table_or_asset(home: Path) -> None:
    assert "The source has no table nothing: choose from" in one_sentence(
        command("sync", "nothing")
    )
    error = one_sentence(command("run", "--select", "nothing"))
    assert "nothing is neither a group nor an asset" in error


def test_another_company_in_the_same_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_SEED", "8")
    error = one_sentence(command("run"))
    assert "another company" in error
    assert "reset --yes" in error
    monkeypatch.delenv("SAAS_SEED")
    assert command("verify").code == 0


def test_a_clock_that_goes_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in ("2024-07-14", "2024-06-01"):
        monkeypatch.setenv("SAAS_AS_OF", day)
        assert f"{day} lies before 2024-07-15" in one_sentence(command("run"))
    monkeypatch.setenv("SAAS_AS_OF", SMALL["SAAS_AS_OF"])
    assert "nothing to do" in command("run").err


@pytest.mark.slow
def test_a_second_run_at_the_same_time(home: Path) -> None:
    with Home(home).exclusive():
        other = subprocess.run(
            [sys.executable, "-m", "saas_platform", "run"],
            capture_output=True,
            text=True,
            check=False,
        )
    error = one_sentence(Output(other.returncode, other.stdout, other.stderr))
    assert "Another saas-platform command is running" in error
    assert command("verify").code == 0


def test_commands_before_the_first_run() -> None:
    for words in (["verify"], ["sync"], ["repair"]):
        assert "run `saas-platform run`" in one_sentence(command(*words))
    assert "There is no dashboard" in one_sentence(command("dashboard"))


def test_reset_requires_yes_and_drops_nothing_else(home: Path) -> None:
    (home / "mine.txt").write_text("kept")
    assert "--yes" in one_sentence(command("reset"))
    assert (home / "source.db").exists()
    assert command("reset", "--yes").code == 0
    assert sorted(path.name for path in home.iterdir() if path.name != "run.lock") == ["mine.txt"]


def test_a_source_of_the_users_own_is_never_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    before = (home / "source.db").read_bytes()
    assert command("run").code == 0
    assert command("reset", "--yes").code == 0
    assert not (home / "warehouse.duckdb").exists()
    assert (home / "source.db").read_bytes() == before


def test_doctor_finds_the_problems_that_a_run_would_have(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = command("doctor", "--json")
    assert output.code == 0
    assert [finding["name"] for finding in output.json] == [
        "python", "packages", "home", "disk", "source", "marts", "warehouse",
    ]  # fmt: skip
    monkeypatch.setenv("SAAS_SEED", "8")
    (home / "warehouse.duckdb").write_bytes(b"garbage" * 999)
    output = command("doctor", "--json")
    assert output.code == 1
    wrong = {finding["name"]: finding for finding in output.json if not finding["ok"]}
    assert set(wrong) == {"source", "warehouse"}
    assert all(finding["remedy"] for finding in wrong.values())
