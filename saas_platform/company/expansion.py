"""Purchases within a period: more seats or a higher tier, prorated for the rest of the period.

Contains: this step of a month. Out of scope: what changes at a renewal (renewals.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.company.billing import Charge
from saas_platform.company.columns import Array
from saas_platform.company.month_state import MonthState
from saas_platform.company.offering import is_yearly, plan_id, tier_of
from saas_platform.company.outcomes import Outcomes
from saas_platform.company.state import NONE, STATUS, Subscriptions
from saas_platform.company.timestamps import DAY
from saas_platform.schema import vocabulary as v


@dataclass
class PlannedExpansions:
    """Which subscriptions buy more in the month, and when. Each array has an entry per subscription."""

    upgrades: Array
    grows: Array
    at: Array

    def among(self, mask: Array) -> PlannedExpansions:
        """Return only the expansions of the subscriptions in the mask."""
        return PlannedExpansions(self.upgrades & mask, self.grows & mask, self.at)


def plan_expansions(
    state: MonthState, subs: Subscriptions, outcomes: Outcomes
) -> PlannedExpansions:
    """Draw at the start of the month which subscriptions buy more in it, and when.

    Only subscriptions that pay without trouble all through the month buy more, and only at a time that
    is more than a day away from a renewal.
    """
    expansion, dice, span = state.parameters.expansion, state.dice, state.span
    key = subs.subscription_id
    at = span.start + dice.index(span.end - span.start, "more at", key, span.index)
    calm = (
        ((subs.status == STATUS["active"]) & ~subs.second)
        & ~(outcomes.cancels | outcomes.pauses | (outcomes.retries > 0))
        & (~outcomes.renews | (np.abs(at - outcomes.renewal_at) > DAY))
        # Within a day of the end of the period there is nothing left to prorate.
        & ((subs.period_end - at > DAY) | outcomes.renews)
    )
    well = np.exp(expansion.health * state.latent.health[subs.account])
    higher = np.round(expansion.upgrade * well, 9)
    young = 1.0 + expansion.early * np.exp(
        -(span.index - subs.first_month) / expansion.early_months
    )
    usual = np.array(expansion.seats)[state.accounts.segment[subs.account]]
    more = np.round(usual * well * young, 9)
    drawn = dice.uniform("more", key, span.index)
    upgrades = calm & (drawn < higher) & (tier_of(subs.plan) < len(v.TIERS) - 1)
    grows = calm & (drawn >= higher) & (drawn < higher + more)
    grows &= subs.seats < state.parameters.mix.seats_cap
    return PlannedExpansions(upgrades, grows, at)


def _prorated(cents: Array, left: Array, whole: Array) -> Array:
    """Return the price of the rest of a period in whole cents, at least 1 cent unless the full price is 0."""
    return np.maximum((2 * cents * left + whole) // (2 * whole), np.minimum(cents, 1))


def expand(state: MonthState, subs: Subscriptions, planned: PlannedExpansions) -> None:
    """Carry out the planned expansions, each with a prorated invoice."""
    expansion, dice, month = state.parameters.expansion, state.dice, state.span.index
    left = subs.period_end - planned.at
    whole = subs.period_end - subs.period_start

    index = np.flatnonzero(planned.grows)
    least, most = expansion.growth
    part = least + (most - least) * dice.uniform("grows by", subs.subscription_id[index], month)
    wanted = subs.seats[index] + np.maximum(1, np.floor(subs.seats[index] * part + 0.5)).astype(
        np.int64
    )
    seats = np.minimum(wanted, state.parameters.mix.seats_cap)
    added = seats - subs.seats[index]
    state.record(subs, index, planned.at[index], "seats_changed", seats=seats)
    state.bill(
        subs,
        index,
        Charge(
            issued_at=planned.at[index],
            item="proration",
            quantity=added,
            unit=_prorated(subs.unit_price[index], left[index], whole[index]),
        ),
    )

    index = np.flatnonzero(planned.upgrades)
    at, old_plan = planned.at[index], subs.plan[index]
    credit = _prorated(subs.unit_price[index], left[index], whole[index])
    plan = plan_id(tier_of(old_plan) + 1, is_yearly(old_plan))
    price = np.maximum(
        state.agreed_price(subs.account[index], plan, at), subs.unit_price[index] + 1
    )
    state.record(
        subs,
        index,
        at,
        "plan_changed",
        plan=plan,
        unit_price=price,
        price_list=state.offering.price_list(at),
    )
    state.bill(
        subs,
        index,
        Charge(
            issued_at=at,
            item="proration",
            quantity=subs.seats[index],
            unit=_prorated(price, left[index], whole[index]),
            credit_plan=np.where(credit > 0, old_plan, NONE),
            credit_unit=-credit,
        ),
    )
