"""Monthly MRR and movements computed once more, from METRICS.md and the raw tables alone.

It shares no code and no method with the models: plain Python, one account at a time, with
nothing summed up in steps. It must agree with the marts to the cent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest

from saas_platform.clock import Month
from saas_platform_tests.marts.conftest import AS_OF, Marts

CENT = Decimal("0.01")
PAUSE = timedelta(days=90)


def _raw(marts: Marts, table: str) -> pd.DataFrame:
    return pd.DataFrame(marts.rows(f"SELECT * FROM raw.{table}"))


class Subscription:
    """The history of a subscription: its state at any moment."""

    def __init__(self, changes: pd.DataFrame, months_of_plan: dict[int, int]) -> None:
        self._changes = changes.sort_values("change_no").to_dict("records")
        self._months_of_plan = months_of_plan

    def moments(self) -> Iterator[datetime]:
        """When something may have changed, the end of a long pause included."""
        for change in self._changes:
            yield change["effective_at"]
        for start in self._pause_starts():
            yield start + PAUSE

    def _pause_starts(self) -> list[datetime]:
        pairs = zip([{"status": ""}, *self._changes], self._changes, strict=False)
        return [
            after["effective_at"]
            for before, after in pairs
            if after["status"] == "paused" and before["status"] != "paused"
        ]

    def at(self, moment: datetime) -> tuple[Decimal, bool]:
        """MRR, and whether it is alive."""
        past = [change for change in self._changes if change["effective_at"] <= moment]
        if not past:
            return Decimal(0), False
        state = past[-1]
        if state["status"] == "paused":
            start = max(s for s in self._pause_starts() if s <= moment)
            return Decimal(0), moment < start + PAUSE
        if state["status"] not in ("active", "past_due"):
            return Decimal(0), False
        dollars = (
            Decimal(state["seats"])
            * Decimal(state["unit_price_cents"])
            * (100 - Decimal(state["discount_percent"]))
            / 100
            / 100
            / self._months_of_plan[state["plan_id"]]
        )
        return dollars.quantize(CENT, ROUND_HALF_UP), True


def _subscriptions(marts: Marts) -> dict[int, list[Subscription]]:
    plans = _raw(marts, "plans")
    months = {
        plan.plan_id: 12 if plan.billing_interval == "year" else 1 for plan in plans.itertuples()
    }
    accounts = _raw(marts, "subscriptions").set_index("subscription_id")["account_id"]
    found: dict[int, list[Subscription]] = defaultdict(list)
    for key, changes in _raw(marts, "subscription_changes").groupby("subscription_id"):
        found[int(accounts[key])].append(Subscription(changes, months))
    return found


def _movements(subscriptions: list[Subscription]) -> Iterator[tuple[datetime, str, Decimal]]:
    mrr, is_customer, was_customer = Decimal(0), False, False
    for moment in sorted({m for s in subscriptions for m in s.moments() if m < AS_OF}):
        states = [s.at(moment) for s in subscriptions]
        now, alive = sum((m for m, _ in states), Decimal(0)), any(a for _, a in states)
        if not is_customer and now > 0:
            yield moment, "reactivation" if was_customer else "new", now
            is_customer = was_customer = True
        elif is_customer and not alive:
            yield moment, "churn", -mrr
            is_customer = False
        elif is_customer and now != mrr:
            yield moment, "expansion" if now > mrr else "contraction", now - mrr
        mrr = now


@pytest.fixture(params=["marts", "simulated"])
def built(request: pytest.FixtureRequest) -> Marts:
    return request.getfixturevalue(request.param)


def test_the_ledger_agrees(built: Marts) -> None:
    expected = {
        (account, moment, kind, amount)
        for account, subscriptions in _subscriptions(built).items()
        for moment, kind, amount in _movements(subscriptions)
    }
    rows = built.rows("SELECT account_id, occurred_at, movement, amount FROM fct_mrr_movements")
    assert {tuple(row.values()) for row in rows} == expected
    assert len(rows) == len(expected)


def test_every_month_end_agrees(built: Marts) -> None:
    subscriptions = _subscriptions(built)
    wrong = []
    for row in built.rows("SELECT account_id, month, closing_mrr FROM account_months"):
        last = Month.of(row["month"]).end - timedelta(microseconds=1)
        expected = sum((s.at(last)[0] for s in subscriptions[row["account_id"]]), Decimal(0))
        if expected != row["closing_mrr"]:
            wrong.append((row, expected))
    assert not wrong


def test_the_company_agrees(built: Marts) -> None:
    every = [s for subscriptions in _subscriptions(built).values() for s in subscriptions]
    for row in built.rows("SELECT month, closing_mrr FROM mrr_monthly"):
        last = Month.of(row["month"]).end - timedelta(microseconds=1)
        assert sum((s.at(last)[0] for s in every), Decimal(0)) == row["closing_mrr"]


def test_active_users_agree(simulated: Marts) -> None:
    """Distinct users of the trailing days, counted day by day."""
    days: dict = defaultdict(set)
    for row in simulated.rows(
        "SELECT DISTINCT CAST(occurred_at AS DATE) AS day, user_id FROM raw.usage_events"
        " WHERE user_id IS NOT NULL"
    ):
        days[row["day"]].add(row["user_id"])
    for row in simulated.rows("SELECT date_day, dau, wau, mau FROM user_growth_daily"):
        for window, measure in ((1, "dau"), (7, "wau"), (28, "mau")):
            active = set().union(
                *(days[row["date_day"] - timedelta(days=back)] for back in range(window))
            )
            assert row[measure] == len(active), (row["date_day"], measure)
