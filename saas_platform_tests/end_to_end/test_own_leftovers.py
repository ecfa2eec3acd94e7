"""Test on the command line that tables missing from tables.yaml are reported, and their mirrors dropped on demand."""

from __future__ import annotations

import re

import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own, warnings_in


@pytest.mark.slow
def test_a_table_missing_from_the_file_is_reported_once(own: Own) -> None:
    assert command("sync").code == 0
    own.change("CREATE TABLE more (id INTEGER PRIMARY KEY)")
    output = command("sync")
    assert output.code == 0
    (warning,) = warnings_in(output)
    assert "more of the source is not mirrored, because tables.yaml does not name it" in warning
    assert "skip: [more]" in warning
    doctor = command("doctor")
    assert doctor.code == 0
    assert "! tables     more of the source is not mirrored" in doctor.out
    own.file.write_text("skip: [more]\n" + own.file.read_text())
    assert warnings_in(command("sync")) == []
    assert "more" not in command("doctor").out


def test_a_column_left_out_on_purpose_gives_no_warning(own: Own) -> None:
    own.edit(("    key: [id]", "    skip: [amount]\n    key: [id]"))
    own.file.write_text(re.sub(r"      amount: .*\n", "", own.file.read_text()))
    output = command("sync")
    assert output.code == 0, output.err
    assert warnings_in(output) == []
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
    (warning,) = warnings_in(output)
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
    assert warnings_in(command("sync")) == []


def test_one_of_two_mirrors_with_the_same_name_can_be_dropped(own: Own) -> None:
    assert command("sync").code == 0
    own.edit(("    key: [id]", "    key: [id]\n    schema: shop"))
    output = command("sync")
    (warning,) = warnings_in(output)
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
