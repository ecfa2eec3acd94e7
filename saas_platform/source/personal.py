"""Recognise columns with personal data, by the words of their names and by a sample of their values.

Contains: the forms of values (python-stdnum checks the checksums), and the decision.
Out of scope: the words (personal_words.py), drawing the sample (each engine's discovery.py), and how the column is
treated (tables.yaml).

The decision is conservative, because a wrong mark hides values that someone needs. A name must match by whole
words, so `filename` does not match `name`. Values must have the form in a clear majority. A person reviews
the marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, get_args

import sqlalchemy as sa
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn

from saas_platform.schema.columns import Pii
from saas_platform.schema.kinds import KindName, TextForm, kind_of_type
from saas_platform.source.personal_words import ABOUT, NAMES, PERSONS, WHETHER, WORDS

#: The share of the sampled values that must have a kind's form.
_MAJORITY = 0.8
#: The fewest distinct values that must have a form. Forms of digits only need more, as numbers match by
#: chance.
_FEWEST, _FEWEST_DIGITS = 3, 10
#: The number of values to look at; more of them would not change the answer.
SAMPLE = 1_000


@dataclass(frozen=True)
class Personal:
    """The kind of personal data that a column holds, and the reason for the decision."""

    kind: Pii
    why: str


_NUMBERS: frozenset[Pii] = frozenset({"phone", "card", "national_id", "bank"})
#: For each kind of column, the personal data that it can hold.
_HELD: Mapping[KindName, Set[Pii]] = {
    "flag": frozenset(),
    "integer": _NUMBERS | {"birth_date"},
    "integer32": _NUMBERS | {"birth_date"},
    "float": _NUMBERS | {"location"},
    "decimal": _NUMBERS | {"location"},
    "time": frozenset({"birth_date"}),
    "date": frozenset({"birth_date"}),
    "any": frozenset(get_args(Pii)),
    "text": frozenset(get_args(Pii)),
    "bytes": frozenset({"credential"}),
}
#: The kinds of column whose values can be recognised, by the form of their canonical text.
_RECOGNISED: Collection[TextForm] = ("characters", "digits")


def personal_kind(
    name: str,
    values: Iterable[Any] = (),
    type_: sa.types.TypeEngine[Any] | None = None,
    table: str = "",
) -> Pii | None:
    """Return the kind of personal data that a column holds; None if none is recognised.

    >>> personal_kind("customerEmail"), personal_kind("filename")
    ('email', None)
    """
    found = personal(name, values, type_, table)
    return None if found is None else found.kind


def personal(
    name: str,
    values: Iterable[Any] = (),
    type_: sa.types.TypeEngine[Any] | None = None,
    table: str = "",
) -> Personal | None:
    """Return the personal data that a column holds, judged by its name, then by a sample of its values.

    A type, if given, rules out the kinds that it can't hold: a flag `mobile` is not a telephone number. The name of
    the table, if given, shows whether its rows are persons. Returns None if no personal data is recognised.
    """
    by_name = _by_name(name) or _by_table(name, table)
    if by_name is not None and (type_ is None or _can_hold(by_name.kind, type_)):
        return by_name
    kind = None if type_ is None else kind_of_type(type_)
    if type_ is None or (kind is not None and kind.text in _RECOGNISED):
        return _by_values(name, values)
    return None


def words(name: str) -> list[str]:
    """Split a name into words at non-letters and capitals, in lower case and without accents.

    >>> words("KundenE-Mail"), words("prénom_2"), words("IPAddress")
    (['kunden', 'e', 'mail'], ['prenom', '2'], ['ip', 'address'])
    """
    spelled = name.replace("ß", "ss").replace("ł", "l").replace("Ł", "L").replace("ø", "o")
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c)
    )
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return re.findall(r"[a-z]+|[0-9]+", apart.lower())


def _phrases() -> dict[tuple[str, ...], Pii]:
    return {
        tuple(phrase.split()): kind
        for kind, listed in reversed(WORDS.items())
        for phrase in listed.split(", ")
    }


_PHRASES = _phrases()
_LONGEST = max(map(len, _PHRASES))
_ORDER = list(WORDS)


def _by_name(name: str) -> Personal | None:
    found = words(name)
    if found and found[0] in WHETHER:
        return None
    matches = []
    for start in range(len(found)):
        for end in range(min(len(found), start + _LONGEST), start, -1):
            kind = _PHRASES.get(tuple(found[start:end]))
            # A word after the match may say that the column only describes it: email_sent, phone_type.
            if kind is not None and not ABOUT.intersection(found[end:]):
                matches.append((start - end, _ORDER.index(kind), start, end))
                break
    if not matches:
        return None
    _, place, start, end = min(matches, key=lambda match: (match[1], match[0]))
    return Personal(_ORDER[place], f"its name has {' '.join(found[start:end])!r}")


def _by_table(name: str, table: str) -> Personal | None:
    """Return a mark for the column `name` of a table of persons. The last word of a table's name says what it holds."""
    last = words(table)[-1:]
    if len(found := words(name)) == 1 and found[0] in NAMES and PERSONS.intersection(last):
        return Personal("name", f"it names the rows of a table of persons ({last[0]!r})")
    return None


