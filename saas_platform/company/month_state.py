"""The state of one month, to which the steps of the simulator write while they run.

Contains: the records of changes, invoices and redemptions, and each account's access in the month.
Out of scope: every decision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saas_platform.company.billing import Charge, plan_invoices
from saas_platform.company.columns import Array
from saas_platform.company.offering import Offering
from saas_platform.company.parameters import Parameters
from saas_platform.company.randomness import Dice
from saas_platform.company.state import (
    CHANGE,
    NONE,
    Accounts,
    Invoices,
    Latent,
    Redemptions,
    Subscriptions,
)
from saas_platform.company.timestamps import NEVER, Span


class MonthState:
    """Working state and records of a month.

    Args:
        dice: the random numbers.
        parameters: the company's parameters.
        span: the month.
        offering: the company's price list.
        accounts: all accounts, including the month's signups.
        latent: their latent state.
    """

    def __init__(
        self,
        dice: Dice,
        parameters: Parameters,
        span: Span,
        offering: Offering,
        accounts: Accounts,
        latent: Latent,
    ) -> None:
        self.dice = dice
        self.parameters = parameters
        self.span = span
        self.offering = offering
        self.accounts = accounts
        self.latent = latent
        self.changes: list[Subscriptions] = []
        self.invoices: list[Invoices] = []
        self.redemptions: list[Redemptions] = []
        size = len(accounts)
        self.access_from = np.where(latent.has_access, span.start, NEVER)
        self.access_until = np.full(size, span.end)
        self.leaving_from = np.full(size, NEVER)
        self.is_trial = np.zeros(size, np.bool_)
        self.seats_cut_at = np.full(size, NEVER)
        self.seats_paid = np.zeros(size, np.int64)
        self.seats_paid_from = np.full(size, NEVER)

    def record(
        self, subs: Subscriptions, index: Array, at: Array, change: str | None, **values: Any
    ) -> None:
        """Change columns of the subscriptions at `index` and record their state from `at` on.

        Args:
            subs: the subscriptions, changed in place.
            index: positions of the subscriptions that change.
            at: when each of them changes.
            change: kind of the commercial change; None means that the change is not a commercial one.
            **values: the new values, by column.
        """
        for name, value in values.items():
            getattr(subs, name)[index] = value
        subs.updated_at[index] = at
        subs.change[index] = NONE if change is None else CHANGE[change]
        if change is not None:
            subs.change_no[index] += 1
        self.changes.append(subs.take(index))

    def bill(self, subs: Subscriptions, index: Array, charge: Charge) -> None:
        """Issue invoices to the subscriptions at `index` (see `plan_invoices`)."""
        dunning = self.parameters.dunning
        self.invoices.append(plan_invoices(self.dice, dunning, subs, index, charge))

    def agreed_price(self, account: Array, plan: Array, at: Array) -> Array:
        """Return the price of a seat for one billing interval that each account gets at `at`, in cents."""
        listed = self.offering.seat_price(plan, self.offering.price_list(at))
        return listed * (100 - self.accounts.negotiated_percent[account]) // 100

    def grant_access(self, account: Array, at: Array) -> None:
        """Record that accounts have access from `at` on."""
        self.access_from[account] = at

    def end_access(self, account: Array, at: Array) -> None:
        """Record that accounts have no access from `at` on."""
        self.access_until[account] = at
