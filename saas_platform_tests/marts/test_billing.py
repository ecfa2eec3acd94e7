"""Tests failed payments, receivables, revenue, and promotions against their holdout."""

from __future__ import annotations

from decimal import Decimal

import pytest

from saas_platform_tests.marts.conftest import Marts


def _month(marts: Marts, mart: str, month: str) -> dict:
    return marts.row(f"SELECT * FROM {mart} WHERE month = '{month}-01'")


def test_recovered_is_paid_within_30_days_of_the_first_failure(marts: Marts) -> None:
    february, march = (_month(marts, "billing_health", m) for m in ("2025-02", "2025-03"))
    assert (february["first_failures"], february["recovered_failures"]) == (1, 1)
    assert (march["first_failures"], march["recovered_failures"]) == (1, 0)
    # The retry that succeeded in March is one of its three attempts.
    assert (march["attempted_charges"], march["failed_charges"]) == (3, 2)
    assert march["decline_rate"] == pytest.approx(2 / 3)


def test_recovery_is_shown_once_it_has_matured(marts: Marts) -> None:
    assert _month(marts, "billing_health", "2025-11")["recovered_failures"] is not None
    assert _month(marts, "billing_health", "2025-12")["recovered_failures"] is None


def test_receivables_end_with_payment_or_write_off(marts: Marts) -> None:
    february, march, april = (
        _month(marts, "billing_health", m) for m in ("2025-02", "2025-03", "2025-04")
    )
    assert (february["billings"], february["receivables"]) == (120, 120)
    assert february["dso_days"] == 28
    assert (march["billings"], march["receivables"]) == (100, 100)
    assert april["receivables"] == 0
    assert april["dso_days"] is None


def test_refunds_reduce_revenue_without_their_tax(marts: Marts) -> None:
    """A refund of 12.00 on an invoice of 100.00 plus 20 % tax reduces revenue by 10.00."""
    march = _month(marts, "revenue_monthly", "2025-03")
    assert (march["refunds"], march["cash_refunded"]) == (10, 12)
    assert march["net_invoiced"] == 100
    assert march["net_revenue"] == 90
    assert march["cash_collected"] == 120


def test_write_offs_reduce_revenue_when_they_happen(marts: Marts) -> None:
    april = _month(marts, "revenue_monthly", "2025-04")
    assert (april["written_off"], april["net_revenue"]) == (100, -100)


def test_recognised_revenue_spreads_to_the_cent(marts: Marts) -> None:
    """A year from 10 January for 100.00 after discount is recognised, except for the nine days of 2026."""
    rows = marts.rows(
        "SELECT month, amount FROM int_revenue_recognised WHERE invoice_id = 90101 ORDER BY month"
    )
    assert len(rows) == 12
    assert rows[0]["amount"] == Decimal("6.03"), "22 of 365 days"
    assert sum(row["amount"] for row in rows) == Decimal("97.53"), "356 of 365 days"


def test_promotion_against_holdout(marts: Marts) -> None:
    row = marts.row("SELECT * FROM promo_performance")
    assert (row["treated_accounts"], row["holdout_accounts"]) == (4, 2)
    assert row["redeemed_accounts"] == 1
    assert (row["treated_converted"], row["holdout_converted"]) == (2, 1), "one bought too late"
    assert row["conversion_difference"] == 0
    half_width = 1.96 * (0.25 / 4 + 0.25 / 2) ** 0.5
    assert row["conversion_difference_high"] == pytest.approx(half_width)
    assert row["conversion_difference_low"] == pytest.approx(-half_width)
    assert (row["treated_matured"], row["retention_12m_difference"]) == (0, None)
    # One account paid 60.00 plus tax.
    assert row["treated_net_revenue"] == 60
    assert row["treated_net_revenue_per_account"] == 15
    assert row["holdout_net_revenue_per_account"] == 0
    # One of four accounts paid 60, so the variance is 900. The variance of the holdout is 0.
    assert row["net_revenue_difference"] == 15
    assert row["net_revenue_difference_high"] == Decimal("44.40"), "15 + 1.96 x sqrt(900 / 4)"
    assert row["net_revenue_difference_low"] == Decimal("-14.40")
