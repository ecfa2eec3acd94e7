"""The user's own database on the command line: merging, drift, leftovers, personal data, unusual names.

Everything goes through the commands. The tests read the result with plain sqlite3 and DuckDB.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from saas_platform.source.sqlite.snapshot import SqliteSnapshot
from saas_platform_tests.end_to_end.conftest import Output, command

SHOP = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, amount NUMERIC(8,2) NOT NULL, note TEXT);
CREATE TABLE people (mail TEXT NOT NULL PRIMARY KEY, c7 TEXT);
INSERT INTO orders VALUES (1, 15.86, 'x'), (2, 3, NULL);
INSERT INTO people VALUES ('ada@example.org', 'DE89 3704 0044 0532 0130 00'),
    ('bob@example.org', 'GB82WEST12345698765432'), ('cyd@example.org', 'FR1420041010050500013M02606');
"""


class Own:
    def __init__(self, folder: Path, sql: str) -> None:
        self.folder = folder
        self.path = folder / "own.db"
        self.file = folder / "home" / "tables.yaml"
        self.change(sql)

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(sql)

    def edit(self, *edits: tuple[str, str]) -> None:
        text = self.file.read_text()
        head, tables = text[: text.index("tables:")], text[text.index("tables:") :]
        for old, new in edits:
            assert tables.count(old) == 1, (old, tables)
            tables = tables.replace(old, new)
        self.file.write_text(head + tables)

    def raw(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.folder / "home" / "warehouse.duckdb")) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Own]:
    """Set the settings for the user's own database and return the class that creates it."""
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    return Own


@pytest.fixture
def own(make: type[Own], tmp_path: Path) -> Own:
    found = make(tmp_path, SHOP)
    assert command("doctor", "--discover").code == 0
    return found


def _warnings(output: Output) -> list[str]:
    return [line for line in output.err.splitlines() if line.startswith("warning: ")]


# Merging.


def test_a_second_discovery_of_the_same_source_changes_nothing(own: Own) -> None:
    own.edit(("  orders:", "  # ours\n  orders:"))
    before = own.file.read_bytes()
    for words in ([], ["--yes"]):
        output = command("doctor", "--discover", *words)
        assert output.code == 0
        assert "matches the source: there is nothing to change" in output.err
        assert own.file.read_bytes() == before


def test_a_later_discovery_shows_the_difference_and_writes_it_on_yes(own: Own) -> None:
    own.edit(("  orders:", "  # ours\n  orders:"), ("decimal(8, 2)", "decimal(12, 3)"))
    own.change(
        "ALTER TABLE orders ADD COLUMN phone TEXT; CREATE TABLE more (id INTEGER PRIMARY KEY)"
    )
    before = own.file.read_text()
    output = command("doctor", "--discover")
    assert output.code == 1
    assert own.file.read_text() == before
    for words in (
        "orders.phone is new in the source: it is added as text",
        "more is new in the source: it is added, with 1 column",
        "1 column marked as personal, by name or by values: check each.",
        "orders.phone: phone, because its name has 'phone'",
        "is not changed: run `saas-platform doctor --discover --yes` to write the 2 changes above",
    ):
        assert words in output.err
    output = command("doctor", "--discover", "--yes")
    assert output.code == 0, output.err
    after = own.file.read_text()
    assert all(line in after.splitlines() for line in before.splitlines())
    assert "  # ours" in after
    assert "decimal(12, 3)" in after
    assert command("sync").code == 0
    assert own.raw("SELECT count(*) FROM raw.more") == [(0,)]


def test_a_wrong_file_is_not_merged_into(own: Own) -> None:
    own.edit(("type: integer", "type: int"))
    before = own.file.read_text()
    output = command("doctor", "--discover", "--yes")
    assert output.code == 2
    assert re.fullmatch(r"error: tables\.yaml, line \d+: table orders, column id: .*\n", output.err)
    assert own.file.read_text() == before


