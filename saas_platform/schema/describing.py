"""Describe a column's type, a value and a key in words that fit into a sentence for a person.

Contains: the words, the masking of personal data, and the escaping of characters that a terminal would act on. Out
of scope: the sentences themselves.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.kinds import kind_of, sized

#: A value as JSON represents it; timestamps are ISO texts.
ShownValue = str | int | float | bool | None


class Literal(str):
    """A value of any type, as the text of its literal. It has its own quotes if it is a text."""

    __slots__ = ()


class Misfit(Literal):
    """The literal of a value that its column's type can't hold, followed by what it is not."""

    __slots__ = ()


#: How many characters of a value are shown, so that a report stays readable whatever a row holds.
MOST_CHARACTERS = 200


def type_words(column: sa.Column) -> str:
    """Return the column's type in words. Raises TypeError for a type that can't be mirrored.

    >>> type_words(sa.Column("price", sa.Numeric(10, 2)))
    'a decimal of at most 10 digits, 2 of them after the point'
    """
    return sized(kind_of(column).words, column.type)


def shown(column: sa.Column, value: Any, show_pii: bool = False) -> ShownValue:
    """Return a value as reports show it: personal data masked unless asked for, and long texts shortened."""
    if value is not None and column.info.get("pii") and not show_pii:
        return "***"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Misfit):
        return Misfit(shortened(value))
    if isinstance(column.type, AnyValue):
        return Literal(shortened(value))
    return shortened(value.isoformat(" ") if isinstance(value, datetime) else str(value))


def plain(value: ShownValue) -> str:
    """Return a value as SQL would write it, but without quotes around a text.

    >>> plain(None), plain(True), plain("it's"), plain(1.5)
    ('NULL', 'true', "it's", '1.5')
    """
    if value is None:
        return "NULL"
    return str(value).lower() if isinstance(value, bool) else str(value)


def quoted(value: ShownValue) -> str:
    """Return a value as SQL would write it, with quotes around a text.

    The quotes show where the text ends, and that `'1'` is not `1`. A literal has its own.
    """
    is_text = isinstance(value, str) and not isinstance(value, Literal)
    return f"'{value}'" if is_text else plain(value)


def shortened(text: str) -> str:
    """Return the beginning of a long text, with its length; a short text is returned as it is."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}... ({len(text):,} characters)"


def counted(count: int, noun: str) -> str:
    """Return a number of things, with the noun in the singular or the plural.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def argument(name: str) -> str:
    """Return the name quoted for a shell, for a command that a person may copy.

    >>> argument("visit items")
    "'visit items'"
    """
    return shlex.quote(name)


def printable(text: str) -> str:
    """Return the text, shortened and escaped."""
    return escaped(shortened(text))


def escaped(text: str) -> str:
    r"""Return the text with line breaks and all other characters that a terminal would act on escaped.

    >>> escaped("a\x1b[31mb\nc")
    'a\\x1b[31mb\\nc'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def key_words(table: sa.Table, key: Mapping[str, Any], show_pii: bool = False) -> str:
    """Return the columns of a key with their values, by which a person can find the row."""
    return ", ".join(
        f"{name} {printable(plain(shown(table.columns[name], value, show_pii)))}"
        for name, value in key.items()
    )
