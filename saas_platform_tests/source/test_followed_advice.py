"""Test that `doctor --discover` stops giving an advice once tables.yaml follows it, and not earlier."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from saas_platform.cli.discover import declare_tables
from saas_platform.platform import Platform


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a platform whose source is `own.db` in the same folder."""
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def execute(home: Path, sql: str) -> None:
    with closing(sqlite3.connect(home.parent / "own.db")) as file:
        file.executescript(sql)


def notes() -> str:
    return "\n".join(declare_tables(Platform.load()).notes)


def edit(home: Path, **columns: dict[str, Any] | None) -> None:
    """Change columns, each named TABLE__COLUMN; None moves one to `skip:`."""
    declared = yaml.safe_load((home / "tables.yaml").read_text())
    for place, change in columns.items():
        table, column = place.split("__")
        entry = declared["tables"][table]
        if change is None:
            del entry["columns"][column]
            entry.setdefault("skip", []).append(column)
        else:
            entry["columns"][column].update(change)
    (home / "tables.yaml").write_text(yaml.safe_dump(declared))


def test_times_of_a_reference(home: Path) -> None:
    execute(
        home,
        "CREATE TABLE p (p0 DATETIME UNIQUE, m TEXT);"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, c0 DATETIME REFERENCES p (p0));"
        "INSERT INTO p VALUES ('2024-01-01', 'x'); INSERT INTO c VALUES (1, '2024-01-01 00:00:00')",
    )
    said = "c references p by c0, whose times are written in several ways"
    assert said in notes()
    assert said in notes()
    edit(home, p__p0={"type": "text"}, c__c0={"type": "text"})
    assert notes() == ""
    edit(home, p__p0={"type": "time"}, c__c0={"type": "time"})
    assert said in notes()


def test_times_of_a_unique_rule(home: Path) -> None:
    execute(
        home,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, k DATETIME UNIQUE);"
        "INSERT INTO t VALUES (1, '2024-01-01'), (2, '2024-01-01 00:00:00')",
    )
    said = "t.k writes a time in several ways"
    assert said in notes()
    # The first discovery wrote the file as it proposes.
    assert notes() == ""
    edit(home, t__k={"type": "time"})
    assert said in notes()


def test_a_reference_that_is_declared_by_hand(home: Path) -> None:
    execute(
        home,
        "CREATE TABLE p (v DATETIME PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, v TEXT REFERENCES p);"
        "INSERT INTO p VALUES ('2024-01-01')",
    )
    said = "discovery proposes different types for the two sides, so that this reference is not checked"
    assert said in notes()
    edit(home, p__v={"type": "text"})
    assert said in notes()
    declared = yaml.safe_load((home / "tables.yaml").read_text())
    declared["tables"]["c"]["references"] = [{"columns": ["v"], "table": "p", "to": ["v"]}]
    (home / "tables.yaml").write_text(yaml.safe_dump(declared))
    assert notes() == ""


def test_a_table_that_is_skipped(home: Path) -> None:
    execute(
        home, "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE VIRTUAL TABLE f USING fts5(words)"
    )
    said = "f is left out: it is a virtual table."
    assert said in notes()
    assert said in notes()
    declared = yaml.safe_load((home / "tables.yaml").read_text())
    (home / "tables.yaml").write_text(yaml.safe_dump({"skip": ["f"], **declared}))
    found = notes()
    assert said not in found
    assert "f_data is left out: it is a part of a virtual table." in found


def test_values_of_other_types(home: Path) -> None:
    execute(
        home, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, 'x')"
    )
    said = "t.v is declared as INTEGER and holds values of other types"
    assert said in notes()
    assert notes() == ""
    edit(home, t__v={"type": "integer"})
    assert said in notes()
    edit(home, t__v=None)
    assert notes() == ""


def test_a_text_that_is_not_utf_8(home: Path) -> None:
    execute(
        home,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER);"
        "INSERT INTO t VALUES (1, CAST(x'ff' AS TEXT)), (2, 'a'), (3, 1)",
    )
    said = "t.v holds a text that is not UTF-8"
    assert said in notes()
    edit(home, t__v={"type": "integer"})
    found = notes()
    assert said in found
    assert "type: any" not in found, "an `any` can't hold it either"
    edit(home, t__v=None)
    assert notes() == ""
