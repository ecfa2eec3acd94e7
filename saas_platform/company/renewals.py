"""The end of a paid period: canceled, paused, or renewed with what changes at a renewal.

Holds: this step of a month, and the fate of pauses. Does not hold: changes within a period
(expansion.py) nor the subscriptions beside the first (seconds.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.company.catalogue import is_yearly, plan_id, tier_of
from saas_platform.company.columns import Array
from saas_platform.company.hazards import CHARGE_DELAY
from saas_platform.company.month_state import Book
from saas_platform.company.outcomes import Fates
from saas_platform.company.promotions import PromoCode, offer_to_customers, redeemed
from saas_platform.company.randomness import choose
from saas_platform.company.state import (
    CANCELLATION,
    NONE,
    REASON,
    STATUS,
    Subscriptions,
)
from saas_platform.company.timestamps import DAY, HOUR, NEVER, billing_moments

#: Weights of v.CANCELLATION_REASONS for a customer who leaves: price-sensitive or not.
_REASONS = np.array(
    ((0.18, 0.22, 0.20, 0.24, 0.10, 0.06, 0), (0.44, 0.14, 0.16, 0.16, 0.06, 0.04, 0))
)


def cancel_at_period_end(book: Book, subs: Subscriptions, fates: Fates) -> None:
    """Voluntary ends: asked for some time in the month before the renewal, effective at it."""
    dice, key = book.dice, subs.subscription_id
    leaving = np.flatnonzero(fates.cancels & (subs.status == STATUS["active"]))
    account, renewal_at = subs.account[leaving], fates.renewal_at[leaving]
    opened = np.maximum(book.span.start, subs.updated_at[leaving] + HOUR)
    asked_at = opened + dice.index(renewal_at - opened, "asked", key[leaving], book.span.index)
    sensitive = (book.accounts.price_sensitivity[account] > 0.4).astype(np.int64)
    reason = choose(dice.uniform("reason", key[leaving]), _REASONS[sensitive])
    book.record(subs, leaving, asked_at, None, cancel_requested_at=asked_at)
    book.record(
        subs,
        leaving,
        renewal_at,
        "canceled",
        status=STATUS["canceled"],
        ended_at=renewal_at,
        cancellation=CANCELLATION["voluntary"],
        reason=reason,
    )
    book.leaving_from[account] = asked_at
    book.end_access(account, renewal_at)
    book.latent.churned_month[account] = book.span.index


def pause(book: Book, subs: Subscriptions, fates: Fates) -> None:
    """Pauses instead of a renewal."""
    paused = np.flatnonzero(fates.pauses & ~fates.cancels & (subs.status == STATUS["active"]))
    at = fates.renewal_at[paused]
    book.record(subs, paused, at, "paused", status=STATUS["paused"], paused_at=at)
    book.end_access(subs.account[paused], at)


def end_pauses(book: Book, subs: Subscriptions) -> None:
    """Pauses of earlier months: resumed at a billing day, or ended after 90 days."""
    churn, span = book.parameters.churn, book.span
    paused = (subs.status == STATUS["paused"]) & (subs.paused_at < span.start)
    at = billing_moments(span.index, subs.anchor_day, subs.anchor_second)
    limit = subs.paused_at + churn.pause_days * DAY
    resumes = paused & (at < limit - 10 * DAY)
    resumes &= book.dice.happens(churn.resume, "resume", subs.subscription_id, span.index)
    back = np.flatnonzero(resumes)
    book.record(subs, back, at[back], "resumed", status=STATUS["active"], paused_at=NEVER)
    book.grant_access(subs.account[back], at[back])
    start_period(book, subs, back, at[back], np.zeros(len(back), np.int64))
    gone = np.flatnonzero(paused & ~resumes & span.holds(limit))
    book.record(
        subs,
        gone,
        limit[gone],
        "canceled",
        status=STATUS["canceled"],
        ended_at=limit[gone],
        cancellation=CANCELLATION["voluntary"],
        reason=REASON["low_usage"],
    )
    book.latent.churned_month[subs.account[gone]] = span.index


@dataclass
class Loyalty:
    """A loyalty campaign that starts in the month, and what it offers, beside the subscriptions."""

    code: PromoCode
    offered_at: Array
    accepts: Array


def offer_loyalty(
    book: Book, subs: Subscriptions, fates: Fates, codes: list[PromoCode]
) -> list[Loyalty]:
    """Assigns the paying accounts that are eligible for the loyalty campaigns that start in the month.

    Eligible at the start of the month: paying for at least `loyalty_tenure_months`, without trouble,
    by the month, without discount.
    """
    promotions = book.parameters.promotions
    found = []
    for code in codes:
        if code.starts_at < book.span.start:
            continue
        eligible = np.flatnonzero(
            fates.renews
            & ~is_yearly(subs.plan)
            & (subs.status == STATUS["active"])
            & (subs.discount == 0)
            & (book.span.index - subs.first_month >= promotions.loyalty_tenure_months)
        )
        offers = offer_to_customers(
            book.dice, book.span, code, book.accounts.account_id[subs.account[eligible]]
        )
        book.redemptions.append(offers)
        offered_at = np.full(len(subs), NEVER)
        offered_at[eligible] = offers.assigned_at
        accepts = np.zeros(len(subs), np.bool_)
        accepts[eligible] = offers.treated & book.dice.happens(
            promotions.accepted, "accepts", offers.account_id, code.promo_code_id
        )
        found.append(Loyalty(code, offered_at, accepts))
    return found


def renew(book: Book, subs: Subscriptions, fates: Fates, loyalties: list[Loyalty]) -> None:
    """Renewals: all that changes at one, in order, then the new period with its invoice."""
    renewing = fates.renews & ~fates.cancels & ~fates.pauses & (subs.status == STATUS["active"])
    at = fates.renewal_at
    _end_discounts(book, subs, renewing, at)
    for loyalty in loyalties:
        _start_loyalty(book, subs, renewing, at, loyalty)
    _change_plans(book, subs, renewing, at)
    _change_prices(book, subs, renewing, at)
    _shrink(book, subs, renewing, at)
    index = np.flatnonzero(renewing)
    start_period(book, subs, index, at[index], fates.retries[index])


def _end_discounts(book: Book, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """Discounts whose time is over; the effect of a loyalty code ends with it."""
    over = np.flatnonzero(renewing & (subs.discount > 0) & (book.span.index >= subs.discount_until))
    ratio = np.maximum(subs.hazard_ratio[over], 1.0)
    book.record(subs, over, at[over], "discount_ended", discount=0, promo=NONE, hazard_ratio=ratio)


def _start_loyalty(
    book: Book, subs: Subscriptions, renewing: Array, at: Array, loyalty: Loyalty
) -> None:
    code = loyalty.code
    index = np.flatnonzero(
        renewing
        & loyalty.accepts
        & (subs.discount == 0)
        & (at > loyalty.offered_at)
        & (at < code.over_at)
    )
    book.record(
        subs,
        index,
        at[index],
        "discount_started",
        promo=code.promo_code_id,
        discount=code.terms.discount_percent,
        discount_until=book.span.index + (code.terms.duration_months or 0),
        hazard_ratio=subs.hazard_ratio[index] * code.terms.hazard_ratio,
    )
    book.redemptions.append(
        redeemed(
            code.promo_code_id,
            book.accounts.account_id[subs.account[index]],
            loyalty.offered_at[index],
            at[index],
            subs.subscription_id[index],
        )
    )


def _change_plans(book: Book, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """A lower tier, or the other billing interval."""
    expansion, month = book.parameters.expansion, book.span.index
    drawn = book.dice.uniform("plan at renewal", subs.subscription_id, month)
    yearly, tier = is_yearly(subs.plan), tier_of(subs.plan)
    sick = np.exp(-expansion.health * book.latent.health[subs.account])
    lower = np.round(expansion.downgrade * sick * np.where(yearly, 12, 1), 9)
    other = np.where(yearly, expansion.to_monthly, expansion.to_yearly)
    downgrades = renewing & (tier > 0) & (drawn < lower)
    switches = renewing & ~downgrades & (drawn >= 0.5) & (drawn < 0.5 + other)
    switches &= (subs.discount == 0) & (month > subs.first_month + 2)
    plan = plan_id(tier - downgrades, yearly ^ switches)
    index = np.flatnonzero(downgrades | switches)
    subs.anchor_month[index] = month
    book.record(
        subs,
        index,
        at[index],
        "plan_changed",
        plan=plan[index],
        unit_price=book.agreed_price(subs.account[index], plan[index], at[index]),
        price_list=book.catalogue.price_list(at[index]),
    )


def _change_prices(book: Book, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """List prices that rose since are taken over, but for grandfathered accounts."""
    now = book.catalogue.price_list(at)
    index = np.flatnonzero(
        renewing & (subs.price_list < now) & ~book.accounts.grandfathered[subs.account]
    )
    price = book.agreed_price(subs.account[index], subs.plan[index], at[index])
    book.record(subs, index, at[index], "price_changed", unit_price=price, price_list=now[index])


def _shrink(book: Book, subs: Subscriptions, renewing: Array, at: Array) -> None:
    """Fewer seats."""
    expansion, month, key = book.parameters.expansion, book.span.index, subs.subscription_id
    sick = np.exp(-expansion.health * book.latent.health[subs.account])
    chance = np.where(is_yearly(subs.plan), expansion.yearly_contraction, expansion.contraction)
    least, most = expansion.shrink
    part = least + (most - least) * book.dice.uniform("shrinks by", key, month)
    seats = subs.seats - np.maximum(1, np.floor(subs.seats * part).astype(np.int64))
    shrinks = renewing & (seats > 0) & book.dice.happens(chance * sick, "shrinks", key, month)
    index = np.flatnonzero(shrinks)
    book.record(subs, index, at[index], "seats_changed", seats=seats[index])
    book.seats_cut_at[subs.account[index]] = at[index] + HOUR


def start_period(book: Book, subs: Subscriptions, index: Array, at: Array, retries: Array) -> None:
    """A new period from `at` on with its invoice; where its charge fails, dunning opens."""
    after = book.span.index + np.where(is_yearly(subs.plan[index]), 12, 1)
    period_end = billing_moments(after, subs.anchor_day[index], subs.anchor_second[index])
    book.record(subs, index, at, None, period_start=at, period_end=period_end)
    book.bill(
        subs,
        index,
        issued_at=at,
        item="seats",
        quantity=subs.seats[index],
        unit=subs.unit_price[index],
        retries=retries,
    )
    failed = np.flatnonzero(retries > 0)
    book.record(
        subs,
        index[failed],
        at[failed] + CHARGE_DELAY,
        "payment_failed",
        status=STATUS["past_due"],
        failed_at=at[failed] + CHARGE_DELAY,
        retries=retries[failed],
    )
