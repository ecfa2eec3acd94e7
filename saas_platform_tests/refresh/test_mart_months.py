"""Which months of the marts are rebuilt after a change of raw. The marts themselves are not built here."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from saas_platform.platform import Platform
from saas_platform.refresh.mart_months import Rebuild, rebuild, record_marts
from saas_platform.schema import TABLES
from saas_platform.settings import Settings
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform_tests.rows import by_hand, populate

#: The views of the marts that the touched months follow from, of a company in which nothing takes effect earlier.
VIEWS = """
CREATE SCHEMA IF NOT EXISTS marts;
CREATE TABLE marts.int_backdated_rows (table_name VARCHAR, created_month DATE, first_effect_month DATE);
CREATE TABLE marts.int_subscription_drift (first_effect_month DATE);
"""


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """A platform whose marts count as built from raw, which has a row for each of 80 days."""
    made = Platform(
        Settings(_env_file=None, home=tmp_path / "home", start="2024-01", as_of=date(2024, 4, 10))
    )
    assert isinstance(made.source, SqliteSource)
    made.home.root.mkdir()
    made.source.create_schema()
    populate(made.source.path, 80)
    _sync(made)
    in_warehouse(made, VIEWS)
    record_marts(made, rebuild(made))
    return made


def _sync(platform: Platform) -> None:
    reports = sync(platform.source, platform.warehouse, list(TABLES.values()))
    assert all(report.succeeded for report in reports)


def in_warehouse(platform: Platform, sql: str) -> None:
    with duckdb.connect(str(platform.home.root / "warehouse.duckdb")) as connection:
        connection.execute(sql)


def after(platform: Platform, sql: str) -> Rebuild:
    """Return what must be rebuilt after a change of the source."""
    assert isinstance(platform.source, SqliteSource)
    with by_hand(platform.source.path, checked=False) as connection:
        connection.executescript(sql)
    _sync(platform)
    return rebuild(platform)


def test_without_a_change_only_the_month_of_the_last_build_is_rebuilt(platform: Platform) -> None:
    assert rebuild(platform).months == {"as_of": "2024-04-01"}


def test_the_first_touched_month_counts(platform: Platform) -> None:
    found = after(
        platform, "UPDATE invoices SET total_cents = total_cents + 1 WHERE invoice_id IN (40, 70)"
    )
    assert found.months == {"as_of": "2024-04-01", "invoices": "2024-02-01"}


def test_a_row_may_take_effect_in_an_earlier_month(platform: Platform) -> None:
    in_warehouse(
        platform,
        "INSERT INTO marts.int_backdated_rows VALUES ('invoices', '2024-03-01', '2024-01-01')",
    )
    found = after(
        platform, "UPDATE invoices SET total_cents = total_cents + 1 WHERE invoice_id = 70"
    )
    assert found.months == {"as_of": "2024-04-01", "invoices": "2024-01-01"}


def test_a_changed_row_of_a_table_without_slices_asks_for_every_month(platform: Platform) -> None:
    found = after(platform, "UPDATE features SET name = 'other' WHERE feature_id = 3")
    assert (found.months, found.reason) == (None, "features has changed")


def test_a_new_row_of_a_table_without_slices_touches_no_month(platform: Platform) -> None:
    """Only rows that are loaded with it can refer to it."""
    found = after(
        platform,
        "CREATE TEMP TABLE new AS SELECT * FROM features WHERE feature_id = 3;"
        "UPDATE new SET feature_id = 999, code = 'new', name = 'new', created_at = '2024-04-20 00:00:00.000000';"
        "INSERT INTO features SELECT * FROM new",
    )
    assert found.months == {"as_of": "2024-04-01"}
