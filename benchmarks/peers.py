"""Cases of benchmarks/generate.py for the other generators, each used as its documentation recommends.

Contains: rows like those of our `accounts`, `users` and `usage_events`, with as many columns, from Faker and
Mimesis; and jafgen's Jaffle Shop as it is. Out of scope: our generator, and the numbers of rows.

Every choice is made in the peer's favour. Parents are drawn with `random.choice` from the ids made before,
which is faster than the libraries' own choice. Addresses need not be unique. A user's timestamps need not
follow the account's. Rows stay dicts (ours end as typed Arrow columns) and are dropped after each month, as
ours are.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from benchmarks.measure import Laps

Row = dict[str, Any]
#: The id of a user and the id of its account.
UserKey = tuple[int, int]

_INDUSTRIES = ("software", "finance", "health", "retail", "education", "media", "public")
_SEGMENTS = ("smb", "mid_market", "enterprise")
_LANGUAGES = ("en", "de", "fr", "nl", "es", "sv", "pt", "ja")
_CHANNELS = ("organic", "paid_search", "paid_social", "referral", "partner", "outbound")
_ROLES = ("owner", "admin", "member", "viewer")
_DEVICES = ("desktop", "mobile", "tablet")
_EVENT_TYPES = ("login", "feature_use")
_FEATURES = tuple(range(1, 16))
_FIRST, _LAST = datetime(2024, 1, 1), datetime(2025, 12, 31)
_SEED = 7


class Generator(Protocol):
    """Makes the rows of one batch; ids run from `first`."""

    def accounts(self, first: int, count: int) -> list[Row]: ...

    def users(self, first: int, count: int, accounts: list[int]) -> list[Row]: ...

    def events(self, first: int, count: int, users: list[UserKey]) -> list[Row]: ...


def _generate(
    laps: Laps, make: Generator, *, accounts: int, users: int, events: int, batches: int
) -> None:
    """Generate the rows batch by batch, children from parents that exist already."""
    random.seed(_SEED)
    account_ids: list[int] = []
    user_keys: list[UserKey] = []
    for batch in range(batches):

        def portion(total: int, batch: int = batch) -> tuple[int, int]:
            """Return the first id and the number of the rows of this batch."""
            first = total * batch // batches
            return first, total * (batch + 1) // batches - first

        with laps.lap("accounts"):
            rows = make.accounts(*portion(accounts))
            account_ids += [row["account_id"] for row in rows]
        laps.rows["accounts"] += len(rows)
        with laps.lap("users"):
            rows = make.users(*portion(users), account_ids)
            user_keys += [(row["user_id"], row["account_id"]) for row in rows]
        laps.rows["users"] += len(rows)
        with laps.lap("events"):
            rows = make.events(*portion(events), user_keys)
        laps.rows["events"] += len(rows)


class _Faker:
    """Faker with one call of its proxy for each value, as in its README."""

    def __init__(self, *, use_weighting: bool) -> None:
        from faker import Faker

        Faker.seed(_SEED)
        self._fake = Faker(use_weighting=use_weighting)

    def accounts(self, first: int, count: int) -> list[Row]:
        return [self._account(key) for key in range(first, first + count)]

    def _account(self, key: int) -> Row:
        fake = self._fake
        created_at = fake.date_time_between(_FIRST, _LAST)
        return {
            "account_id": key,
            "name": fake.company(),
            "domain": fake.domain_name(),
            "industry": fake.random_element(_INDUSTRIES),
            "segment": fake.random_element(_SEGMENTS),
            "employee_count": fake.random_int(1, 5000),
            "country": fake.country_code(),
            "language": fake.random_element(_LANGUAGES),
            "acquisition_channel": fake.random_element(_CHANNELS),
            "signed_up_at": created_at,
            "created_at": created_at,
            "updated_at": created_at,
        }

    def users(self, first: int, count: int, accounts: list[int]) -> list[Row]:
        return [self._user(key, random.choice(accounts)) for key in range(first, first + count)]

    def _user(self, key: int, account_id: int) -> Row:
        fake = self._fake
        created_at = fake.date_time_between(_FIRST, _LAST)
        return {
            "user_id": key,
            "account_id": account_id,
            "email": fake.email(),
            "full_name": fake.name(),
            "role": fake.random_element(_ROLES),
            "device": fake.random_element(_DEVICES),
            "deactivated_at": None,
            "created_at": created_at,
            "updated_at": created_at,
        }

    def events(self, first: int, count: int, users: list[UserKey]) -> list[Row]:
        return [self._event(key, random.choice(users)) for key in range(first, first + count)]

    def _event(self, key: int, user: UserKey) -> Row:
        fake = self._fake
        return {
            "event_id": key,
            "occurred_at": fake.date_time_between(_FIRST, _LAST),
            "account_id": user[1],
            "user_id": user[0],
            "event_type": fake.random_element(_EVENT_TYPES),
            "feature_id": fake.random_element(_FEATURES),
        }


class _Mimesis:
    """Mimesis with its providers called directly, which is its fastest way."""

    def __init__(self) -> None:
        from mimesis import Generic
        from mimesis.locales import Locale

        self._generic = Generic(Locale.EN, seed=_SEED)

    def accounts(self, first: int, count: int) -> list[Row]:
        return [self._account(key) for key in range(first, first + count)]

    def _account(self, key: int) -> Row:
        generic, choice = self._generic, random.choice
        created_at = generic.datetime.datetime(start=2024, end=2025)
        return {
            "account_id": key,
            "name": generic.finance.company(),
            "domain": generic.internet.hostname(),
            "industry": choice(_INDUSTRIES),
            "segment": choice(_SEGMENTS),
            "employee_count": generic.numeric.integer_number(1, 5000),
            "country": generic.address.country_code(),
            "language": choice(_LANGUAGES),
            "acquisition_channel": choice(_CHANNELS),
            "signed_up_at": created_at,
            "created_at": created_at,
            "updated_at": created_at,
        }

    def users(self, first: int, count: int, accounts: list[int]) -> list[Row]:
        return [self._user(key, random.choice(accounts)) for key in range(first, first + count)]

    def _user(self, key: int, account_id: int) -> Row:
        generic, choice = self._generic, random.choice
        created_at = generic.datetime.datetime(start=2024, end=2025)
        return {
            "user_id": key,
            "account_id": account_id,
            "email": generic.person.email(),
            "full_name": generic.person.full_name(),
            "role": choice(_ROLES),
            "device": choice(_DEVICES),
            "deactivated_at": None,
            "created_at": created_at,
            "updated_at": created_at,
        }

    def events(self, first: int, count: int, users: list[UserKey]) -> list[Row]:
        return [self._event(key, random.choice(users)) for key in range(first, first + count)]

    def _event(self, key: int, user: UserKey) -> Row:
        generic, choice = self._generic, random.choice
        return {
            "event_id": key,
            "occurred_at": generic.datetime.datetime(start=2024, end=2025),
            "account_id": user[1],
            "user_id": user[0],
            "event_type": choice(_EVENT_TYPES),
            "feature_id": choice(_FEATURES),
        }


class _MimesisSchema:
    """Mimesis with `Field` and `Schema`, as its chapter on structured data shows."""

    def __init__(self) -> None:
        from mimesis import Field
        from mimesis.locales import Locale

        self._field = Field(Locale.EN, seed=_SEED)

    @staticmethod
    def _create(row: Callable[[], Row], count: int) -> list[Row]:
        from mimesis import Schema

        return Schema(schema=row, iterations=count).create() if count else []

    def accounts(self, first: int, count: int) -> list[Row]:
        field, keys = self._field, iter(range(first, first + count))

        def row() -> Row:
            created_at = field("datetime", start=2024, end=2025)
            return {
                "account_id": next(keys),
                "name": field("finance.company"),
                "domain": field("internet.hostname"),
                "industry": field("choice", items=_INDUSTRIES),
                "segment": field("choice", items=_SEGMENTS),
                "employee_count": field("integer_number", start=1, end=5000),
                "country": field("country_code"),
                "language": field("choice", items=_LANGUAGES),
                "acquisition_channel": field("choice", items=_CHANNELS),
                "signed_up_at": created_at,
                "created_at": created_at,
                "updated_at": created_at,
            }

        return self._create(row, count)

    def users(self, first: int, count: int, accounts: list[int]) -> list[Row]:
        field, keys = self._field, iter(range(first, first + count))

        def row() -> Row:
            created_at = field("datetime", start=2024, end=2025)
            return {
                "user_id": next(keys),
                "account_id": random.choice(accounts),
                "email": field("person.email"),
                "full_name": field("person.full_name"),
                "role": field("choice", items=_ROLES),
                "device": field("choice", items=_DEVICES),
                "deactivated_at": None,
                "created_at": created_at,
                "updated_at": created_at,
            }

        return self._create(row, count)

    def events(self, first: int, count: int, users: list[UserKey]) -> list[Row]:
        field, keys = self._field, iter(range(first, first + count))

        def row() -> Row:
            user_id, account_id = random.choice(users)
            return {
                "event_id": next(keys),
                "occurred_at": field("datetime", start=2024, end=2025),
                "account_id": account_id,
                "user_id": user_id,
                "event_type": field("choice", items=_EVENT_TYPES),
                "feature_id": field("choice", items=_FEATURES),
            }

        return self._create(row, count)


def _measured(laps: Laps, make: Generator, **numbers: int) -> None:
    """Generate the rows after a warm-up that is not timed: the first rows load vocabularies and locales."""
    make.accounts(0, 20)
    make.users(0, 20, [0])
    make.events(0, 20, [(0, 0)])
    _generate(laps, make, **numbers)


def faker(laps: Laps, **numbers: int) -> None:
    """Generate the rows with `Faker()`."""
    _measured(laps, _Faker(use_weighting=True), **numbers)


def faker_unweighted(laps: Laps, **numbers: int) -> None:
    """Generate the rows with `Faker(use_weighting=False)`.

    All names are then equally frequent, which its README calls much faster.
    """
    _measured(laps, _Faker(use_weighting=False), **numbers)


def mimesis(laps: Laps, **numbers: int) -> None:
    """Generate the rows with the providers of Mimesis."""
    _measured(laps, _Mimesis(), **numbers)


def mimesis_schema(laps: Laps, **numbers: int) -> None:
    """Generate the rows with `Schema` and `Field` of Mimesis."""
    _measured(laps, _MimesisSchema(), **numbers)


def jafgen(laps: Laps, *, years: int) -> None:
    """Run `jafgen <years>` without its CSV files: customers, orders, items and tweets of the Jaffle Shop.

    Its rows have fewer columns than ours and describe another business. It is the only peer that also
    simulates.
    """
    from jafgen.simulation import Simulation

    with laps.lap("other"):
        shop = Simulation(years, "raw")
        shop.run_simulation()
    laps.rows["other"] = (
        len(shop.customers)
        + len(shop.orders)
        + sum(len(order.items) for order in shop.orders)
        + len(shop.tweets)
        + len(shop.markets)
    )