def test_a_renamed_column_keeps_its_mirror(own: Own) -> None:
    assert command("sync").code == 0
    own.change("ALTER TABLE orders RENAME COLUMN note TO remark")
    output = command("sync")
    assert output.code == 1
    assert "orders.note is gone from the source, but a new column remark has its type" in output.err
    assert command("doctor", "--discover", "--yes").code == 0
    assert "note: {source: remark, type: text" in own.file.read_text()


# Drift and leftovers.


def test_a_table_missing_from_the_file_is_reported_once(own: Own) -> None:
    assert command("sync").code == 0
    own.change("CREATE TABLE more (id INTEGER PRIMARY KEY)")
    output = command("sync")
    assert output.code == 0
    (warning,) = _warnings(output)
    assert "more of the source is not mirrored, because tables.yaml does not name it" in warning
    assert "skip: [more]" in warning
    doctor = command("doctor")
    assert doctor.code == 0
    assert "! tables     more of the source is not mirrored" in doctor.out
    own.file.write_text("skip: [more]\n" + own.file.read_text())
    assert _warnings(command("sync")) == []
    assert "more" not in command("doctor").out


def test_a_column_left_out_on_purpose_gives_no_warning(own: Own) -> None:
    own.edit(("    key: [id]", "    skip: [amount]\n    key: [id]"))
    own.file.write_text(re.sub(r"      amount: .*\n", "", own.file.read_text()))
    output = command("sync")
    assert output.code == 0, output.err
    assert _warnings(output) == []
    assert own.raw(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders'"
    ) == [
        ("id",),
        ("note",),
        ("_sync_id",),
    ]


def test_a_table_removed_from_the_file_is_reported_and_can_be_dropped(own: Own) -> None:
    assert command("sync").code == 0
    text = own.file.read_text()
    own.file.write_text("skip: [people]\n" + text[: text.index("  people:")])
    output = command("sync")
    (warning,) = _warnings(output)
    assert re.search(
        r"people is no longer mirrored to raw, but raw\.people still holds its rows as of \d{4}-\d\d-\d\d \d\d:\d\d UTC: drop it"
        r" with `saas-platform reset --table raw\.people --yes`",
        warning,
    )
    assert "people is no longer mirrored" in command("doctor").out
    refused = command("reset", "--table", "people")
    assert refused.code == 2
    assert "This would drop the mirrors of people with their log entries: add --yes" in refused.err
    wrong = command("reset", "--table", "nobody", "--table", "people", "--yes")
    assert wrong.code == 2
    assert "nobody has no mirror: choose from raw.orders, raw.people." in wrong.err
    assert own.raw("SELECT count(*) FROM raw.people") == [(3,)]
    dropped = command("reset", "--table", "people", "--yes", "--json")
    assert dropped.json == {"dropped": ["raw.people, with its log entries"]}
    tables = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw' ORDER BY 1"
    )
    assert own.raw(tables) == [("_proof_log",), ("_sync_log",), ("orders",)]
    for log in ("_proof_log", "_sync_log"):
        assert own.raw(f"SELECT DISTINCT table_name FROM raw.{log}") == [("orders",)]
    assert _warnings(command("sync")) == []


def test_one_of_two_mirrors_with_the_same_name_can_be_dropped(own: Own) -> None:
    assert command("sync").code == 0
    own.edit(("    key: [id]", "    key: [id]\n    schema: shop"))
    output = command("sync")
    (warning,) = _warnings(output)
    assert "`saas-platform reset --table raw.orders --yes`" in warning
    dropped = command("reset", "--table", "raw.orders", "--yes", "--json")
    assert dropped.json == {"dropped": ["raw.orders, with its log entries"]}
    assert own.raw("SELECT count(*) FROM shop.orders") == [(2,)]
    output = command("sync", "orders", "--json")
    assert output.json[0]["mode"] != "full"


