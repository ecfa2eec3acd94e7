"""The accounts that sign up in a month, with their traits.

Contains: the number of signups and the traits that are drawn once per account. Out of scope: names
(people.py).
"""

from __future__ import annotations

import numpy as np

from saas_platform.clock import Month
from saas_platform.company.columns import Array
from saas_platform.company.parameters import Growth, Parameters
from saas_platform.company.randomness import Dice, choose
from saas_platform.company.state import ENTRY, METHOD, Accounts
from saas_platform.company.timestamps import DAY, HOUR, Span
from saas_platform.schema import vocabulary as v

#: Language of each country, in the order of v.COUNTRIES.
_HOME_LANGUAGE = ("en", "en", "de", "fr", "nl", "es", "sv", "en", "en", "pt", "en", "ja")
#: Standard deviation of the logarithm of an account's payment risk. The mean of the risk is 1.
RISK_SIGMA = 0.5
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _weight(growth: Growth, start: Month, month: Month) -> float:
    rise = (1.0 + growth.usual) ** (month.index - start.index)
    return rise * growth.season[month.number - 1]


def signups(growth: Growth, accounts: int, start: Month, month: Month) -> int:
    """Return how many accounts sign up in a month.

    The number never falls when `accounts` or the growth is increased.
    """
    offset = month.index - start.index
    if offset < 0:
        return 0
    if growth.given:
        if offset < len(growth.given):
            return growth.given[offset]
        last = start.plus(len(growth.given) - 1)
        season = growth.season[month.number - 1] / growth.season[last.number - 1]
        rise = (1.0 + growth.monthly) ** (month.index - last.index)
        return int(round(growth.given[-1] * rise * season, 9) + 0.5)
    bend = ((1.0 + growth.monthly) / (1.0 + growth.usual)) ** offset
    return int(round(_usual_signups(growth, accounts, start, month) * bend, 9) + 0.5)


def _usual_signups(growth: Growth, accounts: int, start: Month, month: Month) -> int:
    """Return the signups of a month at the usual growth.

    Within the window, account j belongs to the month that the j-th point of the golden-ratio sequence
    hits. Therefore the months sum to `accounts`, and one more account adds exactly one signup.
    """
    window = [start.plus(k) for k in range(growth.window_months)]
    weights = np.array([_weight(growth, start, m) for m in window])
    offset = month.index - start.index
    if offset >= len(window):
        return int(accounts * round(_weight(growth, start, month) / weights.sum(), 9) + 0.5)
    bounds = np.append(np.round(np.cumsum(weights / weights.sum())[:-1], 9), 1.0)
    points = (np.arange(1, accounts + 1, dtype=np.uint64) * _GOLDEN >> np.uint64(11)) * 2.0**-53
    lower = bounds[offset - 1] if offset else 0.0
    return int(np.count_nonzero((points >= lower) & (points < bounds[offset])))


def opening_timestamps(dice: Dice, growth: Growth, ids: Array, span: Span) -> Array:
    """Return when the accounts of a month sign up or come back.

    All timestamps are within the opening hours, and fewer of them are on weekend days.
    """
    first_weekday = (span.start // DAY + 3) % 7
    weekday = (first_weekday + np.arange(span.days)) % 7
    day = choose(
        dice.uniform("opening day", ids, span.index), np.where(weekday >= 5, growth.weekend, 1.0)
    )
    open_seconds = (growth.close_hour - growth.open_hour) * HOUR
    second = growth.open_hour * HOUR + dice.index(open_seconds, "opening second", ids, span.index)
    return span.start + day * DAY + second


def _log_normal(dice: Dice, ids: Array, stream: str, median: Array, sigma: Array) -> Array:
    return np.round(median * np.exp(sigma * dice.normal(stream, ids)), 6)


def accounts_of(dice: Dice, parameters: Parameters, span: Span, count: int) -> Accounts:
    """Return the accounts that sign up in a month, each drawn from its identity alone."""
    mix, staff = parameters.mix, parameters.staff
    month = span.month
    ids = (month.year % 100 * 100 + month.number) * 1_000_000 + np.arange(1, count + 1)
    segment = choose(dice.uniform("segment", ids), np.array(mix.segment))
    country = choose(dice.uniform("country", ids), np.array(mix.country))
    home = np.array([v.LANGUAGES.index(language) for language in _HOME_LANGUAGE])[country]
    english = dice.happens(mix.english_anyway, "english", ids)
    bought = _log_normal(
        dice, ids, "seats", np.array(mix.seats_median)[segment], np.array(mix.seats_sigma)[segment]
    )
    seats = np.clip(np.floor(bought + 0.5), 1, mix.seats_cap).astype(np.int64)
    # The number of employees defines the segment: below 50, below 500, or more.
    wanted = seats * (1.0 + np.round(3.0 * dice.uniform("employees", ids), 6))
    wanted = wanted * np.array([1.5, 4.0, 20.0])[segment]
    least, most = np.array([1, 50, 500])[segment], np.array([49, 499, 20_000])[segment]
    entry = choose(dice.uniform("entry", ids), np.array(mix.entry))
    method = choose(dice.uniform("method", ids), np.array(mix.method)[segment])
    return Accounts.build(
        count,
        account_id=ids,
        signup_month=month.index,
        signed_up_at=opening_timestamps(dice, parameters.growth, ids, span),
        segment=segment,
        industry=choose(dice.uniform("industry", ids), np.array(mix.industry)),
        country=country,
        language=np.where(english, v.LANGUAGES.index("en"), home),
        channel=choose(dice.uniform("channel", ids), np.array(mix.channel)[segment]),
        employees=np.clip(np.floor(wanted).astype(np.int64), least, most),
        seats=seats,
        tier=choose(dice.uniform("tier", ids), np.array(mix.tier)[segment]),
        annual=dice.happens(np.array(mix.annual)[segment], "annual", ids),
        entry=entry,
        method=np.where(entry == ENTRY["card_trial"], METHOD["card"], method),
        negotiated_percent=dice.index(
            np.array(mix.negotiated_percent)[segment] + 1, "negotiated", ids
        ),
        grandfathered=dice.happens(parameters.prices.grandfathered, "grandfathered", ids),
        price_sensitivity=dice.normal("price sensitivity", ids),
        payment_risk=np.round(
            np.exp(RISK_SIGMA * dice.normal("payment risk", ids) - RISK_SIGMA**2 / 2), 6
        ),
        adoption=staff.adoption[0]
        + (staff.adoption[1] - staff.adoption[0]) * dice.uniform("adoption", ids),
        trial_users=np.minimum(1 + dice.index(staff.trial_users, "trial users", ids), seats),
        fit=np.round(parameters.health.fit_sigma * dice.normal("fit", ids), 6),
    )
