"""Campaigns: their calendar, which accounts are offered a code, and which are held out.

Contains: the promo codes with their dates, the assignment of accounts to arms, and the rows of
`promo_codes` and `promo_redemptions`. Out of scope: the effect of a code on a subscription.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import pyarrow as pa

from saas_platform.clock import Month
from saas_platform.company.columns import Array
from saas_platform.company.parameters import Campaign, Promotions
from saas_platform.company.randomness import Dice
from saas_platform.company.rendering import Versions, choices
from saas_platform.company.state import NONE, STATUS, Redemptions, Subscriptions
from saas_platform.company.timestamps import DAY, HOUR, NEVER, Span, epoch_seconds
from saas_platform.schema import vocabulary as v


@dataclass(frozen=True)
class PromoCode:
    """A campaign in a given year. `ends_at` is its planned end, `over_at` its actual end."""

    promo_code_id: int
    code: str
    terms: Campaign
    starts_at: int
    ends_at: int
    over_at: int


#: Largest number of promo codes of a company, because the key of a redemption has two digits for them.
_KEYS = 99


class Calendar:
    """The promo codes of a company, ordered by key."""

    def __init__(self, dice: Dice, promotions: Promotions, start: Month) -> None:
        self._codes = {
            key: _code(dice, key, terms, year)
            for key, (terms, year) in enumerate(_runs(promotions.campaigns, start), start=1)
            if Month(year, terms.month) >= start
        }

    def codes(self, before: int) -> list[PromoCode]:
        """Return the codes whose campaign starts before a timestamp, but not before the company."""
        return [code for code in self._codes.values() if code.starts_at < before]

    def open_in(self, span: Span, kind: str) -> list[PromoCode]:
        """Return the codes of a kind whose campaign runs at any time in a month."""
        return [
            code
            for code in self.codes(span.end)
            if code.terms.kind == kind and code.over_at > span.start
        ]

    def code(self, promo_code_id: int) -> PromoCode:
        """Return the promo code with a key."""
        return self._codes[promo_code_id]

    def rows(self, before: int) -> Versions:
        """Return every version of every promo code: as planned, and a second one if it ran out early."""
        known = self.codes(before)
        pairs = [(c, c.starts_at, c.ends_at) for c in known]
        pairs += [(c, c.over_at, c.over_at) for c in known if c.over_at != c.ends_at]
        terms = [c.terms for c, _, _ in pairs]

        def whole(values: list[int]) -> Array:
            return np.array(values, np.int64)

        return Versions(
            key=whole([c.promo_code_id for c, _, _ in pairs]),
            updated_at=whole([changed for _, changed, _ in pairs]),
            values={
                "promo_code_id": whole([c.promo_code_id for c, _, _ in pairs]),
                "code": pa.array([c.code for c, _, _ in pairs], pa.string()),
                "campaign": pa.array([t.name for t in terms], pa.string()),
                "kind": pa.array([t.kind for t in terms], pa.string()),
                "discount_percent": whole([t.discount_percent for t in terms]),
                "duration_months": whole([t.duration_months or NONE for t in terms]),
                "holdout_percent": whole([t.holdout_percent for t in terms]),
                "starts_at": whole([c.starts_at for c, _, _ in pairs]),
                "ends_at": whole([end for _, _, end in pairs]),
                "created_at": whole([c.starts_at for c, _, _ in pairs]),
            },
        )


def _runs(campaigns: tuple[Campaign, ...], start: Month) -> Iterator[tuple[Campaign, int]]:
    """Yield (campaign, year) in order of the keys: campaigns of a single year first, then year by year."""
    once = [(terms, terms.year) for terms in campaigns if terms.year is not None]
    yearly = [terms for terms in campaigns if terms.year is None]
    every = ((terms, start.year + years) for years in range(_KEYS) for terms in yearly)
    return islice(chain(once, every), _KEYS)


def _code(dice: Dice, key: int, terms: Campaign, year: int) -> PromoCode:
    starts_at = epoch_seconds(Month(year, terms.month).start) + (terms.day - 1) * DAY
    ends_at = starts_at + terms.length_days * DAY
    left = 0.4 + 0.4 * float(dice.uniform("runs out", key))
    over_at = starts_at + int(terms.length_days * left) * DAY + 15 * HOUR
    return PromoCode(
        promo_code_id=key,
        code=code_text(terms.name, year),
        terms=terms,
        starts_at=starts_at,
        ends_at=ends_at,
        over_at=over_at if terms.runs_out else ends_at,
    )


def code_text(name: str, year: int) -> str:
    """Return the code that a customer types: the campaign's name and year, such as `AUTUMNDEAL24`."""
    return f"{name.upper().replace(' ', '')}{year % 100:02d}"


