"""Compute users, trials and promotions a second time, from docs/metrics.md and the raw tables only.

Contains: signups, activation, active users, the trial funnel, and promotions against their holdout. Out of
scope: accounts, MRR and bills (recomputed.py). Like recomputed.py, this module shares neither code nor method
with the models.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from math import sqrt
from statistics import variance

import pandas as pd

from saas_platform.clock import Month
from saas_platform_tests.marts.recomputed import ZERO, Account, Metrics, ratio, to_the_cent

#: How long after signup a key event still counts, and how long after an offer a purchase still counts.
ACTIVATION, CONVERSION = timedelta(days=7), timedelta(days=30)
#: Half the width of a 95 % interval, in standard errors.
Z = 1.96

TrialCohort = tuple[Month, bool]


class Growth:
    """The metrics of a company's users, trials and promotions."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._raw = metrics.raw
        self._as_of = metrics.as_of

    @cached_property
    def _accounts(self) -> dict[int, Account]:
        return {account.key: account for account in self._metrics.accounts}

    @cached_property
    def _events(self) -> list[dict]:
        return self._raw("usage_events").to_dict("records")

    @cached_property
    def _activated(self) -> set[int]:
        features = self._raw("features")
        keys = set(features[features["is_key"]]["feature_id"])
        return {
            event["account_id"]
            for event in self._events
            if event["feature_id"] in keys
            and event["occurred_at"] < self._accounts[event["account_id"]].signed_up_at + ACTIVATION
        }

    @cached_property
    def _users_of_day(self) -> dict[date, set[int]]:
        days: dict[date, set[int]] = defaultdict(set)
        for event in self._events:
            if not pd.isna(event["user_id"]):
                days[event["occurred_at"].date()].add(event["user_id"])
        return days

    def _active(self, day: date, window: int) -> int:
        """Count the distinct users in a window of days that ends with `day`."""
        days = (day - timedelta(days=back) for back in range(window))
        return len(set().union(*(self._users_of_day.get(one, set()) for one in days)))

    def _signed_up(self, day: date) -> list[Account]:
        return [a for a in self._accounts.values() if a.signed_up_at.date() == day]

    def _is_matured(self, day: date) -> bool:
        """Return whether even the last signup of the day has had its full activation period."""
        return day + timedelta(days=1) + ACTIVATION <= self._as_of.date()

    def day(self, day: date) -> dict:
        signups = self._signed_up(day)
        activated = sum(account.key in self._activated for account in signups)
        return {
            "signups": len(signups),
            "activated_signups": activated if self._is_matured(day) else None,
            "dau": self._active(day, 1),
            "wau": self._active(day, 7),
            "mau": self._active(day, 28),
        }

    def month(self, month: Month) -> dict:
        end = min(month.end, self._as_of)
        days = [month.start.date() + timedelta(days=n) for n in range((end - month.start).days)]
        matured = [a for day in days if self._is_matured(day) for a in self._signed_up(day)]
        activated = sum(account.key in self._activated for account in matured)
        mean_dau = sum(self._active(day, 1) for day in days) / len(days)
        mau = self._active(days[-1], 28)
        return {
            "signups": sum(len(self._signed_up(day)) for day in days),
            "activated_signups": activated,
            "activation_rate": ratio(activated, len(matured)),
            "mean_dau": mean_dau,
            "mau": mau,
            "stickiness": mean_dau / mau if mau else None,
        }

    def trials(self) -> dict[TrialCohort, dict]:
        """Return the figures of each cohort in which every trial has ended, by its history."""
        statuses = defaultdict(list)
        changes = self._raw("subscription_changes").sort_values("change_no")
        for change in changes.to_dict("records"):
            statuses[change["subscription_id"]].append(change["status"])
        cohorts: dict[TrialCohort, list[dict]] = defaultdict(list)
        for row in self._raw("subscriptions").to_dict("records"):
            if not pd.isna(row["trial_started_at"]):
                cohort = Month.of(row["trial_started_at"]), bool(row["trial_with_card"])
                cohorts[cohort].append(row)
        found = {}
        for (month, with_card), rows in cohorts.items():
            of_each = [statuses[row["subscription_id"]] for row in rows]
            is_decided = all(one[-1] != "trialing" for one in of_each)
            has_ended = all(row["trial_ends_at"] < self._as_of for row in rows)
            if is_decided and has_ended and month.end <= self._as_of:
                converted = sum("active" in one for one in of_each)
                found[month, with_card] = {
                    "trials": len(rows),
                    "converted_trials": converted,
                    "expired_trials": len(rows) - converted,
                    "conversion_rate": converted / len(rows),
                }
        return found

    @cached_property
    def _purchases(self) -> dict[int, list[datetime]]:
        """For each account, when each of its subscriptions was first paid for."""
        rows = self._raw("subscriptions").dropna(subset=["activated_at"])
        grouped = rows.groupby("account_id")["activated_at"].agg(list)
        return {int(str(key)): found for key, found in grouped.items()}

    @cached_property
    def _paid(self) -> dict[int, list[tuple[datetime, Decimal]]]:
        """For each account, its payments without tax. Refunds are negative."""
        owners = self._raw("subscriptions")[["subscription_id", "account_id"]]
        invoices = self._raw("invoices")[["invoice_id", "subscription_id"]]
        payments = self._metrics.payments.merge(invoices.merge(owners), on="invoice_id")
        found = defaultdict(list)
        for row in payments[payments["status"] == "succeeded"].to_dict("records"):
            net = Metrics.without_tax(row)
            signed = -net if row["kind"] == "refund" else net
            found[row["account_id"]].append((row["attempted_at"], signed))
        return found

    def promotion(self, code: dict) -> dict:
        """Return the figures of a promo code.

        An offer counts once its conversion period is over, and for retention once its year is over.
        """
        offers = self._raw("promo_redemptions")
        offers = offers[offers["promo_code_id"] == code["promo_code_id"]]
        offers = offers[offers["assigned_at"] + CONVERSION <= self._as_of]
        sells = code["kind"] == "acquisition"
        rows: dict = {"redeemed_accounts": int(offers["redeemed_at"].notna().sum())}
        arms = {
            arm: self._arm(offers[offers["arm"] == arm], sells) for arm in ("treated", "holdout")
        }
        for arm, (columns, _) in arms.items():
            rows |= {f"{arm}_{name}": value for name, value in columns.items()}
        for name, rate, size in (
            ("conversion", "conversion_rate", "accounts"),
            ("retention_12m", "retention_12m", "matured"),
        ):
            rates = [arms[arm][0][rate] for arm in arms]
            sizes = [arms[arm][0][size] for arm in arms]
            rows |= _interval(name, rates, [r and r * (1 - r) for r in rates], sizes)
        means = [arms[arm][0]["net_revenue_per_account"] for arm in arms]
        sizes = [arms[arm][0]["accounts"] for arm in arms]
        return rows | _interval("net_revenue", means, [arms[arm][1] for arm in arms], sizes)

    def _arm(self, offers: pd.DataFrame, sells: bool) -> tuple[dict, float | None]:
        """Return the columns of an arm, and the variance of its net revenue."""
        converted = matured = retained = 0
        revenues = []
        for row in offers.to_dict("records"):
            account, at = row["account_id"], row["assigned_at"]
            bought = [
                timestamp for timestamp in self._purchases.get(account, []) if timestamp >= at
            ]
            converted += any(timestamp < at + CONVERSION for timestamp in bought)
            anniversary = at + pd.DateOffset(months=12)
            if anniversary < self._as_of:
                matured += 1
                retained += self._accounts[account].is_customer(anniversary)
            revenues.append(sum((net for when, net in self._paid[account] if when >= at), ZERO))
        columns = {
            "accounts": len(offers),
            "converted": converted if sells else None,
            "conversion_rate": ratio(converted, len(offers)) if sells else None,
            "matured": matured,
            "retained": retained,
            "retention_12m": ratio(retained, matured),
            "net_revenue": sum(revenues, ZERO),
            "net_revenue_per_account": (
                to_the_cent(sum(revenues, ZERO) / len(revenues)) if revenues else None
            ),
        }
        return columns, variance(map(float, revenues)) if len(revenues) > 1 else None


def _interval(name: str, means: list, variances: list, sizes: list[int]) -> dict:
    """Return treated minus holdout with its 95 % interval. A part for which an arm has no value is None."""
    names = [f"{name}_difference", f"{name}_difference_low", f"{name}_difference_high"]
    if None in means:
        return dict.fromkeys(names)
    difference = means[0] - means[1]
    if None in variances:
        return dict(zip(names, (difference, None, None), strict=True))
    half = Z * sqrt(sum(v / n for v, n in zip(variances, sizes, strict=True)))
    ends = (float(difference) - half, float(difference) + half)
    return dict(zip(names, (difference, *ends), strict=True))