def test_a_log_is_not_a_mirror(own: Own) -> None:
    assert command("sync").code == 0
    assert command("reset", "--table", "_sync_log", "--yes").code == 2
    assert own.raw("SELECT count(*) FROM raw._sync_log") == [(2,)]


def test_a_dropped_mirror_that_is_still_declared_is_reloaded(own: Own) -> None:
    assert command("sync").code == 0
    assert command("reset", "--table", "orders", "--yes").code == 0
    (report,) = command("sync", "orders", "--json").json
    assert (report["mode"], report["rows_written"]) == ("full", 2)


def test_doctor_creates_no_warehouse(own: Own) -> None:
    assert command("doctor").code == 0
    assert not (own.folder / "home" / "warehouse.duckdb").exists()


# Personal data.


def test_discovery_reports_what_it_marks_and_why(make: type[Own], tmp_path: Path) -> None:
    make(tmp_path, SHOP)
    output = command("doctor", "--discover")
    assert "orders.note: free_text, because its name has 'note'" in output.err
    assert "people.mail: email, because its name has 'mail'" in output.err
    assert (
        "people.c7: bank, because 3 of 3 sampled values are IBANs with a right checksum"
        in output.err
    )
    assert "3 columns marked as personal" in output.err


@pytest.mark.parametrize("words", [["verify", "--level", "rows"], ["verify", "--level", "sample"]])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_personal_key_is_masked_wherever_it_is_shown(
    own: Own, words: list[str], form: list[str]
) -> None:
    assert command("sync").code == 0
    own.change(
        "DELETE FROM people WHERE mail LIKE 'ada%'; UPDATE people SET c7 = 'y' WHERE mail LIKE 'bob%'"
    )
    output = command(*words, *form)
    assert "example.org" not in output.out + output.err
    assert "***" in output.out
    shown = command(*words, *form, "--show-pii")
    assert "example.org" in shown.out


