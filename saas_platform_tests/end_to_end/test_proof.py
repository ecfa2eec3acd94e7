"""verify and repair on a whole company: any manual change, on either side, is reported and repaired."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.rows import by_hand


def in_source(home: Path, sql: str) -> None:
    # Drop the triggers that would record the change: even without that hint, the digest must find it.
    with by_hand(home / "source.db", checked=False) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(sql)


def in_raw(home: Path, sql: str) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(sql)


CASES = {
    "value in raw": (
        in_raw,
        "UPDATE raw.invoices SET total_cents = total_cents + 1 WHERE invoice_id ="
        " (SELECT min(invoice_id) FROM raw.invoices)",
        "invoices",
        ["invoice_id", "total_cents is", "in the mirror"],
    ),
    "value in source": (
        in_source,
        "UPDATE accounts SET name = name || ' ' WHERE account_id = 2401000001",
        "accounts",
        ["account_id 2401000001", "name is", "2024-01"],
    ),
    "row gone from raw": (
        in_raw,
        "DELETE FROM raw.users WHERE user_id = 2401000001001",
        "users",
        ["user_id 2401000001001", "missing in the mirror"],
    ),
    "row gone from source": (
        in_source,
        "DELETE FROM features WHERE feature_id = (SELECT max(feature_id) FROM features)",
        "features",
        ["feature_id", "only in the mirror"],
    ),
    "row added to raw": (
        in_raw,
        "INSERT INTO raw.plans SELECT * REPLACE (9999 AS plan_id) FROM raw.plans LIMIT 1",
        "plans",
        ["plan_id 9999", "only in the mirror"],
    ),
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case == "value in source" else pytest.mark.slow)
        for case in CASES
    ],
)
def test_one_change_is_reported_and_repaired(home: Path, case: str) -> None:
    change, sql, table, expected = CASES[case]
    change(home, sql)
    output = command("verify")
    assert output.code == 1
    words = " ".join(output.out.split())
    for text in (table, *expected):
        assert text in words
    repaired = command("repair", "--json")
    assert repaired.code == 0
    written = {
        report["table"]: report["rows_written"] + report["rows_deleted"] for report in repaired.json
    }
    assert {name: count for name, count in written.items() if count} == {table: 1}
    assert command("verify", "--level", "rows").code == 0


def test_personal_data_is_masked_unless_asked(home: Path) -> None:
    in_raw(home, "UPDATE raw.users SET full_name = 'Someone Else' WHERE user_id = 2401000001001")
    assert "Someone Else" not in command("verify", "users").out
    assert "Someone Else" in " ".join(command("verify", "users", "--show-pii").out.split())


@pytest.mark.slow
def test_a_run_fails_while_a_proof_shows_that_raw_differs(home: Path) -> None:
    in_raw(home, "UPDATE raw.users SET role = 'viewer' WHERE user_id = 2401000001001")
    assert command("verify", "users").code == 1
    output = command("run")
    assert output.code == 1
    assert (
        "raw differs from the source in users: run `saas-platform repair users`"
        in output.error_text
    )
    assert command("repair", "users").code == 0
    assert command("run").code == 0
