"""The users of the accounts: who gets a login, who loses it and who is erased.

Contains: this step of a month, and the rows of `users` and `accounts`. Out of scope: the names
(names.py) and what users do (usage.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from saas_platform.company.columns import Array
from saas_platform.company.month_state import MonthState
from saas_platform.company.names import company_domains, company_names, person_names
from saas_platform.company.randomness import Dice, choose
from saas_platform.company.rendering import Versions, choices
from saas_platform.company.state import STATUS, Accounts, Subscriptions, Users
from saas_platform.company.timestamps import DAY, NEVER
from saas_platform.schema import vocabulary as v

#: Largest ordinal of a user within an account, because the key has three digits for it.
_LAST_ORDINAL = 999
#: Days within which new seats get their users.
_ROLLOUT_DAYS = 15
_ROLE_WEIGHTS = np.array((0.0, 0.12, 0.70, 0.18))
_DEVICE_WEIGHTS = np.array((0.78, 0.17, 0.05))


@dataclass
class People:
    """Users of a month: all that had a login in it, those created or changed in it, and those erased."""

    present: Users
    changed: Users
    erased: Users


def _deactivate(state: MonthState, users: Users) -> Array:
    """Deactivate users: the newest ones after a cut of seats, and some through turnover.

    Returns the positions of the deactivated users. Owners are never deactivated.
    """
    staff, dice, month = state.parameters.staff, state.dice, state.span.index
    live = np.flatnonzero(users.deactivated_at == NEVER)
    account = users.account[live]
    cut_at = state.seats_cut_at[account]
    seats_left = state.seats_paid[account]
    # Users are ordered by account and ordinal, so the rank is the distance to the account's first user.
    rank = np.arange(len(live)) - np.searchsorted(account, account, side="left")
    cut = (cut_at != NEVER) & (rank >= seats_left) & (users.created_at[live] < cut_at)
    whole_month = (state.access_from == state.span.start) & (state.access_until == state.span.end)
    leaves = whole_month[account] & dice.happens(
        staff.turnover, "turnover", users.user_id[live], month
    )
    left_at = state.span.start + dice.index(
        state.span.end - state.span.start, "left at", users.user_id[live], month
    )
    goes = (cut | leaves) & ~users.is_owner[live]
    gone = live[goes]
    users.deactivated_at[gone] = np.where(cut, cut_at, left_at)[goes]
    least, most = staff.erasure_days
    wait = least * DAY + dice.index((most - least) * DAY, "erasure wait", users.user_id[gone])
    asks = dice.happens(staff.erasure, "erasure", users.user_id[gone])
    users.erased_at[gone] = np.where(asks, users.deactivated_at[gone] + wait, NEVER)
    return gone


def _hire(state: MonthState, users: Users) -> Users:
    """Create new users: the owner at signup, then colleagues up to the wanted number."""
    accounts, dice, span = state.accounts, state.dice, state.span
    live = users.account[users.deactivated_at == NEVER]
    have = np.bincount(live, minlength=len(accounts))
    signed_up = accounts.signup_month == span.index
    trial = np.where(state.is_trial, accounts.trial_users, 0)
    paid = np.ceil(state.seats_paid * accounts.adoption).astype(np.int64)
    open_now = (state.access_from != NEVER) & (state.access_until > state.access_from)
    wanted = np.where(open_now, np.maximum(trial, paid), 0)
    wanted = np.where(signed_up, np.maximum(wanted, 1), wanted)
    missing = np.clip(wanted - have, 0, _LAST_ORDINAL - state.latent.users)
    account = np.repeat(np.arange(len(accounts)), missing)
    within = np.arange(len(account)) - np.repeat(np.cumsum(missing) - missing, missing)
    user_id = accounts.account_id[account] * 1000 + state.latent.users[account] + within + 1
    state.latent.users += missing
    # Colleagues in a trial join from its start. Users of paid seats join once the seats are paid.
    ready = np.maximum(state.access_from[account], state.seats_paid_from[account])
    ready = np.where(within + have[account] < trial[account], state.access_from[account], ready)
    until = np.minimum(state.access_until[account], ready + _ROLLOUT_DAYS * DAY)
    joined = ready + dice.index(np.maximum(until - ready, 1), "joined", user_id)
    is_owner = user_id % 1000 == 1
    return Users.build(
        len(user_id),
        user_id=user_id,
        account=account,
        created_at=np.where(is_owner, accounts.signed_up_at[account], joined),
        deactivated_at=NEVER,
        erased_at=NEVER,
    )


def move_people(state: MonthState, users: Users) -> People:
    """Simulate a month of the users. `users` is ordered by key, and so is `People.present`."""
    gone = _deactivate(state, users)
    changed = users.take(gone)
    joined = _hire(state, users)
    everybody = Users.concat([users, joined])
    everybody = everybody.take(np.argsort(everybody.user_id, kind="stable"))
    return People(
        present=everybody,
        changed=Users.concat([joined, changed]),
        erased=everybody.take(state.span.holds(everybody.erased_at)),
    )


def remaining(people: People, month_end: int) -> Users:
    """Return the users that the next month needs: live ones, and those not yet erased."""
    users = people.present
    return users.take((users.deactivated_at == NEVER) | (users.erased_at >= month_end))


def note_seats(state: MonthState, subs: Subscriptions) -> None:
    """Record the seats that each account pays for at the end of the month, and since when."""
    paying = np.flatnonzero(
        ~subs.second & ((subs.status == STATUS["active"]) | (subs.status == STATUS["past_due"]))
    )
    state.seats_paid[subs.account[paying]] = subs.seats[paying]
    state.seats_paid_from[subs.account[paying]] = subs.activated_at[paying]


def user_rows(dice: Dice, users: Users, accounts: Accounts) -> Versions:
    """Return versions of `users`: as created, or as deactivated where `deactivated_at` is set."""
    account, key = users.account, users.user_id
    named = np.zeros(len(accounts), np.bool_)
    named[account] = True
    domains = company_domains(dice, accounts.account_id[named], accounts.country[named])
    position = (np.cumsum(named) - 1)[account]
    names = person_names(dice, key, accounts.country[account], domains.take(pa.array(position)))
    role = choose(dice.uniform("role", key), _ROLE_WEIGHTS)
    device = choose(dice.uniform("device", key), _DEVICE_WEIGHTS)
    return Versions(
        key=key,
        updated_at=np.maximum(users.created_at, users.deactivated_at),
        values={
            "user_id": key,
            "account_id": accounts.account_id[account],
            "email": names.emails,
            "full_name": names.names,
            "role": choices(v.ROLES, np.where(users.is_owner, 0, role)),
            "device": choices(v.DEVICES, device),
            "deactivated_at": users.deactivated_at,
            "created_at": users.created_at,
        },
    )


def account_rows(dice: Dice, accounts: Accounts) -> Versions:
    """Return the rows of `accounts`, which are created at signup."""
    companies = company_names(dice, accounts.account_id, accounts.country, accounts.industry)
    return Versions(
        key=accounts.account_id,
        updated_at=accounts.signed_up_at,
        values={
            "account_id": accounts.account_id,
            "name": companies.names,
            "domain": companies.domains,
            "industry": choices(v.INDUSTRIES, accounts.industry),
            "segment": choices(v.SEGMENTS, accounts.segment),
            "employee_count": accounts.employees,
            "country": choices(v.COUNTRIES, accounts.country),
            "language": choices(v.LANGUAGES, accounts.language),
            "acquisition_channel": choices(v.CHANNELS, accounts.channel),
            "signed_up_at": accounts.signed_up_at,
            "created_at": accounts.signed_up_at,
        },
    )
