"""Tests invoices, payments and the health of accounts on the cases of hand_written.py."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from saas_platform_tests.marts import hand_written
from saas_platform_tests.marts.conftest import Marts


def test_an_invoice_is_settled_when_paid_or_written_off(marts: Marts) -> None:
    rows = marts.rows("SELECT account_id, net_amount, settled_at FROM fct_invoices ORDER BY 1")
    found = {row["account_id"]: (row["net_amount"], row["settled_at"]) for row in rows}
    assert found[hand_written.PAST_DUE_RECOVERED] == (100, datetime(2025, 3, 5))
    assert found[hand_written.INVOLUNTARY] == (100, datetime(2025, 4, 1))
    assert found[hand_written.PRORATED] == (Decimal("69.99"), datetime(2025, 1, 20))


def test_payments_have_a_net_amount_without_tax(marts: Marts) -> None:
    rows = marts.rows(
        "SELECT kind, status, amount, net_amount, failure_code FROM fct_payments"
        f" WHERE account_id = {hand_written.PAST_DUE_RECOVERED} ORDER BY attempted_at"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("charge", "failed", 120, 100, "card_declined"),
        ("charge", "succeeded", 120, 100, None),
        ("refund", "succeeded", 12, 10, None),
    ]


def test_health_deducts_points_for_each_sign(marts: Marts) -> None:
    row = marts.row(
        f"SELECT * FROM account_health WHERE account_id = {hand_written.INVOLUNTARY}"
        " AND month = '2025-03-01'"
    )
    # The account is past due and has never logged in.
    assert (row["is_late"], row["is_silent"], row["is_fading"]) == (True, True, False)
    assert (row["health_score"], row["health"]) == (40, "at_risk")
    assert row["churned_next_month"] is True


def test_the_latest_health_is_of_the_last_month(marts: Marts) -> None:
    rows = marts.rows("SELECT DISTINCT month FROM account_health WHERE is_latest")
    assert [row["month"] for row in rows] == [date(2025, 12, 1)]


@pytest.mark.slow
def test_worse_health_churns_more(simulated: Marts) -> None:
    row = simulated.row(
        "SELECT avg(CASE WHEN health = 'healthy' THEN CAST(churned_next_month AS INT) END) AS healthy,"
        " avg(CASE WHEN health <> 'healthy' THEN CAST(churned_next_month AS INT) END) AS others"
        " FROM account_health"
    )
    assert row["others"] > 2 * row["healthy"] > 0