def _can_hold(personal_data: Pii, type_: sa.types.TypeEngine[Any]) -> bool:
    kind = kind_of_type(type_)
    return kind is None or personal_data in _HELD[kind.name]


# By values.


def _by_values(name: str, values: Iterable[Any]) -> Personal | None:
    texts = [str(v).strip() for v in values if isinstance(v, str | int) and not isinstance(v, bool)]
    texts = [text for text in texts if text][:SAMPLE]
    for form in _FORMS:
        if form.other.intersection(words(name)):
            continue
        matching = [text for text in texts if form.has(text)]
        if len(set(matching)) >= form.fewest and len(matching) >= _MAJORITY * len(texts):
            return Personal(
                form.kind, f"{len(matching)} of {len(texts)} sampled values are {form.called}"
            )
    return None


@dataclass(frozen=True)
class _Form:
    kind: Pii
    called: str
    has: Callable[[str], bool]
    #: The fewest distinct values that must have the form.
    fewest: int = _FEWEST
    #: Words in the name of a column whose values look like the form but are something else.
    other: frozenset[str] = frozenset()


_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;.]+(\.[^@\s<>,;.]+)*\.[^\W\d_]{2,}")
_SECRET = re.compile(r"\$2[abxy]\$\d\d\$.{53}|\$argon2.+|\$pbkdf2.+|eyJ[\w-]+\.[\w-]+\.[\w-]*")
_PHONES = (
    re.compile(r"\+\d[\d ().\-/]{6,20}"),
    re.compile(r"(1[ .-])?(\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}( ?(x|ext\.?) ?\d+)?"),
    re.compile(r"\(?0\d{1,4}\)?[ /-]\d{3,}[\d /-]*"),
    re.compile(r"0\d([ .]\d\d){4}"),
)
_NINO = re.compile(r"(?![DFIQUV])[A-Z](?![DFIQUVO])[A-Z] ?\d\d ?\d\d ?\d\d ?[A-D]")
#: Ids with a written form that is rare otherwise, each with the function that checks the rest.
_IDS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"\d{3}-\d\d-\d{4}"), ssn.is_valid),
    (re.compile(r"\d{8}-?[A-Z]", re.IGNORECASE), dni.is_valid),
    (re.compile(r"[XYZ]\d{7}-?[A-Z]", re.IGNORECASE), nie.is_valid),
    (re.compile(r"[A-Z0-9]{15}[A-Z]", re.IGNORECASE), codicefiscale.is_valid),
    (re.compile(r"[1278][0-9AB ]{14,21}"), nir.is_valid),
    (re.compile(r"\d{6}(\d\d)?[-+]\d{4}"), personnummer.is_valid),
)


def _is_phone(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return 7 <= digits <= 15 and any(form.fullmatch(text) for form in _PHONES)


def _is_ip(text: str) -> bool:
    if text.count(".") != 3 and text.count(":") < 2:
        return False
    try:
        ip_address(text.partition("/")[0])
    except ValueError:
        return False
    return True


def _is_card(text: str) -> bool:
    joined = re.sub(r"[ -]", "", text)
    return bool(re.fullmatch(r"[2-6]\d{12,18}", joined)) and luhn.is_valid(joined)


def _is_national_id(text: str) -> bool:
    return bool(_NINO.fullmatch(text)) or any(
        form.fullmatch(text) and check(text) for form, check in _IDS
    )


def _digits(check: Callable[[str], bool]) -> Callable[[str], bool]:
    """Restrict the check to numbers, because a text with other characters may be anything."""
    return lambda text: bool(re.fullmatch(r"[\d ./-]{9,14}", text)) and check(text)


#: Narrower forms come first. For ids of digits only, each country's checksum is a form of its own: a form
#: that accepted any of the checksums would let one number in four through.
_FORMS: tuple[_Form, ...] = (
    _Form("email", "e-mail addresses", lambda text: bool(_EMAIL.fullmatch(text))),
    _Form(
        "credential", "hashes of passwords or tokens", lambda text: bool(_SECRET.fullmatch(text))
    ),
    _Form("bank", "IBANs with a right checksum", iban.is_valid),
    _Form(
        "ip",
        "IP addresses",
        _is_ip,
        other=frozenset({"version", "versions", "release", "build", "oid"}),
    ),
    _Form("national_id", "national ids", _is_national_id),
    _Form("card", "card numbers with a right checksum", _is_card, fewest=_FEWEST_DIGITS),
    *(
        _Form("national_id", f"{called} with a right checksum", _digits(check), _FEWEST_DIGITS)
        for called, check in (
            ("German tax ids", idnr.is_valid),
            ("Dutch citizen numbers", bsn.is_valid),
            ("Brazilian tax ids", cpf.is_valid),
            ("Polish PESEL numbers", pesel.is_valid),
        )
    ),
    _Form("phone", "telephone numbers", _is_phone),
)