def _assignments(
    dice: Dice, code: PromoCode, account_ids: Array, assigned_at: Array
) -> Redemptions:
    held_out = dice.happens(
        code.terms.holdout_percent / 100, "holdout", account_ids, code.promo_code_id
    )
    return Redemptions.build(
        len(account_ids),
        account_id=account_ids,
        promo=code.promo_code_id,
        treated=~held_out,
        assigned_at=assigned_at,
        redeemed_at=NEVER,
        subscription_id=NONE,
        updated_at=assigned_at,
    )


def offer_to_trials(
    dice: Dice,
    promotions: Promotions,
    span: Span,
    code: PromoCode,
    subs: Subscriptions,
    account_ids: Array,
) -> Redemptions:
    """Assign the month's eligible trials to an arm and record the offer on them.

    A trial is eligible if it runs during the campaign, has at least `least_trial_days` left and is not
    in another campaign already.

    Args:
        dice: the random numbers.
        promotions: the parameters of promotions.
        span: the month.
        code: the promo code on offer.
        subs: the subscriptions, changed in place.
        account_ids: account id of each subscription.

    Returns:
        The redemptions of the trials that were assigned, those of the holdout included.
    """
    jitter = HOUR + dice.index(6 * HOUR, "offer", subs.subscription_id, code.promo_code_id)
    assigned_at = np.maximum(subs.trial_started_at, code.starts_at) + jitter
    last = subs.trial_ends_at - promotions.least_trial_days * DAY
    eligible = np.flatnonzero(
        (subs.status == STATUS["trialing"])
        & (subs.offer == NONE)
        & span.holds(assigned_at)
        & (assigned_at < np.minimum(last, code.over_at))
    )
    offered = _assignments(dice, code, account_ids[eligible], assigned_at[eligible])
    subs.offer[eligible] = code.promo_code_id
    subs.offered_at[eligible] = offered.assigned_at
    subs.treated[eligible] = offered.treated
    return offered


def offer_to_customers(dice: Dice, span: Span, code: PromoCode, account_ids: Array) -> Redemptions:
    """Assign paying accounts to an arm of a loyalty campaign that starts in this month."""
    jitter = HOUR + dice.index(6 * HOUR, "offer", account_ids, code.promo_code_id)
    return _assignments(dice, code, account_ids, np.full(len(jitter), span.start) + jitter)


def redeemed(
    promo_code_id: int, account_ids: Array, assigned_at: Array, at: Array, subscription_ids: Array
) -> Redemptions:
    """Return the state of treated accounts after they have used the code.

    Args:
        promo_code_id: key of the code.
        account_ids: the accounts.
        assigned_at: when each account was assigned to its arm.
        at: when each account used the code.
        subscription_ids: subscription on which each account used the code.
    """
    return Redemptions.build(
        len(account_ids),
        account_id=account_ids,
        promo=promo_code_id,
        treated=True,
        assigned_at=assigned_at,
        redeemed_at=at,
        subscription_id=subscription_ids,
        updated_at=at,
    )


def redemption_rows(redemptions: Redemptions) -> Versions:
    """Return the versions of `promo_redemptions`."""
    key = redemptions.account_id * 100 + redemptions.promo
    return Versions(
        key=key,
        updated_at=redemptions.updated_at,
        values={
            "promo_redemption_id": key,
            "promo_code_id": redemptions.promo,
            "account_id": redemptions.account_id,
            "arm": choices(v.PROMO_ARMS, np.where(redemptions.treated, 0, 1)),
            "assigned_at": redemptions.assigned_at,
            "redeemed_at": redemptions.redeemed_at,
            "subscription_id": redemptions.subscription_id,
            "created_at": redemptions.assigned_at,
        },
    )
