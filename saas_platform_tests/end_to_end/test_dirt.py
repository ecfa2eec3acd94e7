"""A company with injected errors (dirt) in the whole chain: raw equals the source, and all errors are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import pytest

from saas_platform.company import dirt
from saas_platform.defs.instance import open_instance
from saas_platform.platform import Platform
from saas_platform.schema import TABLES
from saas_platform.storage.home import Home
from saas_platform_tests.end_to_end.command_line import Output, command
from saas_platform_tests.rows import by_hand

pytestmark = pytest.mark.slow

Results = dict[tuple[str, str], dg.AssetCheckEvaluation]


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Output]:
    """A home with eight months of a company with dirt, and the output of the run."""
    home = tmp_path_factory.mktemp("dirty") / "home"
    with pytest.MonkeyPatch.context() as patch:
        _set(patch, home)
        output = command("run", "--json")
    assert output.code == 0, output.err
    return home, output


def _set(patch: pytest.MonkeyPatch, home: Path) -> None:
    settings = {
        "SAAS_HOME": str(home),
        "SAAS_DIRT": "0.3",
        "SAAS_ACCOUNTS": "250",
        "SAAS_AS_OF": "2024-09-01",
    }
    for name, value in settings.items():
        patch.setenv(name, value)
    home.parent.mkdir(exist_ok=True)
    patch.chdir(home.parent)


@pytest.fixture
def home(dirty: tuple[Path, Output], monkeypatch: pytest.MonkeyPatch) -> Path:
    _set(monkeypatch, dirty[0])
    return dirty[0]


def results(home: Path) -> Results:
    """Return the checks of the newest run."""
    with open_instance(Home(home)) as instance:
        run = instance.get_runs(limit=1)[0]
        records = instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
    checks = [
        record.event_log_entry.get_dagster_event().asset_check_evaluation_data for record in records
    ]
    return {(check.asset_key.to_user_string(), check.check_name): check for check in checks}


def value(check: dg.AssetCheckEvaluation, name: str) -> Any:
    return check.metadata[name].value


def test_raw_equals_the_dirty_source_and_the_page_is_built(dirty: tuple[Path, Output]) -> None:
    summary = dirty[1].json
    assert [table["verdict"] for table in summary["tables"]] == ["proven"] * len(TABLES)
    assert Path(summary["dashboard"]).stat().st_size > 100_000
    figures = json.dumps(summary)
    assert "9007199254740993" not in figures


def test_all_injected_errors_are_found_and_nothing_else(home: Path) -> None:
    check = results(home)["synthetic/truth", "dirt_found"]
    assert check.passed, check.description
    assert value(check, "found_share") == dict.fromkeys(get_args(dirt.DirtKind), 1.0)
    assert value(check, "false_alarms") == 0
    assert value(check, "planted") == value(check, "found") > 50


def test_contracts_warn_of_suspicious_values_and_drop_nothing(home: Path) -> None:
    found = results(home)
    contracts = {name: found[f"raw/{name}", "contract_holds"] for name in TABLES}
    assert contracts["accounts"].severity == dg.AssetCheckSeverity.WARN
    assert not contracts["accounts"].passed
    assert value(contracts["accounts"], "offenders")["name_odd_unicode"] > 0
    assert contracts["plans"].passed
    others = [check for check in found.values() if not check.passed]
    assert {check.check_name for check in others} == {"contract_holds"}
    assert all(found[f"raw/{name}", "equals_source"].passed for name in TABLES)


def test_contract_results_hold_no_personal_data(home: Path) -> None:
    names = Platform.load().warehouse.query("SELECT full_name, email FROM raw.users").to_pylist()
    shown = repr([check.metadata for check in results(home).values()])
    assert not any(row["full_name"] in shown or row["email"] in shown for row in names)


def test_a_second_run_has_nothing_to_do(home: Path) -> None:
    output = command("run")
    assert output.code == 0
    assert "nothing to do" in output.err


def test_another_share_is_another_company(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_DIRT", "0.4")
    output = command("run")
    assert output.code == 2
    assert "holds another company" in output.error_text
    assert "or use another SAAS_HOME" in output.error_text


def test_the_score_changes_when_the_source_is_edited(home: Path) -> None:
    """An error that is corrected is missing from the score, and a new one is a false alarm.

    So the score is no tautology. This must be the last test that uses this home, because it edits the source.
    """
    with by_hand(home / "source.db") as connection:
        connection.execute("UPDATE accounts SET name = rtrim(name), domain = rtrim(domain)")
        connection.execute(
            "UPDATE plans SET name = name || ' ' WHERE plan_id = (SELECT min(plan_id) FROM plans)"
        )
    output = command("run", "--select", "synthetic/truth", "--select", "raw", "--json")
    assert output.code == 0, output.err
    check = results(home)["synthetic/truth", "dirt_found"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    shares = value(check, "found_share")
    assert shares["trailing_blank"] < 1.0
    assert {share for kind, share in shares.items() if kind != "trailing_blank"} == {1.0}
    assert value(check, "false_alarms") == 1


def test_a_clean_company_has_no_injected_errors_and_no_findings(clean_home: Path) -> None:
    check = results(clean_home)["synthetic/truth", "dirt_found"]
    assert check.passed
    assert check.description == "No error was injected; no false alarm."
