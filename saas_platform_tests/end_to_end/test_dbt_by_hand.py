"""Running dbt by hand in its project folder, without a variable, after a run of the platform."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from saas_platform.dbt_runner import PROJECT_DIR
from saas_platform.dbt_runner.project import options, run
from saas_platform.platform import Platform
from saas_platform.schema.slices import SliceDigest
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.warm_dbt import WarmDbt


@pytest.fixture
def clone(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is laid out as a clone: the project, and the home of a finished run in `.saas`."""
    root = tmp_path / "clone"
    shutil.copytree(PROJECT_DIR, root / "saas_platform" / "marts")
    home.rename(root / ".saas")
    monkeypatch.setenv("SAAS_HOME", str(root / ".saas"))
    return root


def dbt(clone: Path, *words: str, **variables: str) -> str:
    """Run dbt in the project's folder, with no other variable of dbt or the platform. Return its output."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DBT_", "SAAS_"))}
    with WarmDbt(
        [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *words],
        cwd=clone / "saas_platform" / "marts",
        env={**inherited, **variables},
    ).stdout as out:
        return out.read().decode()


def digests() -> dict[str, SliceDigest]:
    """Return the digest of every table and view of the marts."""
    warehouse = Platform.load().warehouse
    names = warehouse.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY 1"
    ).to_pylist()
    return warehouse.digest_tables("marts", [row["table_name"] for row in names])


def files(folder: Path) -> dict[str, bytes | None]:
    """Return the content of everything in a folder; None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def last_date(clone: Path) -> str:
    with duckdb.connect(str(clone / ".saas" / "warehouse.duckdb"), read_only=True) as connection:
        ((found,),) = connection.execute("SELECT max(date_day) FROM marts.dim_date").fetchall()
    return str(found)


@pytest.mark.slow
def test_the_clock_is_that_of_the_last_run_unless_one_is_given(clone: Path) -> None:
    before = files(clone / "saas_platform")
    later = '{"as_of": "2024-09-15"}'
    assert "ERROR=0" in dbt(clone, "build", "--select", "dim_date", "--vars", later)
    assert last_date(clone) == "2024-09-30"
    assert "ERROR=0" in dbt(clone, "build", "--select", "dim_date")
    assert last_date(clone) == "2024-07-31"
    # A file in the project would be code of the marts, so that a run would build them again.
    assert files(clone / "saas_platform") == before
    with duckdb.connect(str(clone / ".saas" / "warehouse.duckdb")) as connection:
        connection.execute("DROP TABLE marts._builds")
    assert "no complete build of the marts" in dbt(clone, "compile", "--select", "dim_date")


@pytest.mark.slow
def test_the_home_can_be_elsewhere(clone: Path) -> None:
    (clone / ".saas").rename(clone / "mine")
    for home in ("mine", str(clone / "mine")):
        out = dbt(clone, "show", "--inline", "select {{ as_of() }} as as_of", SAAS_HOME=home)
        assert "2024-07-15" in out
    assert (clone / "mine" / "dbt" / "by_hand" / "manifest.json").exists()


@pytest.mark.slow
def test_bigquery_asks_for_its_project(clone: Path) -> None:
    assert "SAAS_DBT_BIGQUERY_PROJECT" in dbt(clone, "parse", "--target", "bigquery")


@pytest.mark.slow
def test_bigquery_needs_its_project_alone_and_builds_all_months(clone: Path) -> None:
    out = dbt(clone, "parse", "--target", "bigquery", SAAS_DBT_BIGQUERY_PROJECT="acme")
    assert "Error" not in out
    manifest = json.loads((clone / ".saas" / "dbt" / "by_hand" / "manifest.json").read_text())
    config = manifest["nodes"]["model.saas_marts.fct_invoices"]["config"]
    # Partitions that were named without a clock could leave out some of the rows' months, and these would double.
    assert config["full_refresh"]
    assert "partitions" not in config


@pytest.mark.slow
def test_every_command_works_and_leaves_nothing_to_do(clone: Path) -> None:
    project, marts = files(clone / "saas_platform"), digests()
    for words in ("build", "test", "build --select +mrr_monthly --full-refresh"):
        out = dbt(clone, *words.split())
        assert "ERROR=0" in out
        assert "WARNING" not in out
    for words in ("parse", "compile", "docs generate"):
        assert "Error" not in dbt(clone, *words.split())
    assert digests() == marts
    assert files(clone / "saas_platform") == project
    assert command("run").err == "Everything is up to date: nothing to do.\n"


@pytest.mark.slow
def test_the_variables_of_a_shell_do_not_change_a_run(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DBT_PROFILE": "acme",
        "DBT_EMPTY": "true",
        "DBT_RESOURCE_TYPES": "test",
        "DBT_TARGET": "bigquery",
        "SAAS_DBT_DUCKDB_PATH": "nowhere.duckdb",
    }.items():
        monkeypatch.setenv(name, value)
    for cached in (home / "dbt").glob("manifest-*.json"):
        cached.unlink()
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("DELETE FROM marts.dim_plan")
    found = command("run", "--select", "marts/dim_plan")
    assert found.code == 0, found.err
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM marts.dim_plan").fetchall()
    assert rows > 0


@pytest.mark.slow
def test_dbt_waits_while_another_process_has_the_warehouse_open(home: Path) -> None:
    """A sensor of the platform opens it each minute; dbt itself would fail at its first attempt."""
    path = home / "warehouse.duckdb"
    holding = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(4)"
    platform = Platform.load()
    folders = platform.home.dbt / "target", platform.home.dbt / "logs"
    arguments = ["run", *options(platform.as_of, *folders), "--select", "dim_plan"]
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        (result,) = run(platform.marts_target, arguments).results
    assert result.status == "success"
