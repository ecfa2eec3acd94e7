"""Test the commands on a source without any table, which is another database than the one that was mirrored."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own

NOTHING = "The source has no tables: name another database in SAAS_SOURCE_URL."


@pytest.fixture(params=["0 bytes", "no table", "only a view"])
def empty(own: Own, request: pytest.FixtureRequest) -> Own:
    """A source that was mirrored, and is empty now."""
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    own.path.unlink()
    own.path.touch()
    if request.param != "0 bytes":
        with closing(sqlite3.connect(own.path, isolation_level=None)) as connection:
            connection.execute("CREATE VIEW v AS SELECT 1")
            if request.param == "no table":
                connection.execute("DROP VIEW v")
    return own


@pytest.mark.few
@pytest.mark.parametrize(
    "words", [["sync"], ["verify"], ["repair"], ["run"], ["doctor", "--discover"]], ids=" ".join
)
def test_every_command_says_it_once(empty: Own, words: list[str]) -> None:
    output = command(*words)
    assert output.code != 0
    assert output.error_text.endswith(f"error: {NOTHING}")
    assert "tables.yaml" not in output.error_text
    assert empty.raw("SELECT count(*) FROM raw.orders") == [(2,)]


def test_the_doctor_says_it_of_the_source(empty: Own) -> None:
    found = [each for each in command("doctor", "--json").json if not each["ok"]]
    assert [(each["name"], each["detail"], each["remedy"]) for each in found] == [
        ("source", "The source has no tables", "name another database in SAAS_SOURCE_URL.")
    ]
    assert empty.file.exists()
