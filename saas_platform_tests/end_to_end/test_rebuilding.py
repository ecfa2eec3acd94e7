"""Rebuilding the marts by month: after any change of raw, a partial build equals a full refresh."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from saas_platform.dbt_runner import project
from saas_platform.dbt_runner.target import MartsTarget
from saas_platform.platform import Platform
from saas_platform.refresh.mart_months import Rebuild, rebuild, record_marts
from saas_platform.refresh.staleness import stale_products
from saas_platform_tests import drawing
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.rows import by_hand


def picked(table: str, column: str, where: str = "1 = 1") -> str:
    """Return SQL for the value of a random row."""
    rows = f"FROM {table} WHERE {where}"
    return (
        f"(SELECT {column} {rows} ORDER BY {column} LIMIT 1"
        f" OFFSET chance() % (SELECT max(count(*), 1) {rows}))"
    )


#: Edits that a person may make in the source, in any month. Timestamps are copied from other rows. So rows move
#: months ahead and back, even before the month they were entered in and before the rows they belong to.
EDITS = (
    f"""INSERT INTO usage_events (event_id, occurred_at, account_id, user_id, event_type, feature_id)
        SELECT (SELECT max(event_id) + 1 FROM usage_events), {picked("usage_events", "occurred_at")},
            account_id, user_id, 'feature_use', {picked("features", "feature_id")}
        FROM users WHERE user_id = {picked("users", "user_id")}""",
    f"""DELETE FROM usage_events
        WHERE substr(occurred_at, 1, 10) = substr({picked("usage_events", "occurred_at")}, 1, 10)""",
    f"""UPDATE accounts SET segment = {picked("accounts", "segment")}
        WHERE account_id = {picked("accounts", "account_id")}""",
    f"""UPDATE accounts SET signed_up_at = {picked("accounts", "signed_up_at")}
        WHERE account_id = {picked("accounts", "account_id")}""",
    f"""UPDATE subscriptions SET account_id = {picked("accounts", "account_id")}
        WHERE subscription_id = {picked("subscriptions", "subscription_id")}""",
    f"""UPDATE subscriptions SET cancellation_kind = CASE cancellation_kind
            WHEN 'voluntary' THEN 'involuntary' ELSE 'voluntary' END
        WHERE subscription_id = {picked("subscriptions", "subscription_id", "cancellation_kind IS NOT NULL")}""",
    f"""UPDATE subscription_changes AS c SET effective_at = (
            SELECT p.effective_at FROM subscription_changes p
            WHERE p.subscription_id = c.subscription_id AND p.change_no = c.change_no - 1)
        WHERE change_id = {picked("subscription_changes", "change_id", "change_no > 1")}""",
    f"""UPDATE subscription_changes SET seats = seats + 1
        WHERE change_id = {picked("subscription_changes", "change_id")}""",
    f"""DELETE FROM subscription_changes WHERE change_id = {
        picked("subscription_changes", "change_id", "change_no > 1")
    }""",
    f"""UPDATE invoices SET issued_at = {picked("invoices", "issued_at")}
        WHERE invoice_id = {picked("invoices", "invoice_id")}""",
    f"""UPDATE invoices SET subtotal_cents = subtotal_cents + 100, total_cents = total_cents + 100
        WHERE invoice_id = {picked("invoices", "invoice_id")}""",
    f"DELETE FROM payments WHERE payment_id = {picked('payments', 'payment_id')}",
    f"""UPDATE payments SET attempted_at = {picked("payments", "attempted_at")}
        WHERE payment_id = {picked("payments", "payment_id")}""",
    f"DELETE FROM support_tickets WHERE ticket_id = {picked('support_tickets', 'ticket_id')}",
    f"""UPDATE support_tickets SET opened_at = {picked("support_tickets", "opened_at")}
        WHERE ticket_id = {picked("support_tickets", "ticket_id")}""",
    f"""UPDATE promo_redemptions SET redeemed_at = {picked("promo_redemptions", "assigned_at")}
        WHERE promo_redemption_id = {
        picked("promo_redemptions", "promo_redemption_id", "redeemed_at IS NOT NULL")
    }""",
    f"""UPDATE users SET device = {picked("users", "device")}
        WHERE user_id = {picked("users", "user_id")}""",
)


#: A plan that is created after the clock of the small company.
NEW_PLAN = """SELECT 99, 'new', 'New', tier, billing_interval, seat_price_cents, trial_days,
    '2024-07-20 00:00:00.000000', '2024-07-20 00:00:00.000000', 0 FROM plans WHERE plan_id = 1"""


@pytest.fixture
def platform(home: Path) -> Platform:
    return Platform.load()


def edit(home: Path, *statements: str, chance: random.Random | None = None) -> None:
    # Edits may break the rules of the business. The marts must follow them all the same.
    with by_hand(home / "source.db", checked=False) as connection:
        draw = (chance or drawing.chance()).randrange
        connection.create_function("chance", 0, lambda: draw(1_000_000_000))
        for statement in statements:
            connection.execute(statement)
    assert command("sync").code == 0


def build(platform: Platform, warehouse: Path, touched: Mapping[str, str] | None) -> None:
    """Build all models without their tests, because the edits break rules that hold in a company."""
    folders = platform.home.dbt / "target", platform.home.dbt / "logs"
    project.run(
        MartsTarget.duckdb(warehouse).rebuilding(touched),
        ["run", *project.options(platform.as_of, *folders), *project.refresh(touched)],
    )


def build_touched(platform: Platform, home: Path) -> Rebuild:
    """Build what must be rebuilt, as the asset does."""
    needed = rebuild(platform)
    build(platform, home / "warehouse.duckdb", needed.months)
    record_marts(platform, needed)
    return needed


def assert_equals_full_refresh(platform: Platform, home: Path, tmp_path: Path) -> None:
    """Check that every table of the marts has the same rows as after a full refresh."""
    full = tmp_path / "full_refresh" / "warehouse.duckdb"
    full.parent.mkdir(exist_ok=True)
    shutil.copy(home / "warehouse.duckdb", full)
    build(platform, full, None)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"ATTACH '{full}' AS full_refresh (READ_ONLY)")
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'full_refresh'"
            " AND schema_name = 'marts' AND NOT starts_with(table_name, '_')"
        ).fetchall()
        assert len(names) > 25
        differing = {}
        for (name,) in names:
            ours, theirs = f"FROM marts.{name}", f"FROM full_refresh.marts.{name}"
            rows = connection.execute(
                f"(SELECT 'extra', * {ours} EXCEPT ALL SELECT 'extra', * {theirs})"
                f" UNION ALL (SELECT 'missing', * {theirs} EXCEPT ALL SELECT 'missing', * {ours})"
                " LIMIT 4"
            ).fetchall()
            if rows:
                differing[name] = rows
    assert not differing


@pytest.mark.draws
@pytest.mark.slow
def test_manual_edits_in_any_month_give_the_same_as_a_full_refresh(
    platform: Platform, home: Path, tmp_path: Path
) -> None:
    chance = drawing.chance()
    for edits in (3, len(EDITS), 6) * drawing.examples(1):
        edit(home, *chance.sample(EDITS, edits), chance=chance)
        built = build_touched(platform, home)
        assert built.months is not None, built.reason
        assert_equals_full_refresh(platform, home, tmp_path)


@pytest.mark.slow
def test_months_before_the_first_touched_one_are_left_alone(platform: Platform, home: Path) -> None:
    edit(home, "DELETE FROM usage_events WHERE occurred_at >= '2024-07-10'")
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("UPDATE marts.fct_usage_daily SET events = events + 1000")
    built = build_touched(platform, home)
    assert built.months == {"as_of": "2024-07-01", "usage_events": "2024-07-01"}
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        marked = connection.execute(
            "SELECT DISTINCT strftime(usage_date, '%Y-%m'), events >= 1000"
            " FROM marts.fct_usage_daily ORDER BY 1"
        ).fetchall()
    assert marked == [(f"2024-0{month}", month < 7) for month in range(1, 8)]


@pytest.mark.slow
def test_a_later_clock_rebuilds_from_its_previous_month(
    platform: Platform, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAAS_AS_OF", "2024-08-20")
    later = Platform.load()
    assert command("run", "--select", "raw").code == 0
    assert build_touched(later, home).months is not None
    assert_equals_full_refresh(later, home, tmp_path)


@pytest.mark.slow
def test_changes_without_a_first_month_give_a_full_refresh_and_a_reason(
    platform: Platform, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = rebuild(platform)
    assert built.months == {"as_of": "2024-07-01"}

    edit(home, f"INSERT INTO plans {NEW_PLAN}")
    assert rebuild(platform).months == {"as_of": "2024-07-01"}
    record_marts(platform, rebuild(platform))

    for statement, reason in {
        "UPDATE plans SET tier = 'other' WHERE plan_id = 1": "plans has changed",
        "DELETE FROM plans WHERE plan_id = 99": "rows of plans were deleted",
        "UPDATE accounts SET signed_up_at = '2020-01-01 00:00:00.000000' WHERE account_id ="
        " (SELECT min(account_id) FROM accounts)": "the month of the first signup has changed",
        "UPDATE _source SET identity = 'another'": "was fully reloaded",
    }.items():
        edit(home, statement)
        found = rebuild(platform)
        assert found.months is None, statement
        assert reason in found.reason
        record_marts(platform, found)

    unknown = rebuild(platform, {"marts/dim_plan": "is missing"})
    assert (unknown.months, unknown.reason) == (None, "marts/dim_plan is missing")
    monkeypatch.setenv("SAAS_AS_OF", "2024-06-01")
    assert "as_of went back" in rebuild(Platform.load()).reason
    platform.warehouse.drop()


@pytest.mark.slow
def test_building_some_marts_does_not_mark_all_as_built(platform: Platform, home: Path) -> None:
    edit(home, "DELETE FROM usage_events WHERE occurred_at >= '2024-07-10'")
    before = rebuild(platform)
    assert command("run", "--select", "marts/dim_plan").code == 0
    stale = stale_products(platform)
    assert "marts/fct_usage_daily" in stale
    assert "marts/dim_plan" not in stale
    assert rebuild(platform).months == before.months