def test_a_hash_needs_a_salt_that_is_never_printed(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.edit(("pii: email", "pii: email, mirror: hash"))
    output = command("sync")
    assert output.code == 2
    assert output.err == (
        f"error: {own.file} hashes people.mail, but SAAS_HASH_SALT is not set: set it to a"
        " secret of at least 16 characters.\n"
    )
    monkeypatch.setenv("SAAS_HASH_SALT", "tooshortsecret")
    output = command("doctor")
    assert output.code == 2
    assert "SAAS_HASH_SALT is invalid: it needs at least 16 characters" in output.err
    assert "tooshortsecret" not in output.out + output.err


def test_personal_columns_are_mirrored_in_their_form_and_proven(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    salt = "a salt of twenty-one!"
    monkeypatch.setenv("SAAS_HASH_SALT", salt)
    own.edit(
        ("pii: email", "pii: email, mirror: hash"),
        ("pii: free_text", "pii: free_text, mirror: mask"),
        ("pii: bank", "pii: bank, mirror: drop"),
    )

    def hashed(*names: str) -> list[tuple[object]]:
        texts = (f"{salt}{name}@example.org" for name in names)
        return sorted((hashlib.sha256(text.encode()).hexdigest(),) for text in texts)

    output = command("sync")
    assert output.code == 0, output.err
    assert _warnings(output) == []
    assert own.raw("SELECT * EXCLUDE (_sync_id) FROM raw.people ORDER BY mail") == hashed(
        "ada", "bob", "cyd"
    )
    assert own.raw("SELECT id, note FROM raw.orders ORDER BY id") == [(1, "***"), (2, None)]
    assert command("verify", "--level", "rows").code == 0
    own.change(
        "DELETE FROM people WHERE mail LIKE 'ada%'; INSERT INTO people VALUES ('dee@example.org', 'x')"
    )
    own.change(
        "UPDATE orders SET note = 'now' WHERE id = 2; UPDATE orders SET note = 'other' WHERE id = 1"
    )
    assert command("sync").code == 0
    assert own.raw("SELECT mail FROM raw.people ORDER BY mail") == hashed("bob", "cyd", "dee")
    assert own.raw("SELECT id, note FROM raw.orders ORDER BY id") == [(1, "***"), (2, "***")]
    assert command("verify", "--level", "rows").code == 0
    # A proof finds a hash that was changed in the mirror, and also a mirror built with another salt.
    own.raw(
        "UPDATE raw.people SET mail = repeat('0', 64) WHERE mail = (SELECT max(mail) FROM raw.people)"
    )
    assert command("verify").code == 1
    assert command("repair").code == 0
    monkeypatch.setenv("SAAS_HASH_SALT", "a salt of some other kind")
    assert command("verify").code == 1


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


def test_the_doctor_shows_what_is_wrong_with_the_file(own: Own) -> None:
    own.edit(("type: integer", "type: int"), ("  people:\n", "  people:\n    slize: null\n"))
    output = command("doctor")
    assert output.code == 1
    lines = [line for line in output.out.splitlines() if line.startswith("✗")]
    assert all(re.match(r"✗ tables +tables\.yaml, line \d+: table ", line) for line in lines)
    assert any("table orders, column id: 'int' is not a type" in line for line in lines)
    assert any("table people: slize is not a known name" in line for line in lines)
    assert "Traceback" not in output.out + output.err


# Names and values that a terminal or rich would interpret.

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


# The dashboard.


def test_the_dashboard_of_an_own_database(own: Own) -> None:
    output = command("dashboard")
    assert output.code == 2
    assert "The dashboard shows only the company's tables" in output.err
    assert "which builds it" not in output.err


def test_doctor_discover_prints_one_json_document(own: Own) -> None:
    own.change("CREATE TABLE more (id INTEGER PRIMARY KEY)")
    output = command("doctor", "--discover", "--json")
    assert output.code == 1
    assert {finding["ok"] for finding in json.loads(output.out)} == {True}


# A failing table never stops another one.


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
    assert "raw/orders: contract" in output.err
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


# What the doctor says.


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


# Personal data in the names of slices.


def test_slices_are_not_named_after_people(make: type[Own], tmp_path: Path) -> None:
    own = make(
        tmp_path,
        "CREATE TABLE v (id INTEGER PRIMARY KEY, birth_date DATE NOT NULL, r INTEGER);"
        "INSERT INTO v VALUES (1, '1980-01-07', 1)",
    )
    assert command("doctor", "--discover").code == 0
    own.edit(("slice: null", "slice: {column: birth_date, grain: day}"))
    output = command("sync")
    assert output.code == 2
    assert (
        "table v: slice column birth_date holds personal data (birth_date), and reports show the names of slices:"
        " choose another column" in output.err
    )


def test_discovery_proposes_no_slices_that_name_people(make: type[Own], tmp_path: Path) -> None:
    own = make(
        tmp_path,
        "CREATE TABLE v (id INTEGER PRIMARY KEY, birth_date DATE NOT NULL, posted_at DATETIME NOT NULL)",
    )
    own.change(
        "INSERT INTO v WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 120000)"
        " SELECT x, '1980-01-07', '2024-01-01' FROM n"
    )
    assert command("doctor", "--discover").code == 0
    assert "slice: {column: posted_at" in own.file.read_text()


# What a proof does not cover.


def test_what_the_source_says_of_its_reading_is_in_every_report(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        SqliteSnapshot, "notes", lambda _, table: (f"{table.name} is proven in part.",)
    )
    for words in (["sync"], ["verify"], ["verify", "--level", "counts"], ["repair"]):
        said = command(*words)
        assert said.code == 0
        assert sorted(_warnings(said)) == [
            "warning: orders is proven in part.",
            "warning: people is proven in part.",
        ], words
        reports = command(*words, "--json").json
        assert {each["table"]: each["warnings"] for each in reports} == {
            "orders": ["orders is proven in part."],
            "people": ["people is proven in part."],
        }, words
