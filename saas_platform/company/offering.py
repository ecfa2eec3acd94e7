"""What the company sells: plans with their list prices over time, and features with release dates.

Contains: the price list and the rows of `plans` and `features`. Out of scope: promo codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

import numpy as np

from saas_platform.clock import Month
from saas_platform.company.columns import Array
from saas_platform.company.parameters import PriceList
from saas_platform.company.rendering import Versions
from saas_platform.company.timestamps import epoch_seconds
from saas_platform.schema import vocabulary as v


def plan_id(tier: Array, yearly: Array | int) -> Array:
    """Return the key of the plan for a tier and a billing interval."""
    return 1 + 2 * np.asarray(tier) + np.asarray(yearly)


def tier_of(plan: Array) -> Array:
    """Return the tier of each plan key."""
    return (plan - 1) // 2


def is_yearly(plan: Array) -> Array:
    """Return whether each plan key is that of an annual plan."""
    return (plan - 1) % 2 == 1


@dataclass(frozen=True)
class Feature:
    """A feature of the product.

    `weight` is its share of the use, `release` its release date in months after the company's start.
    """

    code: str
    name: str
    category: str
    weight: float
    release: int = 0
    is_key: bool = False


FEATURES = (
    Feature("create_project", "Create a project", "core", 0.16, is_key=True),
    Feature("edit_task", "Edit a task", "core", 0.22),
    Feature("search", "Search", "core", 0.10),
    Feature("comment", "Comment", "collaboration", 0.12),
    Feature("share_board", "Share a board", "collaboration", 0.07),
    Feature("mention", "Mention a colleague", "collaboration", 0.06),
    Feature("dashboard", "Dashboard", "reporting", 0.08),
    Feature("export_report", "Export a report", "reporting", 0.04),
    Feature("chat_integration", "Chat integration", "integration", 0.05),
    Feature("api_call", "API call", "integration", 0.03),
    Feature("manage_users", "Manage users", "administration", 0.03),
    Feature("audit_log", "Audit log", "administration", 0.01),
    Feature("automation", "Automation rules", "core", 0.06, release=5),
    Feature("forecast_view", "Forecast view", "reporting", 0.03, release=11),
    Feature("writing_assistant", "Writing assistant", "core", 0.07, release=17),
)


class Offering:
    """The price list and the features of a company, which starts in a given month."""

    def __init__(self, prices: PriceList, start: Month) -> None:
        self._prices = prices
        self._dates = [epoch_seconds(start.start)]
        monthly = [np.array(prices.monthly, np.int64)]
        for change in prices.changes:
            self._dates.append(epoch_seconds(datetime.combine(change.on, time())))
            changed = monthly[-1] * (100 + change.percent) // 100
            # Round to whole units of money, or to whole cents below ten units.
            monthly.append(np.where(changed >= 1000, (changed + 50) // 100 * 100, changed))
        self._monthly = np.array(monthly)
        self.released_at = np.array([epoch_seconds(start.plus(f.release).start) for f in FEATURES])

    def price_list(self, timestamps: Array) -> Array:
        """Return the number of the price list in force at each timestamp, counted from 0."""
        return np.searchsorted(np.array(self._dates), timestamps, side="right") - 1

    def seat_price(self, plan: Array, price_list: Array) -> Array:
        """Return the list price of a seat for one billing interval, in cents."""
        monthly = self._monthly[price_list, tier_of(plan)]
        return np.where(is_yearly(plan), monthly * self._prices.year, monthly)

    def plan_rows(self) -> Versions:
        """Return every version of every plan."""
        tiers, yearly, lists = (
            grid.ravel()
            for grid in np.meshgrid(
                np.arange(len(v.TIERS)), np.arange(2), np.arange(len(self._dates)), indexing="ij"
            )
        )
        plan = plan_id(tiers, yearly)
        return Versions(
            key=plan,
            updated_at=np.array(self._dates)[lists],
            values={
                "plan_id": plan,
                "code": np.array(
                    [
                        f"{v.TIERS[t]}_{('monthly', 'yearly')[y]}"
                        for t, y in zip(tiers, yearly, strict=True)
                    ]
                ),
                "name": np.array(
                    [
                        f"{self._prices.names[t]}, {('monthly', 'yearly')[y]}"
                        for t, y in zip(tiers, yearly, strict=True)
                    ]
                ),
                "tier": np.array(v.TIERS)[tiers],
                "billing_interval": np.array(v.BILLING_INTERVALS)[yearly],
                "seat_price_cents": self.seat_price(plan, lists),
                "trial_days": np.full(len(plan), self._prices.trial_days),
                "created_at": np.full(len(plan), self._dates[0]),
            },
        )

    def feature_rows(self) -> Versions:
        """Return every feature, each from its release on."""
        return Versions(
            key=np.arange(1, len(FEATURES) + 1),
            updated_at=self.released_at,
            values={
                "feature_id": np.arange(1, len(FEATURES) + 1),
                "code": np.array([f.code for f in FEATURES]),
                "name": np.array([f.name for f in FEATURES]),
                "category": np.array([f.category for f in FEATURES]),
                "is_key": np.array([f.is_key for f in FEATURES]),
                "released_at": self.released_at,
                "created_at": self.released_at,
            },
        )
