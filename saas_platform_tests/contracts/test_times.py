"""Test what a contract says of times that a SQLite table writes in several ways, of which it compares the texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saas_platform.contracts import evaluate
from saas_platform_tests.judge.own import Own

REMARK = "compared by the time, and not by the text that writes it"


def as_texts(tables: dict[str, Any]) -> None:
    for table in tables.values():
        table["columns"]["k"]["type"] = "text"


@pytest.mark.parametrize("is_text", [False, True])
def test_a_second_spelling_that_comes_after_discovery(tmp_path: Path, is_text: bool) -> None:
    """With `type: text`, the contract compares as SQLite does."""
    own = Own(
        tmp_path,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, k DATETIME UNIQUE); INSERT INTO p VALUES (1, '2024-01-01');"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, k DATETIME REFERENCES p (k), s TEXT NOT NULL)",
    )
    if is_text:
        own.edit(as_texts)
    own.execute(
        "INSERT INTO p VALUES (2, '2024-01-01 00:00:00');"
        "INSERT INTO c VALUES (1, '2024-01-02', ' a'), (2, '2024-01-01T00:00', 'b')"
    )
    assert own.judged() == []
    found = {
        table.name: [
            (breach.rule.name, breach.offenders, breach.rule.remark)
            for breach in evaluate(own.warehouse, table).breaches
        ]
        for table in own.tables()
    }
    blank = ("s_blank_edges", 1, "")
    if is_text:
        assert found == {"p": [], "c": [("k_foreign_key", 2, ""), blank]}
    else:
        assert found == {
            "p": [("k_unique", 2, f"k {REMARK}")],
            "c": [("k_foreign_key", 1, f"k {REMARK}"), blank],
        }
