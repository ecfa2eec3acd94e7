"""How a column's type, a value and a key read in a sentence for a person.

Holds the words, the masking of personal data, and the escaping of what a terminal would act on. Does not
hold: any sentence.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.kinds import kind_of, sized

#: A value as JSON has it; times are ISO texts.
Value = str | int | float | bool | None


class Misfit(str):
    """The literal of a value that its column's type does not hold, and what it is not."""

    __slots__ = ()


#: Characters of a value that are shown; a report must stay readable whatever a row holds.
MOST_CHARACTERS = 200


def type_words(column: sa.Column) -> str:
    """The column's type, as a sentence names it.

    Raises TypeError for a type that can't be mirrored.

    >>> type_words(sa.Column("price", sa.Numeric(10, 2)))
    'a decimal of at most 10 digits, 2 of them after the point'
    """
    return sized(kind_of(column).words, column.type)


def shown(column: sa.Column, value: Any, show_pii: bool = False) -> Value:
    """A value as reports have it: personal data masked unless asked for, and long texts cut."""
    if value is not None and column.info.get("pii") and not show_pii:
        return "***"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Misfit):
        return Misfit(cut(value))
    return cut(value.isoformat(" ") if isinstance(value, datetime) else str(value))


def plain(value: Value) -> str:
    """A value in a sentence, as SQL would have it: no quotes around a text.

    >>> plain(None), plain(True), plain("it's"), plain(1.5)
    ('NULL', 'true', "it's", '1.5')
    """
    if value is None:
        return "NULL"
    return str(value).lower() if isinstance(value, bool) else str(value)


def quoted(value: Value) -> str:
    """The same, with quotes around a text, so that its ends are seen and `'1'` is not `1`.

    A misfit has the quotes of its literal.
    """
    is_text = isinstance(value, str) and not isinstance(value, Misfit)
    return f"'{value}'" if is_text else plain(value)


def cut(text: str) -> str:
    """The beginning of a long text, with its length."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}... ({len(text):,} characters)"


def argument(name: str) -> str:
    """The name as a shell takes it, for a command that a person may copy.

    >>> argument("visit items")
    "'visit items'"
    """
    return shlex.quote(name)


def printable(text: str) -> str:
    """The text, cut and escaped."""
    return escaped(cut(text))


def escaped(text: str) -> str:
    r"""The text with line breaks and all that a terminal would act on escaped.

    >>> escaped("a\x1b[31mb\nc")
    'a\\x1b[31mb\\nc'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def key_words(table: sa.Table, key: Mapping[str, Any], show_pii: bool = False) -> str:
    """The columns of a key with their values, by which a person finds the row."""
    return ", ".join(
        f"{name} {printable(plain(shown(table.columns[name], value, show_pii)))}"
        for name, value in key.items()
    )
