"""Support tickets: how many there are, and their rows.

Contains: the month's tickets with all their timestamps, and the rows of `support_tickets`. Out of
scope: the effect of complaints on churn (hazards.py).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from saas_platform.company.columns import Array
from saas_platform.company.month_state import MonthState
from saas_platform.company.parameters import Outage, Parameters
from saas_platform.company.randomness import Dice, choose
from saas_platform.company.rendering import Versions, choices
from saas_platform.company.state import NONE, TICKET, Tickets, Users
from saas_platform.company.timestamps import DAY, HOUR, NEVER, Span
from saas_platform.schema import vocabulary as v

_OTHER_CATEGORIES = np.array([TICKET[c] for c in ("question", "bug", "billing", "feature_request")])
#: Weights of v.TICKET_PRIORITIES for each category, in the order of v.TICKET_CATEGORIES.
_PRIORITIES = np.array(
    (
        (0.35, 0.55, 0.09, 0.01),
        (0.10, 0.45, 0.33, 0.12),
        (0.03, 0.32, 0.45, 0.20),
        (0.15, 0.60, 0.20, 0.05),
        (0.60, 0.36, 0.04, 0.00),
    )
)
#: Weights of the satisfaction marks 1 to 5: for other tickets, and for complaints.
_MARKS = np.array(((0.06, 0.08, 0.18, 0.34, 0.34), (0.34, 0.26, 0.20, 0.13, 0.07)))
_SUBJECTS = (
    ("How do I invite colleagues?", "Where do I find the export?", "Can I change the start of the week?"),
    ("Search finds nothing", "Export stops half way", "Page stays blank after login"),
    ("Too slow since last week", "Promised feature still missing", "Data was lost again"),
    ("Question about the last invoice", "Please change the billing address", "Charged twice?"),
    ("Please add a calendar view", "Wish: dark mode", "Wish: more roles"),
)  # fmt: skip


def _outcry(outages: tuple[Outage, ...], span: Span) -> float:
    """Return a month's complaints as a multiple of the usual number, from the days with an outage."""
    day = span.start // DAY + np.arange(span.days)
    level = np.ones(span.days)
    for outage in outages:
        level[outage.covers(day)] *= outage.complaints
    return float(level.mean())


def ticket_means(
    parameters: Parameters,
    span: Span,
    access_from: Array,
    access_until: Array,
    seats_paid: Array,
    trial_users: Array,
) -> tuple[Array, Array]:
    """Return the expected numbers of other tickets and of complaints in a month, at health 0.

    Args:
        parameters: the company's parameters.
        span: the month.
        access_from: start of each account's access in the month, or NEVER.
        access_until: end of that access.
        seats_paid: seats that each account pays for at the end of the month.
        trial_users: users of each account during a trial.
    """
    support = parameters.support
    length = np.maximum(access_until - access_from, 0)
    share = np.where(access_from == NEVER, 0.0, length / (span.end - span.start))
    # An account with access for two days or less opens no ticket.
    share = np.where(length > 2 * DAY, share, 0.0)
    size = np.where(seats_paid > 0, seats_paid, trial_users)
    usual = share * (support.base + support.by_root_seats * np.sqrt(size))
    return usual, share * support.complaints * _outcry(parameters.outages, span)


def draw_counts(state: MonthState) -> tuple[Array, Array]:
    """Draw the numbers of other tickets and of complaints of each account in the month."""
    dice, accounts = state.dice, state.accounts
    usual, complaints = ticket_means(
        state.parameters,
        state.span,
        state.access_from,
        state.access_until,
        state.seats_paid,
        accounts.trial_users,
    )
    sick = np.exp(-state.parameters.support.health * state.latent.health)
    ids, month = accounts.account_id, state.span.index
    return (
        dice.poisson(usual * sick, "tickets", ids, month),
        dice.poisson(complaints * sick, "complaints", ids, month),
    )


def open_tickets(state: MonthState, users: Users, others: Array, complaints: Array) -> Tickets:
    """Return the month's tickets, each of a user who has a login at that time.

    `users` is ordered by key.
    """
    dice, span, accounts = state.dice, state.span, state.accounts
    total = others + complaints
    account = np.repeat(np.arange(len(total)), total)
    number = np.arange(len(account)) - np.repeat(np.cumsum(total) - total, total)
    ids = accounts.account_id[account]
    begin, end = state.access_from[account], state.access_until[account]
    opened = begin + HOUR + dice.index(end - begin - HOUR, "opened", ids, span.index, number)
    other = _OTHER_CATEGORIES[
        choose(
            dice.uniform("category", ids, span.index, number),
            np.array(state.parameters.support.category),
        )
    ]
    category = np.where(number < complaints[account], TICKET["complaint"], other)

    order = np.lexsort((number, opened, account))
    account, opened, category, ids = account[order], opened[order], category[order], ids[order]
    key = (ids * 1000 + span.index - accounts.signup_month[account]) * 1000 + number + 1

    first = np.searchsorted(users.account, account, side="left")
    after = np.searchsorted(users.account, account, side="right")
    asked = first + dice.index(after - first, "asks", key)
    there = (users.created_at[asked] <= opened) & (
        (users.deactivated_at[asked] == NEVER) | (users.deactivated_at[asked] > opened)
    )
    responded = opened + 300 + dice.index(20 * HOUR, "responded", key)
    longest = (state.parameters.support.longest_days - 1) * DAY - HOUR
    slow = np.round(dice.uniform("resolved", key) ** 3, 9)
    return Tickets.build(
        len(key),
        ticket_id=key,
        account_id=ids,
        user_id=np.where(there, users.user_id[asked], ids * 1000 + 1),
        category=category,
        opened_at=opened,
        responded_at=responded,
        resolved_at=responded + HOUR + np.floor(slow * longest).astype(np.int64),
    )


def ticket_rows(dice: Dice, parameters: Parameters, tickets: Tickets) -> Versions:
    """Return the versions of `support_tickets`: opened, answered and resolved."""
    size = len(tickets)
    row = np.tile(np.arange(size), 3)
    stage = np.repeat(np.arange(3), size)
    key, category = tickets.ticket_id[row], tickets.category[row]
    is_complaint = (category == TICKET["complaint"]).astype(np.int64)
    mark = 1 + choose(dice.uniform("mark", key), _MARKS[is_complaint])
    marked = (stage == 2) & dice.happens(parameters.support.satisfaction_given, "marked", key)
    subject = category * 3 + dice.index(3, "subject", key)
    timestamps = np.stack([tickets.opened_at, tickets.responded_at, tickets.resolved_at])
    return Versions(
        key=key,
        updated_at=timestamps.ravel(),
        values={
            "ticket_id": key,
            "account_id": tickets.account_id[row],
            "user_id": tickets.user_id[row],
            "category": choices(v.TICKET_CATEGORIES, category),
            "priority": choices(
                v.TICKET_PRIORITIES, choose(dice.uniform("priority", key), _PRIORITIES[category])
            ),
            "status": choices(v.TICKET_STATUSES, stage),
            "subject": pa.array([s for group in _SUBJECTS for s in group]).take(pa.array(subject)),
            "opened_at": tickets.opened_at[row],
            "first_response_at": np.where(stage >= 1, tickets.responded_at[row], NEVER),
            "resolved_at": np.where(stage == 2, tickets.resolved_at[row], NEVER),
            "satisfaction": np.where(marked, mark, NONE),
            "created_at": tickets.opened_at[row],
        },
    )
