"""The end of a paid period: a cancellation, a pause, or a renewal with the changes it brings.

Contains: this step of a month, and how pauses end. Out of scope: changes within a period (expansion.py)
and second subscriptions (second_subscriptions.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.company.billing import Charge
from saas_platform.company.columns import Array
from saas_platform.company.hazards import CHARGE_DELAY
from saas_platform.company.month_state import MonthState
from saas_platform.company.offering import is_yearly, plan_id, tier_of
from saas_platform.company.outcomes import Outcomes
from saas_platform.company.promotions import PromoCode, offer_to_customers, redeemed
from saas_platform.company.randomness import choose
from saas_platform.company.state import (
    CANCELLATION,
    NONE,
    REASON,
    STATUS,
    Subscriptions,
)
from saas_platform.company.timestamps import DAY, HOUR, NEVER, billing_timestamps

#: Weights of v.CANCELLATION_REASONS for a customer who leaves: one not price-sensitive, one that is.
_REASONS = np.array(
    ((0.18, 0.22, 0.20, 0.24, 0.10, 0.06, 0), (0.44, 0.14, 0.16, 0.16, 0.06, 0.04, 0))
)


def cancel_at_period_end(state: MonthState, subs: Subscriptions, outcomes: Outcomes) -> None:
    """Cancel subscriptions voluntarily: requested earlier in the renewal's month, effective at it."""
    dice, key = state.dice, subs.subscription_id
    leaving = np.flatnonzero(outcomes.cancels & (subs.status == STATUS["active"]))
    account, renewal_at = subs.account[leaving], outcomes.renewal_at[leaving]
    opened = np.maximum(state.span.start, subs.updated_at[leaving] + HOUR)
    asked_at = opened + dice.index(renewal_at - opened, "asked", key[leaving], state.span.index)
    sensitive = (state.accounts.price_sensitivity[account] > 0.4).astype(np.int64)
    reason = choose(dice.uniform("reason", key[leaving]), _REASONS[sensitive])
    state.record(subs, leaving, asked_at, None, cancel_requested_at=asked_at)
    state.record(
        subs,
        leaving,
        renewal_at,
        "canceled",
        status=STATUS["canceled"],
        ended_at=renewal_at,
        cancellation=CANCELLATION["voluntary"],
        reason=reason,
    )
    state.leaving_from[account] = asked_at
    state.end_access(account, renewal_at)
    state.latent.churned_month[account] = state.span.index


def pause(state: MonthState, subs: Subscriptions, outcomes: Outcomes) -> None:
    """Pause subscriptions instead of renewing them."""
    paused = np.flatnonzero(outcomes.pauses & ~outcomes.cancels & (subs.status == STATUS["active"]))
    at = outcomes.renewal_at[paused]
    state.record(subs, paused, at, "paused", status=STATUS["paused"], paused_at=at)
    state.end_access(subs.account[paused], at)


def end_pauses(state: MonthState, subs: Subscriptions) -> None:
    """End pauses of earlier months: they resume on a billing day or are canceled after 90 days."""
    churn, span = state.parameters.churn, state.span
    paused = (subs.status == STATUS["paused"]) & (subs.paused_at < span.start)
    at = billing_timestamps(span.index, subs.anchor_day, subs.anchor_second)
    limit = subs.paused_at + churn.pause_days * DAY
    resumes = paused & (at < limit - 10 * DAY)
    resumes &= state.dice.happens(churn.resume, "resume", subs.subscription_id, span.index)
    back = np.flatnonzero(resumes)
    state.record(subs, back, at[back], "resumed", status=STATUS["active"], paused_at=NEVER)
    state.grant_access(subs.account[back], at[back])
    start_period(state, subs, back, at[back], np.zeros(len(back), np.int64))
    gone = np.flatnonzero(paused & ~resumes & span.holds(limit))
    state.record(
        subs,
        gone,
        limit[gone],
        "canceled",
        status=STATUS["canceled"],
        ended_at=limit[gone],
        cancellation=CANCELLATION["voluntary"],
        reason=REASON["low_usage"],
    )
    state.latent.churned_month[subs.account[gone]] = span.index


@dataclass
class Loyalty:
    """A loyalty campaign that starts in the month, with its offer to each subscription."""

    code: PromoCode
    offered_at: Array
    accepts: Array


def offer_loyalty(
    state: MonthState, subs: Subscriptions, outcomes: Outcomes, codes: list[PromoCode]
) -> list[Loyalty]:
    """Assign eligible accounts to the arms of the loyalty campaigns that start in the month.

    An account is eligible if at the start of the month it has paid for at least `loyalty_tenure_months`,
    has no open dunning, pays monthly and has no discount.
    """
    promotions = state.parameters.promotions
    found = []
    for code in codes:
        if code.starts_at < state.span.start:
            continue
        eligible = np.flatnonzero(
            outcomes.renews
            & ~is_yearly(subs.plan)
            & (subs.status == STATUS["active"])
            & (subs.discount == 0)
            & (state.span.index - subs.first_month >= promotions.loyalty_tenure_months)
        )
        offers = offer_to_customers(
            state.dice, state.span, code, state.accounts.account_id[subs.account[eligible]]
        )
        state.redemptions.append(offers)
        offered_at = np.full(len(subs), NEVER)
        offered_at[eligible] = offers.assigned_at
        accepts = np.zeros(len(subs), np.bool_)
        accepts[eligible] = offers.treated & state.dice.happens(
            promotions.accepted, "accepts", offers.account_id, code.promo_code_id
        )
        found.append(Loyalty(code, offered_at, accepts))
    return found


