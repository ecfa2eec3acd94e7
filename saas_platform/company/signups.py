"""How subscriptions begin: trials and their conversion, direct purchases, and reactivations.

Contains: these steps of a month. Out of scope: what follows the first paid period (renewals.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saas_platform.company.billing import Charge
from saas_platform.company.columns import Array
from saas_platform.company.month_state import MonthState
from saas_platform.company.offering import is_yearly, plan_id, tier_of
from saas_platform.company.promotions import Calendar, redeemed
from saas_platform.company.state import ENTRY, METHOD, NONE, STATUS, Subscriptions
from saas_platform.company.timestamps import (
    DAY,
    NEVER,
    billing_timestamps,
    days_of_month,
    months_of,
)
from saas_platform.company.traits import opening_timestamps

#: Month index for the end of a discount that never ends.
FOR_EVER = 1 << 40


def new_subscriptions(state: MonthState, account: Array, at: Array, **values: Any) -> Subscriptions:
    """Return new subscriptions of accounts, each with the next free ordinal, before any change."""
    state.latent.subscriptions[account] += 1
    defaults: dict[str, Any] = {
        "subscription_id": state.accounts.account_id[account] * 100
        + state.latent.subscriptions[account],
        "account": account,
        "second": False,
        "promo": NONE,
        "seats": state.accounts.seats[account],
        "discount": 0,
        "method": NONE,
        "trial_started_at": NEVER,
        "trial_ends_at": NEVER,
        "with_card": False,
        "activated_at": NEVER,
        "period_start": NEVER,
        "period_end": NEVER,
        "cancel_requested_at": NEVER,
        "ended_at": NEVER,
        "cancellation": NONE,
        "reason": NONE,
        "created_at": at,
        "updated_at": at,
        "change_no": 0,
        "change": NONE,
        "invoices": 0,
        "anchor_day": NONE,
        "anchor_second": NONE,
        "anchor_month": NONE,
        "first_month": NONE,
        "discount_until": FOR_EVER,
        "price_list": 0,
        "hazard_ratio": 1.0,
        "failed_at": NEVER,
        "retries": 0,
        "paused_at": NEVER,
        "offer": NONE,
        "offered_at": NEVER,
        "treated": False,
        "status": STATUS["active"],
    }
    values = {**defaults, **values}
    values.setdefault("unit_price", state.agreed_price(account, values["plan"], at))
    return Subscriptions.build(len(account), **values)


def activate(
    state: MonthState,
    subs: Subscriptions,
    index: Array,
    at: Array,
    change: str,
    anchor_day: Array | None = None,
) -> None:
    """Start the first paid period of subscriptions and issue its invoice.

    Args:
        state: the state of the month.
        subs: the subscriptions, changed in place. Plan and discount must be set already.
        index: positions of the subscriptions that start.
        at: when each of them starts.
        change: kind of the commercial change.
        anchor_day: day of the month on which invoices are issued. The default is the day of `at`.
    """
    account = subs.account[index]
    month = months_of(at)
    subs.anchor_day[index] = days_of_month(at) if anchor_day is None else anchor_day
    subs.anchor_second[index] = at % DAY
    subs.anchor_month[index] = month
    subs.first_month[index] = month
    after = month + np.where(is_yearly(subs.plan[index]), 12, 1)
    state.record(
        subs,
        index,
        at,
        change,
        status=STATUS["active"],
        method=state.accounts.method[account],
        unit_price=state.agreed_price(account, subs.plan[index], at),
        price_list=state.offering.price_list(at),
        activated_at=at,
        period_start=at,
        period_end=billing_timestamps(after, subs.anchor_day[index], subs.anchor_second[index]),
    )
    state.bill(
        subs,
        index,
        Charge(
            issued_at=at,
            item="seats",
            quantity=subs.seats[index],
            unit=subs.unit_price[index],
        ),
    )


def sign_up(state: MonthState, account: Array) -> Subscriptions:
    """Return the first subscriptions of the month's new accounts: trials and direct purchases."""
    accounts = state.accounts.take(account)
    at = accounts.signed_up_at
    direct = accounts.entry == ENTRY["direct"]
    with_card = accounts.entry == ENTRY["card_trial"]
    trial_end = at + state.parameters.prices.trial_days * DAY
    subs = new_subscriptions(
        state,
        account,
        at,
        plan=plan_id(accounts.tier, accounts.annual),
        status=np.where(direct, STATUS["active"], STATUS["trialing"]),
        method=np.where(with_card, METHOD["card"], NONE),
        trial_started_at=np.where(direct, NEVER, at),
        trial_ends_at=np.where(direct, NEVER, trial_end),
        with_card=with_card,
    )
    state.grant_access(account, at)
    state.is_trial[account] = ~direct
    trials, bought = np.flatnonzero(~direct), np.flatnonzero(direct)
    state.record(subs, trials, at[trials], "trial_started")
    activate(state, subs, bought, at[bought], "activated")
    return subs


