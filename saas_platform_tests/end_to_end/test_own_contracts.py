"""A table that stops leaves the checks of the tables that reference it standing, in Dagster too."""

from __future__ import annotations

import dagster as dg
import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.contracts import CONTRACT
from saas_platform.platform import Platform
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own

pytestmark = pytest.mark.slow

SQL = """
CREATE TABLE city (id INTEGER PRIMARY KEY, people INTEGER);
CREATE TABLE shop (id INTEGER PRIMARY KEY, city_id INTEGER REFERENCES city, name TEXT);
CREATE TABLE staff (id INTEGER PRIMARY KEY, shop_id INTEGER REFERENCES shop);
INSERT INTO city VALUES (1, 100), (2, 200);
INSERT INTO shop VALUES (1, 1, 'one'), (2, 2, 'two'), (3, NULL, 'three');
INSERT INTO staff VALUES (1, 1), (2, 9);
"""


def contracts() -> dict[str, dg.AssetCheckEvaluation]:
    """Run the job of the sensor, and return the results of the contracts."""
    job = build_definitions(Platform.load()).resolve_job_def("refresh")
    result = job.execute_in_process(raise_on_error=False)
    found = [each for each in result.get_asset_check_evaluations() if each.check_name == CONTRACT]
    return {each.asset_key.path[-1]: each for each in found}


def test_a_stopped_table_stops_its_own_contract_alone(make: type[Own], tmp_path: object) -> None:
    own = make(tmp_path, SQL)  # type: ignore[arg-type]
    assert command("doctor", "--discover").code == 0
    found = contracts()
    assert {name: each.passed for name, each in found.items()} == {
        "city": True,
        "shop": True,
        "staff": False,
    }
    # A row of the child whose parent is new, while the parent's table stops.
    own.change(
        "INSERT INTO city VALUES (3, 300); INSERT INTO shop VALUES (4, 3, 'four');"
        " UPDATE city SET people = 'many' WHERE id = 2; UPDATE staff SET shop_id = 4 WHERE id = 2"
    )
    found = contracts()
    assert found.keys() == {"shop", "staff"}
    shop, staff = found["shop"], found["staff"]
    assert not shop.passed
    assert shop.severity == dg.AssetCheckSeverity.WARN
    assert "References to city were not checked" in (shop.description or "")
    assert "foreign_key" not in (shop.description or "")
    assert shop.metadata["references_not_checked"].value == ["city"]
    assert staff.passed
    own.change("UPDATE city SET people = 5 WHERE id = 2")
    assert all(each.passed for each in contracts().values())


def test_the_first_load_of_a_parent_may_stop(make: type[Own], tmp_path: object) -> None:
    own = make(tmp_path, SQL)  # type: ignore[arg-type]
    assert command("doctor", "--discover").code == 0
    own.change("UPDATE city SET people = 'many' WHERE id = 2")
    found = contracts()
    assert found.keys() == {"shop", "staff"}
    assert "References to city were not checked" in (found["shop"].description or "")
    assert "shop_id_foreign_key: broken by 1" in (found["staff"].description or "")