def renew(
    state: MonthState, subs: Subscriptions, outcomes: Outcomes, loyalties: list[Loyalty]
) -> None:
    """Renew subscriptions: apply all changes in order, then start the new period with its invoice."""
    renewing = (
        outcomes.renews & ~outcomes.cancels & ~outcomes.pauses & (subs.status == STATUS["active"])
    )
    at = outcomes.renewal_at
    _end_discounts(state, subs, renewing, at)
    for loyalty in loyalties:
        _start_loyalty(state, subs, renewing, at, loyalty)
    _change_plans(state, subs, renewing, at)
    _change_prices(state, subs, renewing, at)
    _shrink(state, subs, renewing, at)
    index = np.flatnonzero(renewing)
    start_period(state, subs, index, at[index], outcomes.retries[index])


def _end_discounts(state: MonthState, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """End the discounts whose time is over. The effect of a loyalty code ends with its discount."""
    over = np.flatnonzero(
        renewing & (subs.discount > 0) & (state.span.index >= subs.discount_until)
    )
    ratio = np.maximum(subs.hazard_ratio[over], 1.0)
    state.record(subs, over, at[over], "discount_ended", discount=0, promo=NONE, hazard_ratio=ratio)


def _start_loyalty(
    state: MonthState, subs: Subscriptions, renewing: Array, at: Array, loyalty: Loyalty
) -> None:
    """Start the discount of a loyalty campaign for the accounts that accepted it."""
    code = loyalty.code
    index = np.flatnonzero(
        renewing
        & loyalty.accepts
        & (subs.discount == 0)
        & (at > loyalty.offered_at)
        & (at < code.over_at)
    )
    state.record(
        subs,
        index,
        at[index],
        "discount_started",
        promo=code.promo_code_id,
        discount=code.terms.discount_percent,
        discount_until=state.span.index + (code.terms.duration_months or 0),
        hazard_ratio=subs.hazard_ratio[index] * code.terms.hazard_ratio,
    )
    state.redemptions.append(
        redeemed(
            code.promo_code_id,
            state.accounts.account_id[subs.account[index]],
            loyalty.offered_at[index],
            at[index],
            subs.subscription_id[index],
        )
    )


def _change_plans(state: MonthState, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """Change to a lower tier or to the other billing interval."""
    expansion, month = state.parameters.expansion, state.span.index
    drawn = state.dice.uniform("plan at renewal", subs.subscription_id, month)
    yearly, tier = is_yearly(subs.plan), tier_of(subs.plan)
    sick = np.exp(-expansion.health * state.latent.health[subs.account])
    lower = np.round(expansion.downgrade * sick * np.where(yearly, 12, 1), 9)
    other = np.where(yearly, expansion.to_monthly, expansion.to_yearly)
    downgrades = renewing & (tier > 0) & (drawn < lower)
    switches = renewing & ~downgrades & (drawn >= 0.5) & (drawn < 0.5 + other)
    switches &= (subs.discount == 0) & (month > subs.first_month + 2)
    plan = plan_id(tier - downgrades, yearly ^ switches)
    index = np.flatnonzero(downgrades | switches)
    subs.anchor_month[index] = month
    state.record(
        subs,
        index,
        at[index],
        "plan_changed",
        plan=plan[index],
        unit_price=state.agreed_price(subs.account[index], plan[index], at[index]),
        price_list=state.offering.price_list(at[index]),
    )


def _change_prices(state: MonthState, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """Apply list prices that have changed since, except for grandfathered accounts."""
    now = state.offering.price_list(at)
    index = np.flatnonzero(
        renewing & (subs.price_list < now) & ~state.accounts.grandfathered[subs.account]
    )
    price = state.agreed_price(subs.account[index], subs.plan[index], at[index])
    state.record(subs, index, at[index], "price_changed", unit_price=price, price_list=now[index])


def _shrink(state: MonthState, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """Reduce the number of seats."""
    expansion, month, key = state.parameters.expansion, state.span.index, subs.subscription_id
    sick = np.exp(-expansion.health * state.latent.health[subs.account])
    chance = np.where(is_yearly(subs.plan), expansion.yearly_contraction, expansion.contraction)
    least, most = expansion.shrink
    part = least + (most - least) * state.dice.uniform("shrinks by", key, month)
    seats = subs.seats - np.maximum(1, np.floor(subs.seats * part).astype(np.int64))
    shrinks = renewing & (seats > 0) & state.dice.happens(chance * sick, "shrinks", key, month)
    index = np.flatnonzero(shrinks)
    state.record(subs, index, at[index], "seats_changed", seats=seats[index])
    state.seats_cut_at[subs.account[index]] = at[index] + HOUR


def start_period(
    state: MonthState, subs: Subscriptions, index: Array, at: Array, retries: Array
) -> None:
    """Start a new period and issue its invoice. Where the charge fails, dunning opens.

    Args:
        state: the state of the month.
        subs: the subscriptions, changed in place.
        index: positions of the subscriptions.
        at: when each new period starts.
        retries: number of the retry that collects each charge (see `Outcomes.retries`).
    """
    after = state.span.index + np.where(is_yearly(subs.plan[index]), 12, 1)
    period_end = billing_timestamps(after, subs.anchor_day[index], subs.anchor_second[index])
    state.record(subs, index, at, None, period_start=at, period_end=period_end)
    state.bill(
        subs,
        index,
        Charge(
            issued_at=at,
            item="seats",
            quantity=subs.seats[index],
            unit=subs.unit_price[index],
            retries=retries,
        ),
    )
    failed = np.flatnonzero(retries > 0)
    state.record(
        subs,
        index[failed],
        at[failed] + CHARGE_DELAY,
        "payment_failed",
        status=STATUS["past_due"],
        failed_at=at[failed] + CHARGE_DELAY,
        retries=retries[failed],
    )
