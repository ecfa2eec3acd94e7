"""Test what the doctor and the other commands report about a user's own database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saas_platform.source.sqlite.snapshot import SqliteSnapshot
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import SHOP, Own, warnings_in


def test_doctor_creates_no_warehouse(own: Own) -> None:
    assert command("doctor").code == 0
    assert not (own.folder / "home" / "warehouse.duckdb").exists()


def test_the_doctor_shows_the_first_loads_that_failed(own: Own) -> None:
    """If no table was ever mirrored, only the log of proofs records the failed syncs."""
    assert command("doctor", "--discover").code == 0
    assert "proofs" not in command("doctor").out
    assert not (own.folder / "home" / "warehouse.duckdb").exists()
    own.change("UPDATE orders SET amount = 'dear'; UPDATE people SET mail = x'ff' WHERE mail < 'b'")
    assert command("sync").code != 0
    output = command("doctor")
    assert output.code != 0
    lines = [line.split() for line in output.out.splitlines() if " proofs " in line]
    assert [(line[0], line[2].rstrip(":")) for line in lines] == [
        ("✗", "orders"),
        ("✗", "people"),
    ], output.out
    # The file matches the source, so discovery writes nothing, and the proofs still count.
    again = command("doctor", "--discover", "--yes")
    assert again.code == 1
    assert [line.split()[0] for line in again.out.splitlines() if " proofs " in line] == ["✗"] * 2
    assert "orders.amount keeps its type" in again.err
    assert "write `type: text` at orders.amount in tables.yaml" in again.err
    failed = command("verify")
    assert failed.code == 1
    assert "Run `saas-platform repair`" in failed.err


def test_the_doctor_shows_what_is_wrong_with_the_file(own: Own) -> None:
    own.edit(("type: integer", "type: int"), ("  people:\n", "  people:\n    slize: null\n"))
    output = command("doctor")
    assert output.code == 1
    lines = [line for line in output.out.splitlines() if line.startswith("✗")]
    assert all(re.match(r"✗ tables +tables\.yaml, line \d+: table ", line) for line in lines)
    assert any("table orders, column id: 'int' is not a type" in line for line in lines)
    assert any("table people: slize is not a known name" in line for line in lines)
    errors = command("sync").err.splitlines()
    assert [line.split(",")[0] for line in errors] == ["error: tables.yaml"] * 2
    assert "Traceback" not in output.out + output.err


def test_the_dashboard_of_an_own_database(own: Own) -> None:
    output = command("dashboard")
    assert output.code == 2
    assert "The dashboard shows only the company's tables" in output.err
    assert "which builds it" not in output.err


@pytest.mark.slow
def test_a_failing_table_does_not_stop_the_checks_of_the_others(own: Own) -> None:
    own.edit(
        (
            "id: {type: integer, declared: INTEGER, nullable: false}",
            "id: {type: integer, declared: INTEGER, nullable: false, plausible: [0, 5]}",
        )
    )
    assert command("run").code == 0
    assert command("doctor").code == 0
    own.change(
        "UPDATE people SET c7 = CAST(x'ff' AS TEXT) WHERE mail = 'ada@example.org';"
        "INSERT INTO orders VALUES (9, 1, NULL)"
    )
    output = command("run")
    assert output.code != 0
    assert "people.c7 of the source holds a value in the row with mail ***" in output.err
    # The contract of the other table is checked all the same.
    assert "raw/orders: contract_holds" in output.err
    assert own.raw("SELECT id FROM raw.orders ORDER BY id") == [(1,), (2,), (9,)]
    doctor = command("doctor")
    assert doctor.code == 1
    assert re.search(r"✗ proofs +people has differed from its source since", doctor.out)
    own.change("UPDATE people SET c7 = NULL WHERE mail = 'ada@example.org'")
    assert command("sync").code == 0
    assert command("doctor").code == 0


def test_doctor_shows_the_tables_whose_proof_failed(make: type[Own], tmp_path: Path) -> None:
    own = make(tmp_path, SHOP)
    assert command("doctor", "--discover").code == 0
    assert command("sync").code == 0
    own.change("UPDATE orders SET amount = 'much' WHERE id = 2")
    assert command("sync").code == 1
    output = command("doctor")
    assert output.code == 1
    (line,) = [each for each in output.out.splitlines() if "orders" in each and "differed" in each]
    assert line.startswith("✗ proofs")
    assert "people" not in line
    assert "saas-platform repair orders" in output.out
    own.change("UPDATE orders SET amount = 3 WHERE id = 2")
    assert command("sync").code == 0
    assert command("doctor").code == 0


@pytest.mark.slow
def test_the_doctor_advises_no_repair_of_a_table_that_stops(own: Own) -> None:
    own.change(
        "CREATE TABLE more (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO more VALUES (1, 1)"
    )
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    own.raw("UPDATE raw.more SET n = 2")
    assert command("verify").code == 1
    own.change(
        "DROP TABLE orders; DROP TABLE people; CREATE TABLE people (mail BLOB PRIMARY KEY, c7 TEXT)"
    )
    assert command("sync", "orders", "people").code == 1
    lines = [line for line in command("doctor").out.splitlines() if line.startswith("✗")]
    assert [
        re.split(r"\s+", line)[1:3] for line in lines if "orders" in line or "people" in line
    ] == [
        ["tables", "The"],
        ["tables", "people.mail"],
        ["proofs", "orders"],
        ["proofs", "people"],
    ]
    # It helps where only the mirror differs.
    (line,) = [line for line in lines if "saas-platform repair" in line]
    assert re.search(r"^✗ proofs +more has differed .*: run `saas-platform repair more`", line)


def test_the_doctor_shows_a_new_column(own: Own) -> None:
    own.change("ALTER TABLE orders ADD COLUMN colour TEXT")
    output = command("doctor")
    assert output.code == 0
    assert "! tables     orders.colour is new in the source, and is not mirrored" in output.out


@pytest.mark.parametrize(
    ("values", "unversioned"),
    [
        ("(1, 1), (2, 2)", ""),
        ("(1, 1), (2, NULL)", "1 row without a version is read again by every sync"),
    ],
)
def test_the_doctor_names_a_version_that_programs_keep(
    make: type[Own], tmp_path: Path, values: str, unversioned: str
) -> None:
    own = make(
        tmp_path,
        f"CREATE TABLE v (id INTEGER PRIMARY KEY, ver INTEGER); INSERT INTO v VALUES {values}",
    )
    assert command("doctor", "--discover").code == 0
    own.edit(("version: null", "version: ver"))
    output = command("doctor")
    assert output.code == 0
    assert (
        "! tables     v.ver is a version that your own programs maintain, not the database"
        in output.out
    )
    assert unversioned in output.out


@pytest.mark.slow
def test_what_the_source_says_of_its_reading_is_in_every_report(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        SqliteSnapshot, "notes", lambda _, table: (f"{table.name} is proven in part.",)
    )
    for words in (["sync"], ["verify"], ["verify", "--level", "counts"], ["repair"]):
        said = command(*words)
        assert said.code == 0
        assert sorted(warnings_in(said)) == [
            "warning: orders is proven in part.",
            "warning: people is proven in part.",
        ], words
        reports = command(*words, "--json").json
        assert {each["table"]: each["warnings"] for each in reports} == {
            "orders": ["orders is proven in part."],
            "people": ["people is proven in part."],
        }, words
