"""Usage events: what users do in a month, day by day.

Contains: sessions (a login, then features) and the rows of `usage_events`. Out of scope: health and
access, which decide the usage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from saas_platform.company.columns import Array
from saas_platform.company.offering import FEATURES, Offering
from saas_platform.company.parameters import Outage, Parameters
from saas_platform.company.randomness import Dice
from saas_platform.company.rendering import choices, table_of
from saas_platform.company.state import NONE, Accounts, Presence, Users
from saas_platform.company.timestamps import DAY, HOUR, NEVER, Span
from saas_platform.schema import vocabulary as v

#: Mean seconds between two actions of a session.
_PACE = 240
#: Account ids, and the events of an account in a month, are below these limits, so keys are unique.
_ACCOUNT_IDS = 10**10
_EVENTS_IN_ACCOUNT_MONTH = 10**5
_SECONDS_IN_MONTH = 31 * DAY
_USERS_IN_ACCOUNT = 1_000
#: Users processed at a time, so that a month of their days fits into the processor's cache.
_CHUNK = 4_096


def active_days(
    dice: Dice, parameters: Parameters, span: Span, users: Users, presence: Presence
) -> tuple[Array, Array]:
    """Return pairs of a user's position and a day of the month (from 0) on which the user is active.

    Args:
        dice: the random numbers.
        parameters: the company's parameters.
        span: the month.
        users: the users.
        presence: access and health of all accounts in the month.
    """
    usage, account = parameters.usage, users.account
    day = np.arange(span.days)
    weekday = (span.start // DAY + 3 + day) % 7
    season = usage.season[span.month.number - 1]
    taste = np.exp(usage.user_sigma * dice.normal("taste", users.user_id))
    own = usage.daily * taste * np.where(presence.is_trial[account], usage.trial, 1.0)
    before, after = presence.health_before[account], presence.health_after[account]
    health = before[:, None] + (after - before)[:, None] * (day / span.days)
    level = np.exp(usage.health * health) * (season * own)[:, None]
    level *= np.where(weekday >= 5, usage.weekend, 1.0) * up_time(parameters.outages, span)
    leaving = presence.leaving_from[account][:, None]
    level *= np.where((leaving != NEVER) & (span.start + day * DAY >= leaving), usage.leaving, 1.0)
    chance = np.round(np.minimum(level, usage.highest), 6)
    drawn = dice.uniform("active", users.user_id[:, None], span.start // DAY + day)
    position, active_day = np.nonzero(drawn < chance)
    return position, active_day


def up_time(outages: tuple[Outage, ...], span: Span) -> Array:
    """Return the fraction of the usual activity that outages leave on each day of the month."""
    day = span.start // DAY + np.arange(span.days)
    level = np.ones(span.days)
    for outage in outages:
        level[outage.covers(day)] *= outage.activity
    return level


@dataclass(frozen=True)
class UsageMonth:
    """What decides the usage of a month.

    Attributes:
        span: the month.
        accounts: all accounts.
        users: the users of the month, ordered by key.
        presence: access and health of all accounts in the month.
    """

    span: Span
    accounts: Accounts
    users: Users
    presence: Presence


def _sessions(dice: Dice, parameters: Parameters, month: UsageMonth) -> tuple[Array, Array, Array]:
    """Return all actions: the user's position, the timestamp and the ordinal in the session.

    Whether the user has access at that time is not checked yet.
    """
    usage, span, users = parameters.usage, month.span, month.users
    position, day = active_days(dice, parameters, span, users, month.presence)
    user_id, date = users.user_id[position], span.start // DAY + day
    early, late = usage.hours
    local = early * HOUR + dice.index(int((late - early) * HOUR), "hour", user_id, date)
    offset = np.array(usage.utc_offset)[month.accounts.country[users.account[position]]]
    start = span.start + day * DAY + (local - offset * HOUR).astype(np.int64) % DAY
    actions = 2 + dice.poisson(usage.features, "actions", user_id, date)
    row = np.repeat(np.arange(len(start)), actions)
    ordinal = np.arange(len(row)) - np.repeat(np.cumsum(actions) - actions, actions)
    pause = dice.index(_PACE, "pause", user_id[row], date[row], ordinal)
    timestamp = start[row] + ordinal * _PACE + np.where(ordinal > 0, pause, 0)
    return position[row], timestamp, ordinal


def usage_table(
    dice: Dice, parameters: Parameters, offering: Offering, month: UsageMonth, cutoff: int
) -> pa.Table:
    """Return the events in [month start, cutoff), ordered by account and timestamp.

    Events are numbered over the whole month before the cutoff applies, so that a later cutoff only
    appends.

    Args:
        dice: the random numbers.
        parameters: the company's parameters.
        offering: the features and their release dates.
        month: the month, with its accounts and users.
        cutoff: end of the events, in seconds since 1970.

    Raises:
        ValueError: an account has more events in the month than the key has room for.
    """
    span, accounts = month.span, month.accounts
    users, presence = month.users, month.presence
    who_parts, timestamp_parts, ordinal_parts = [], [], []
    has_access = presence.access_from[users.account] != NEVER
    gone = (users.deactivated_at != NEVER) & (users.deactivated_at <= span.start)
    relevant = np.flatnonzero(has_access & ~gone)
    for begin in range(0, len(relevant), _CHUNK):
        chunk = relevant[begin : begin + _CHUNK]
        position, timestamp, ordinal = _sessions(
            dice, parameters, replace(month, users=users.take(chunk))
        )
        who = chunk[position]
        account = users.account[who]
        last = np.where(users.deactivated_at[who] == NEVER, span.end, users.deactivated_at[who])
        allowed = (
            (timestamp >= presence.access_from[account])
            & (timestamp >= users.created_at[who])
            & (timestamp < np.minimum(presence.access_until[account], last))
        )
        who_parts.append(who[allowed])
        timestamp_parts.append(timestamp[allowed])
        ordinal_parts.append(ordinal[allowed])
    if not who_parts:
        who_parts = timestamp_parts = ordinal_parts = [np.empty(0, np.int64)]
    who, timestamp = np.concatenate(who_parts), np.concatenate(timestamp_parts)
    ordinal = np.concatenate(ordinal_parts)

    account = users.account[who]
    # One number for account, timestamp and user, because sorting by three columns takes five times as long.
    rank = who - np.searchsorted(users.account, np.arange(len(accounts)))[account]
    key = (account * _SECONDS_IN_MONTH + timestamp - span.start) * _USERS_IN_ACCOUNT + rank
    order = np.argsort(key, kind="stable")
    who, timestamp, ordinal, account = who[order], timestamp[order], ordinal[order], account[order]
    begins = np.flatnonzero(np.append(True, account[1:] != account[:-1])[: len(account)])
    counts = np.diff(np.append(begins, len(account)))
    sequence = np.arange(len(account)) - np.repeat(begins, counts) + 1
    if len(sequence) and sequence.max() >= _EVENTS_IN_ACCOUNT_MONTH:
        raise ValueError(
            f"an account has more than {_EVENTS_IN_ACCOUNT_MONTH - 1:,} events in {span.month}"
        )
    account_id = accounts.account_id[account]
    # The month comes first, so that a database that stores rows in key order only has to append.
    yymm = span.month.year % 100 * 100 + span.month.number
    event_id = (yymm * _ACCOUNT_IDS + account_id) * _EVENTS_IN_ACCOUNT_MONTH + sequence

    feature = _features(dice, offering, span, users.user_id[who], timestamp)
    is_login = ordinal == 0
    shown = timestamp < cutoff
    return table_of(
        "usage_events",
        {
            "event_id": event_id[shown],
            "occurred_at": timestamp[shown],
            "account_id": account_id[shown],
            "user_id": users.user_id[who[shown]],
            "event_type": choices(v.EVENT_TYPES, np.where(is_login, 0, 1)[shown]),
            "feature_id": np.where(is_login, NONE, feature)[shown],
        },
    )


def _features(
    dice: Dice, offering: Offering, span: Span, user_id: Array, timestamp: Array
) -> Array:
    """Draw the feature of each action by weight from those released; releases are at the start of a month."""
    weights = np.array([feature.weight for feature in FEATURES])
    weights = np.where(offering.released_at <= span.start, weights, 0.0)
    bounds = np.round(np.cumsum(weights) / weights.sum(), 9)[:-1]
    return np.searchsorted(bounds, dice.uniform("feature", user_id, timestamp), side="right") + 1
