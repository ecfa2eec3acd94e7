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
