"""Test on the command line how the personal data in a user's own database is found, masked, hashed and proven."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import SHOP, Own, warnings_in


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
    assert warnings_in(output) == []
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


def test_a_row_without_a_key_is_named_by_other_values_and_no_personal_one_is_shown(
    make: type[Own], tmp_path: Path
) -> None:
    own = make(
        tmp_path,
        "CREATE TABLE visits (mail TEXT, at DATETIME, raw BLOB, page TEXT, seconds INTEGER, referrer TEXT);"
        "INSERT INTO visits VALUES ('ada@example.org', '2024-01-01', x'00', '/home', 5, NULL);",
    )
    assert command("doctor", "--discover").code == 0
    assert command("sync").code == 0
    own.change(
        "INSERT INTO visits VALUES ('eve@example.org', '2024-01-02', x'00', '/buy', 'many', 'x')"
    )
    output = command("sync")
    assert (
        "visits.seconds of the source holds 'many' in the row with at 2024-01-02, page /buy, referrer x,"
        " which is not a whole number" in output.error_text
    )
    own.change("UPDATE visits SET seconds = 1, mail = x'05' WHERE seconds = 'many'")
    output = command("sync")
    assert (
        "visits.mail of the source holds a value in the row with at 2024-01-02" in output.error_text
    )
    assert "example.org" not in output.out + output.err


def test_a_value_is_hidden_where_only_the_type_kept_the_column_from_being_marked(
    make: type[Own], tmp_path: Path
) -> None:
    """Nobody marks a whole number called `email`; SQLite stores an address there all the same."""
    own = make(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, email INTEGER, hits INTEGER);")
    assert command("doctor", "--discover").code == 0
    own.change("INSERT INTO t VALUES (7, 'ada@example.org', 1)")
    output = command("sync")
    assert "t.email of the source holds a value in the row with id 7" in output.error_text
    assert "example.org" not in output.out + output.err
    own.change("UPDATE t SET email = 1, hits = 'none'")
    assert "t.hits of the source holds 'none' in the row with id 7" in command("sync").error_text
