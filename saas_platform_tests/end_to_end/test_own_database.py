"""The user's own database with the commands from the docs: discover, run, prove and watch."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.names import asset_names
from saas_platform.defs.resources import resources_of
from saas_platform.platform import Platform
from saas_platform.settings import Settings
from saas_platform_tests.end_to_end.command_line import Output, command
from saas_platform_tests.sync.own_databases import DATABASES, execute, make

pytestmark = pytest.mark.slow


class Own:
    """A home next to a database. Calling it runs a command on the home."""

    def __init__(self, folder: Path, sql: str) -> None:
        self.path = make(folder / "own.db", sql)
        self.home = folder / "home"

    def __call__(self, *words: str) -> Output:
        return command(*words)

    def platform(self) -> Platform:
        settings = Settings(
            _env_file=None,
            home=self.home,
            source_url=f"sqlite:///{self.path}",
            synthetic=False,
        )
        return Platform(settings)


@pytest.fixture(params=["music shop", "trading house"])
def own(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Own:
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    return Own(tmp_path, DATABASES[request.param])


def test_discover_run_change_run(own: Own) -> None:
    first = own("run")
    assert first.code == 2
    assert "write it with `saas-platform doctor --discover`" in first.error_text
    assert own("doctor", "--discover").code == 0
    done = own("run", "--json")
    assert done.code == 0, done.err
    tables = done.json["tables"]
    assert {table["verdict"] for table in tables} == {"proven"}
    assert all(table["rows_source"] == table["rows_raw"] for table in tables)
    assert own("verify", "--level", "rows").code == 0

    changed = tables[0]["table"]
    execute(own.path, f'DELETE FROM "{changed}" WHERE rowid = 1')
    verified = own("verify", changed)
    assert verified.code == 1
    assert "extra" in verified.out
    assert own("run").code == 0
    assert own("verify", "--level", "rows").code == 0
    assert own("reset", "--yes").code == 0
    assert (own.home / "tables.yaml").exists()
    assert own.path.exists()


def test_a_wrong_file_is_reported_and_kept(own: Own) -> None:
    own("doctor", "--discover")
    (own.home / "tables.yaml").write_text("tables: {nothing: {key: [], columns: {}}}")
    for words in (["doctor", "--discover", "--yes"], ["run"]):
        wrong = own(*words)
        assert wrong.code == 2
        assert (
            "tables.yaml, line 1: table nothing: columns: it must not be empty" in wrong.error_text
        )
        assert "Traceback" not in wrong.err
    assert "nothing: {key" in (own.home / "tables.yaml").read_text()


def test_definitions_contain_only_the_mirror(own: Own) -> None:
    own("doctor", "--discover")
    platform = own.platform()
    definitions = build_definitions(platform)
    groups = {spec.group_name for spec in definitions.resolve_all_asset_specs()}
    assert groups == {"raw"}
    assert {*(definitions.resources or {})} == {
        "source",
        "warehouse",
        "clock",
        "bookkeeping",
        "work",
    }
    names = asset_names(platform.tables)
    assert len(names) == len(platform.tables)
    assert definitions.resolve_job_def("refresh")
    sensor = definitions.resolve_sensor_def("source_changed")

    def asks() -> bool:
        with dg.build_sensor_context(
            resources=resources_of(platform), definitions=definitions
        ) as context:
            return bool(sensor.evaluate_tick(context).run_requests)

    # A database that was never synced is a reason to run. After that only digests show a change, and the
    # schedule compares them, not the sensor.
    assert asks()
    assert own("run").code == 0
    assert not asks()
    assert definitions.resolve_schedule_def("hourly_refresh")
