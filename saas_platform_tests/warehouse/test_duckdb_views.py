"""Test that a view in the place of a mirror is named, and stays until its owner drops it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from saas_platform.cli.reset import reset_mirrors
from saas_platform.platform import Platform
from saas_platform.warehouse.interface import WarehouseError
from saas_platform_tests.judge.own import Own

SENTENCE = (
    "raw.Z z of the warehouse is a view, and the mirror must be a table: drop the view in DuckDB with"
    ' `DROP VIEW "raw"."Z z"`, then run `saas-platform sync`, which loads the table again.'
)


def test_a_view_in_the_place_of_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Own(
        tmp_path,
        'CREATE TABLE "Z z" (id INTEGER PRIMARY KEY, v); INSERT INTO "Z z" VALUES (1, 2);'
        "CREATE TABLE other (id INTEGER PRIMARY KEY)",
    )
    own.sync()
    own.in_mirror('ALTER TABLE raw."Z z" RENAME TO z2')
    own.in_mirror('CREATE VIEW raw."Z z" AS SELECT * FROM raw.z2')
    for reports in (own.sync(), own.repair()):
        assert reports["Z z"].error == SENTENCE
        assert reports["other"].succeeded
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{own.path}")
    monkeypatch.setenv("SAAS_HOME", str(tmp_path))
    with pytest.raises(WarehouseError) as caught:
        reset_mirrors(Platform.load(), ["Z z"])
    assert str(caught.value) == SENTENCE
    with duckdb.connect(str(own.warehouse.path)) as connection:
        assert connection.execute('SELECT id, v FROM raw."Z z"').fetchall() == [(1, 2)]
    # The remedy helps.
    own.in_mirror(SENTENCE.split("`")[1])
    assert own.judged() == []
    own.in_mirror("SELECT * FROM raw.z2")
