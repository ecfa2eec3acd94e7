"""Names of people and companies, drawn by index from Faker's vocabularies.

Contains: the pools of names, and how names, domains and email addresses are built from them. Out of
scope: who gets which name.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saas_platform.company.columns import Array
from saas_platform.company.randomness import Dice

#: Faker locale and legal form of each country, in the order of v.COUNTRIES.
_LOCALES = (
    "en_US", "en_GB", "de_DE", "fr_FR", "nl_NL", "es_ES", "sv_SE", "en_US", "en_GB", "pt_BR",
    "en_IN", "ja_JP",
)  # fmt: skip
_FORMS = ("Inc", "Ltd", "GmbH", "SAS", "BV", "SL", "AB", "Inc", "Pty", "Ltda", "Pvt", "KK")
#: Top-level domain of each country, in the order of v.COUNTRIES.
_DOMAINS = ("com", "co.uk", "de", "fr", "nl", "es", "se", "ca", "com.au", "com.br", "in", "jp")
#: What companies of each industry call themselves, in the order of v.INDUSTRIES.
_TRADES = (
    ("Software", "Systems", "Labs", "Cloud"),
    ("Capital", "Finance", "Partners", "Insurance"),
    ("Health", "Care", "Medical", "Clinics"),
    ("Stores", "Trading", "Market", "Goods"),
    ("Works", "Industries", "Engineering", "Tools"),
    ("Academy", "Learning", "School", "Campus"),
    ("Media", "Studio", "Press", "Pictures"),
    ("Logistics", "Freight", "Transport", "Lines"),
    ("Consulting", "Advisory", "Group", "Associates"),
    ("Services", "Agency", "Institute", "Council"),
)
#: End of the local part of a user's email address.
_ORDINALS = pa.array([f"{ordinal}@" for ordinal in range(1000)])
_DIGITS = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", np.uint8)


def base36(ids: Array, width: int, prefix: str = "") -> pa.Array:
    """Return base-36 texts of fixed width, such as `00a3f`."""
    powers = 36 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    digits = np.ascontiguousarray(_DIGITS[ids[:, None] // powers % 36])
    buffer = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(ids), [None, pa.py_buffer(digits)]
    )
    texts = buffer.cast(pa.binary()).cast(pa.string())
    return pc.binary_join_element_wise(prefix, texts, "") if prefix else texts


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o"))
    return re.sub("[^a-z]", "", plain.encode("ascii", "ignore").decode().lower()) or "x"


@dataclass(frozen=True)
class Pool:
    """Names of all countries in one list. Country c has count[c] names, starting at first[c]."""

    names: pa.Array
    slugs: pa.Array
    first: Array
    count: Array

    def draw(self, dice: Dice, stream: str, country: Array, ids: Array) -> pa.Array:
        """Return drawn positions in the pool (int64)."""
        return pa.array(self.first[country] + dice.index(self.count[country], stream, ids))


@cache
def _pool(kind: str) -> Pool:
    names: list[str] = []
    first, count = [], []
    for locale in _LOCALES:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        latin = locale == "ja_JP"
        words = sorted(
            set(getattr(provider, f"{kind}_romanized_names" if latin else f"{kind}_names"))
        )
        first.append(len(names))
        count.append(len(words))
        names += words
    return Pool(
        pa.array(names), pa.array([_slug(n) for n in names]), np.array(first), np.array(count)
    )


@dataclass(frozen=True)
class CompanyNames:
    """Name and domain of each account."""

    names: pa.Array
    domains: pa.Array


def company_names(dice: Dice, ids: Array, country: Array, industry: Array) -> CompanyNames:
    """Return names built from a family name, a trade and a legal form, and unique domains with the id."""
    family = _pool("last")
    drawn = family.draw(dice, "company", country, ids)
    trade_index = industry * 4 + dice.index(4, "trade", ids)
    trades = pa.array([trade for group in _TRADES for trade in group]).take(pa.array(trade_index))
    names = pc.binary_join_element_wise(
        family.names.take(drawn), trades, pa.array(_FORMS).take(pa.array(country)), " "
    )
    return CompanyNames(names, company_domains(dice, ids, country))


def company_domains(dice: Dice, ids: Array, country: Array) -> pa.Array:
    """Return only the domains."""
    family = _pool("last")
    drawn = family.draw(dice, "company", country, ids)
    tail = pc.binary_join_element_wise(
        base36(ids, 7), pa.array(_DOMAINS).take(pa.array(country)), "."
    )
    return pc.binary_join_element_wise(family.slugs.take(drawn), tail, "-")


@dataclass(frozen=True)
class PersonNames:
    """Name and email address of each user."""

    names: pa.Array
    emails: pa.Array


def person_names(dice: Dice, user_ids: Array, country: Array, domains: pa.Array) -> PersonNames:
    """Return full names, and email addresses that are unique because they contain the user's ordinal."""
    given, family = _pool("first"), _pool("last")
    first = given.draw(dice, "first name", country, user_ids)
    last = family.draw(dice, "last name", country, user_ids)
    ordinal = _ORDINALS.take(pa.array(user_ids % 1000))
    local = pc.binary_join_element_wise(given.slugs.take(first), family.slugs.take(last), ".")
    return PersonNames(
        pc.binary_join_element_wise(given.names.take(first), family.names.take(last), " "),
        pc.binary_join_element_wise(local, ordinal, domains, ""),
    )