def end_trials(state: MonthState, subs: Subscriptions, calendar: Calendar) -> None:
    """Decide the trials that end in the month: they are bought, with or without a code, or expire.

    A trial without a card may be decided up to one day before its end.
    """
    conversion, promotions = state.parameters.conversion, state.parameters.promotions
    dice, latent = state.dice, state.latent
    key = subs.subscription_id
    # A purchase keeps the trial's time of day, so that invoices stay within the opening hours.
    early = np.where(subs.with_card, 0, dice.index(2, "early purchase", key) * DAY)
    decided_at = subs.trial_ends_at - early
    trialing = subs.status == STATUS["trialing"]
    undecided = trialing & state.span.holds(decided_at) & (subs.trial_ends_at > 0)
    lift = np.ones(len(subs))
    for offer in np.unique(subs.offer[undecided & subs.treated]):
        treated = subs.treated & (subs.offer == offer)
        lift[treated] = calendar.code(int(offer)).terms.conversion_lift
    base = np.where(subs.with_card, conversion.with_card, conversion.without_card)
    warmth = np.exp(conversion.health * latent.health[subs.account])
    chance = np.minimum(base * warmth * lift, conversion.highest)
    buys = undecided & dice.happens(chance, "conversion", key)

    uses = buys & subs.treated & dice.happens(promotions.used, "uses code", key)
    for offer in np.unique(subs.offer[uses]):
        code = calendar.code(int(offer))
        index = np.flatnonzero(uses & (subs.offer == offer))
        subs.promo[index] = offer
        subs.discount[index] = code.terms.discount_percent
        subs.hazard_ratio[index] = code.terms.hazard_ratio
        if code.terms.duration_months is not None:
            # A code that ends applies to monthly plans only, so its user takes the monthly plan.
            subs.plan[index] = plan_id(tier_of(subs.plan[index]), 0)
            subs.discount_until[index] = months_of(decided_at[index]) + code.terms.duration_months
        state.redemptions.append(
            redeemed(
                code.promo_code_id,
                state.accounts.account_id[subs.account[index]],
                subs.offered_at[index],
                decided_at[index],
                key[index],
            )
        )

    bought = np.flatnonzero(buys)
    activate(state, subs, bought, decided_at[bought], "activated")
    expires = (subs.status == STATUS["trialing"]) & state.span.holds(subs.trial_ends_at)
    # A trial that was decided in the month before without a purchase expires now, without another draw.
    expired = np.flatnonzero(expires)
    state.record(
        subs,
        expired,
        subs.trial_ends_at[expired],
        "trial_expired",
        status=STATUS["expired"],
        ended_at=subs.trial_ends_at[expired],
    )
    state.end_access(subs.account[expired], subs.trial_ends_at[expired])


def come_back(state: MonthState) -> Subscriptions:
    """Return the month's reactivations: new subscriptions of accounts that churned some months ago."""
    expansion, latent = state.parameters.expansion, state.latent
    gone = state.span.index - latent.churned_month
    ids = state.accounts.account_id
    returns = (
        (latent.churned_month >= 0)
        & (gone >= 1)
        & (gone <= expansion.reactivation_months)
        & state.dice.happens(expansion.reactivation, "reactivation", ids, state.span.index)
    )
    account = np.flatnonzero(returns)
    at = opening_timestamps(state.dice, state.parameters.growth, ids[account], state.span)
    seats = np.maximum(1, (state.accounts.seats[account] * 4 + 2) // 5)
    plan = plan_id(state.accounts.tier[account], 0)
    subs = new_subscriptions(state, account, at, plan=plan, seats=seats)
    activate(state, subs, np.arange(len(account)), at, "reactivated")
    state.grant_access(account, at)
    latent.churned_month[account] = NONE
    latent.health[account] = np.maximum(latent.health[account], state.parameters.health.reactivated)
    return subs
