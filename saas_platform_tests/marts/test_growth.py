"""Tests active users, activation, and the features that are known at a month's end."""

from __future__ import annotations

from datetime import date, datetime

from saas_platform_tests.marts import hand_written
from saas_platform_tests.marts.conftest import Marts


def test_windows_count_each_user_once(marts: Marts) -> None:
    """One user is active on the 3rd and the 8th, another on the 8th. The erased user never counts."""
    rows = marts.rows(
        "SELECT * FROM user_growth_daily WHERE month = '2025-10-01' ORDER BY date_day"
    )
    found = {row["date_day"].day: (row["dau"], row["wau"], row["mau"]) for row in rows}
    assert found[2] == (0, 0, 0)
    assert found[3] == (1, 1, 1)
    assert found[8] == (2, 2, 2)
    assert found[14] == (0, 2, 2)
    assert found[15] == (0, 0, 2)
    assert found[30] == (0, 0, 2)


def test_a_window_ends_in_the_next_month(marts: Marts) -> None:
    rows = marts.rows(
        "SELECT * FROM user_growth_daily WHERE month = '2025-11-01' ORDER BY date_day"
    )
    assert [row["mau"] for row in rows[:5]] == [2, 2, 2, 2, 0]


def test_stickiness(marts: Marts) -> None:
    row = marts.row("SELECT * FROM user_growth_monthly WHERE month = '2025-10-01'")
    assert row["mean_dau"] == 3 / 31
    assert row["mau"] == 2
    assert row["stickiness"] == 3 / 31 / 2


def test_activation_is_the_key_event_within_7_days(marts: Marts) -> None:
    account = marts.row(
        f"SELECT activated_at FROM dim_account WHERE account_id = {hand_written.USERS}"
    )
    assert account["activated_at"] == datetime(2025, 10, 3, 10)
    month = marts.row("SELECT * FROM user_growth_monthly WHERE month = '2025-10-01'")
    assert (month["signups"], month["activated_signups"], month["activation_rate"]) == (1, 1, 1)


def test_features_know_only_the_time_before_the_month_end(marts: Marts) -> None:
    row = marts.row(
        f"SELECT * FROM account_month_features WHERE account_id = {hand_written.USERS}"
        " AND month = '2025-10-01'"
    )
    assert row["tenure_months"] == 0
    # The last 28 days begin on 4 October. The erased user's event still counts as an event.
    assert (row["active_users_7d"], row["active_users_28d"]) == (0, 2)
    assert (row["events_30d"], row["events_previous_30d"]) == (5, 0)
    assert row["events_ratio"] is None
    assert row["features_used_28d"] == 1
    assert row["days_since_last_login"] == 24, "from 8 October to 1 November"
    assert (row["tickets_30d"], row["complaints_90d"]) == (1, 1)


def test_the_label_is_churn_in_the_next_month(marts: Marts) -> None:
    rows = marts.rows(
        "SELECT month, churned_next_month, churn_kind FROM account_month_features"
        f" WHERE account_id = {hand_written.ROUND_TRIP} ORDER BY month"
    )
    labels = {row["month"]: (row["churned_next_month"], row["churn_kind"]) for row in rows}
    assert labels[date(2025, 1, 1)] == (False, None)
    assert labels[date(2025, 2, 1)] == (True, "voluntary")
    assert date(2025, 3, 1) not in labels, "it does not pay at the end of March"
    assert labels[date(2025, 11, 1)] == (False, None)
    assert labels[date(2025, 12, 1)] == (None, None), "January 2026 is not over"


def test_a_return_within_the_month_is_no_churn(marts: Marts) -> None:
    row = marts.row(
        "SELECT churned_next_month FROM account_month_features"
        f" WHERE account_id = {hand_written.LEFT_AND_BACK_IN_A_MONTH} AND month = '2025-06-01'"
    )
    assert row["churned_next_month"] is False


def test_renewal_and_failures_as_known_then(marts: Marts) -> None:
    annual = marts.row(
        "SELECT months_to_renewal, billing_interval FROM account_month_features"
        f" WHERE account_id = {hand_written.ANNUAL} AND month = '2025-10-01'"
    )
    assert (annual["months_to_renewal"], annual["billing_interval"]) == (3, "year")
    past_due = marts.row(
        "SELECT is_past_due, failed_payments_60d FROM account_month_features"
        f" WHERE account_id = {hand_written.INVOLUNTARY} AND month = '2025-03-01'"
    )
    assert (past_due["is_past_due"], past_due["failed_payments_60d"]) == (True, 2)
