"""The whole chain with one command: the first run, later runs, and runs after something went wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

# Dagster has no public way to ask for what the UI shows.
from dagster._core.loader import LoadingContextForTest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.instance import open_instance
from saas_platform.platform import Platform
from saas_platform.schema import TABLES
from saas_platform.storage.home import Home
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.conftest import FirstRun
from saas_platform_tests.rows import by_hand


def test_the_first_run_fills_and_proves_everything(home: Path, first_run: FirstRun) -> None:
    summary = first_run.output.json
    tables = {table["table"]: table for table in summary["tables"]}
    assert list(tables) == list(TABLES)
    for table in tables.values():
        assert table["verdict"] == "proven"
        assert table["rows_source"] == table["rows_raw"]
        assert table["slices_checked"] == table["slices_total"]
    assert tables["usage_events"]["rows_raw"] > 1_000
    assert summary["did"] == ["source: 7 months to generate and write (2024-01 to 2024-07)"]
    assert set(summary["work_seconds"]) == {
        "synthetic", "source", "raw", "marts", "models", "dashboards",
    }  # fmt: skip
    assert summary["seconds"] >= summary["dagster_seconds"] > 0
    assert Path(summary["dashboard"]) == home / "dashboard" / "index.html"


def test_the_ui_sees_the_finished_run(home: Path, first_run: FirstRun) -> None:
    with open_instance(Home(home)) as instance:
        (run,) = instance.get_runs()
        assert run.run_id == first_run.output.json["run_id"]
        assert run.status == dg.DagsterRunStatus.SUCCESS
        months = instance.get_materialized_partitions(dg.AssetKey(["source", "accounts"]))
        assert months == {f"2024-{month:02d}-01" for month in range(1, 8)}


def of_each_month(instance: dg.DagsterInstance, *key: str) -> dict[str, dict[str, object]]:
    """Return the newest metadata of each partition of an asset."""
    found: dict[str, dict[str, object]] = {}
    records = instance.fetch_materializations(dg.AssetKey([*key]), limit=100).records
    for record in reversed(records):
        assert record.partition_key is not None
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        found[record.partition_key[:7]] = {name: each.value for name, each in metadata.items()}
    return found


def test_each_month_has_its_own_rows_and_digest(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        wanted = dict(
            connection.execute(
                "SELECT strftime(occurred_at, '%Y-%m'), count(*) FROM raw.usage_events GROUP BY ALL"
            ).fetchall()
        )
    with open_instance(Home(home)) as instance:
        events = of_each_month(instance, "raw", "usage_events")
        assert {month: each["dagster/row_count"] for month, each in events.items()} == wanted
        assert len({each["digest"] for each in events.values()}) == len(wanted) == 7
        assert [month for month, each in events.items() if "rows_by_month" in each] == ["2024-07"]
        for group in ("synthetic", "source"):
            months = of_each_month(instance, group, "accounts")
            for month, each in months.items():
                path = home / "staging" / "synthetic" / "accounts" / f"{month}.parquet"
                assert each["dagster/row_count"] == pq.read_metadata(path).num_rows
                assert each["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()


def fully_proven(home: Path) -> dict[str, str]:
    """Return the tables of which the UI shows that every slice was proven, each with what the check says."""
    found = {}
    with open_instance(Home(home)) as instance:
        for name in TABLES:
            key = dg.AssetCheckKey(dg.AssetKey(["raw", name]), "every_slice_equals_source")
            (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            assert record.status.value == "SUCCEEDED", name
            # The UI calls a check "not evaluated" if the table was materialised after it.
            of_newest = record.targets_latest_materialization(LoadingContextForTest(instance))
            if asyncio.run(of_newest):
                assert record.event is not None
                evaluation = record.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
                found[name] = str(evaluation.description)
    return found


def test_a_first_load_that_proved_every_slice_is_seen_as_that(home: Path) -> None:
    assert fully_proven(home).keys() == TABLES.keys()


@pytest.mark.slow
def test_a_proof_of_every_slice_stands_until_something_is_copied(home: Path) -> None:
    with by_hand(home / "source.db") as connection:
        connection.execute("DELETE FROM support_tickets")
    assert command("run", "--select", "raw").code == 0
    proven = fully_proven(home)
    assert proven.keys() == TABLES.keys() - {"support_tickets"}
    assert "This sync found nothing to copy since" in proven["users"]
    # Somebody has changed the mirror, which a sync can't see, and a proof has found it.
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("UPDATE raw.users SET full_name = 'x'")
    assert command("verify", "users").code == 1
    assert command("run", "--select", "raw").code == 1
    assert fully_proven(home).keys() == TABLES.keys() - {"support_tickets", "users"}
    assert command("verify", "--level", "rows", "support_tickets").code == 0
    assert command("run", "--select", "raw/support_tickets").code == 1
    assert "equal by rows" in fully_proven(home)["support_tickets"]


@pytest.mark.slow
def test_a_part_of_the_chain_ends_well_on_a_new_home(
    tmp_path: Path, settings_of: Callable[[Path], None]
) -> None:
    settings_of(tmp_path / "new")
    output = command("run", "--select", "synthetic")
    assert output.code == 0
    assert "What was selected is done." in output.error_text
    assert "holds no company yet" in output.error_text


def test_a_run_without_months_is_refused_before_anything_is_recorded(
    home: Path,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            build_definitions(Platform.load())
            .resolve_job_def("company_month")
            .execute_in_process(instance=instance, raise_on_error=False)
        )
        assert not result.success
        (failure,) = [e for e in result.all_events if e.is_step_failure]
        data = failure.step_failure_data.user_failure_data
        assert data is not None
        assert "This run has no partition" in (data.description or "")
        keys = [dg.AssetKey([group, name]) for group in ("synthetic", "source") for name in TABLES]
        assert all(instance.get_latest_materialization_event(key) is None for key in keys)


def test_the_ui_sees_every_check_passed(home: Path) -> None:
    with open_instance(Home(home)) as instance:
        (run,) = instance.get_runs()
        records = instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
    checks = {
        (check.asset_key.to_user_string(), check.check_name): check.passed
        for check in (
            record.event_log_entry.get_dagster_event().asset_check_evaluation_data
            for record in records
        )
    }
    assert all(checks.values())
    assert {(f"raw/{name}", "equals_source") for name in TABLES} <= set(checks)
    assert {(f"raw/{name}", "contract_holds") for name in TABLES} <= set(checks)
    assert ("synthetic/truth", "dirt_found") in checks
    assert ("models/churn_evaluation", "beats_base_rate") in checks
    assert ("marts/dim_plan", "tier_is_known") in checks
    assert ("marts/fct_mrr_movements", "mrr_adds_up_by_account_and_month") in checks
    assert sum(asset.startswith("marts/") for asset, _ in checks) > 50
    assert not any(check == "every_slice_equals_source" for _, check in checks)


def test_every_asset_reports_rows_seconds_and_a_digest(home: Path) -> None:
    with open_instance(Home(home)) as instance:
        assets = {
            key.to_user_string(): instance.get_latest_materialization_event(key)
            for key in instance.get_asset_keys()
        }
    assert {name.split("/")[0] for name in assets} == {
        "synthetic", "source", "raw", "marts", "models", "dashboards",
    }  # fmt: skip
    for name, event in assets.items():
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert metadata["digest"].value, name
        assert "seconds" in metadata or "seconds_of_run" in metadata, name
        # A fitted model has no rows, and the page shows those of others.
        without = {"models/churn_model", "dashboards/page"}
        assert ("dagster/row_count" in metadata) is (name not in without), name
        assert "dagster/column_lineage" in metadata or not name.startswith("marts/"), name
    evaluated = assets["models/churn_evaluation"]
    assert evaluated is not None
    assert evaluated.asset_materialization is not None
    assert "calibration_plot" in evaluated.asset_materialization.metadata


def test_the_source_got_exactly_what_was_written(home: Path) -> None:
    with open_instance(Home(home)) as instance:
        for name in TABLES:
            written, given = (
                instance.get_latest_materialization_event(dg.AssetKey([group, name]))
                for group in ("synthetic", "source")
            )
            assert written is not None
            assert given is not None
            assert written.asset_materialization is not None
            assert given.asset_materialization is not None
            assert (
                written.asset_materialization.metadata["digest"]
                == given.asset_materialization.metadata["digest"]
            )


def test_a_second_run_reports_that_there_is_nothing_to_do(home: Path) -> None:
    output = command("run")
    assert output.code == 0
    assert "nothing to do" in output.err
    assert "proven" in output.out


@pytest.mark.slow
def test_a_row_changed_by_hand_reaches_raw_and_the_page(home: Path) -> None:
    with by_hand(home / "source.db") as connection:
        connection.execute("UPDATE accounts SET industry = 'public' WHERE account_id = 2401000001")
    output = command("run", "--json")
    assert output.code == 0
    assert output.json["did"] == ["raw: 1 table to sync: accounts (rows changed)"]
    assert set(output.json["work_seconds"]) == {"raw", "marts", "models", "dashboards"}
    assert command("verify").code == 0


@pytest.mark.slow
def test_a_deleted_warehouse_is_noticed_and_rebuilt(home: Path) -> None:
    (home / "warehouse.duckdb").unlink()
    output = command("run", "--json")
    assert output.code == 0
    assert "never synced" in output.json["did"][0]
    assert {table["verdict"] for table in output.json["tables"]} == {"proven"}


@pytest.mark.slow
def test_a_later_clock_continues_the_company(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {
        table["table"]: table["rows_raw"] for table in command("run", "--json").json["tables"]
    }
    monkeypatch.setenv("SAAS_AS_OF", "2024-08-02")
    output = command("run", "--json")
    assert output.code == 0, output.err
    assert output.json["did"] == ["source: 2 months to generate and write (2024-07 to 2024-08)"]
    after = {table["table"]: table["rows_raw"] for table in output.json["tables"]}
    assert after["usage_events"] > before["usage_events"]
    assert command("verify").code == 0


@pytest.mark.slow
def test_only_months_up_to_through_are_written(
    tmp_path: Path, settings_of: Callable[[Path], None]
) -> None:
    settings_of(tmp_path / "fresh")
    output = command(
        "run", "--through", "2024-02", "--select", "source", "--select", "synthetic", "--json"
    )
    assert output.code == 0, output.err
    output = command("run", "--through", "2024-02", "--select", "raw", "--json")
    assert output.code == 0, output.err
    tables = {table["table"]: table for table in output.json["tables"]}
    assert tables["accounts"]["rows_raw"] == tables["accounts"]["rows_source"] > 0


def test_selecting_one_table_of_a_group_runs_the_group_and_reports_it(home: Path) -> None:
    output = command("run", "--select", "source/accounts")
    assert output.code == 0
    assert (
        "source/accounts is built together with its group, so all of source runs"
        in output.error_text
    )


@pytest.mark.slow
def test_what_a_selection_leaves_stale_is_named(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("DROP TABLE marts.mrr_monthly")
    output = command("run", "--select", "models/churn_scores")
    assert output.code == 0
    assert "Still stale: marts/mrr_monthly, " in output.error_text
    assert "Run `saas-platform run`" in output.error_text
    assert "Still stale" not in command("run", "--select", "marts", "--select", "dashboards").err


@pytest.mark.slow
def test_a_group_of_the_ui_can_be_selected(home: Path) -> None:
    output = command("run", "--select", "reports", "--json")
    assert output.code == 0, output.err
    assert "Still stale" not in output.err
    assert "the groups are synthetic," in command("run", "--select", "report").error_text


@pytest.mark.slow
def test_raw_without_a_company_is_refused_in_one_sentence(
    tmp_path: Path, settings_of: Callable[[Path], None]
) -> None:
    settings_of(tmp_path / "new")
    output = command("run", "--select", "raw")
    assert output.code == 2
    assert "holds no company yet" in output.error_text
    assert "raw/accounts" not in output.err


@pytest.mark.slow
def test_tables_that_were_never_synced_have_no_row(home: Path) -> None:
    (home / "warehouse.duckdb").unlink()
    output = command("run", "--select", "raw/plans")
    assert output.code == 0
    assert "Not synced yet: promo_codes, features," in " ".join(output.out.split())
    assert "- of -" not in output.out
    assert "Still stale: raw/promo_codes," in output.error_text


def test_sync_works_without_a_run(home: Path) -> None:
    with by_hand(home / "source.db") as connection:
        connection.execute("DELETE FROM support_tickets")
    output = command("sync", "--json")
    assert output.code == 0
    reports = {report["table"]: report for report in output.json}
    assert reports["support_tickets"]["rows_deleted"] > 0
    assert reports["support_tickets"]["proof"]["rows_mirror"] == 0
    assert command("verify", "support_tickets").code == 0
