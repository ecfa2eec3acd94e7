"""The errors of the drivers, in words; and which of them pass by themselves.

Holds how an error is read: its number, its SQLSTATE and its words. Does not hold: the remedies (remedies.py).
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.remedies import (
    DEADLOCK,
    DENIED,
    MISSING,
    REMEDIES,
    STATES,
    TRANSIENT,
    Signs,
)

_RIGHT = re.compile(r"The ([A-Z ]+) permission was denied")
_NOISE = re.compile(r"^(Driver Error: [^;]*; DDBC Error: )?(\[[^\]]*\]\s*)*")
#: Names and values in a message, which may say anything; an apostrophe within a word opens none.
_QUOTED = re.compile(r"(?<!\w)'.*?'(?!\w)|\"[^\"]*\"")
#: The server's number, as pyodbc puts it behind a message: at the end, or before what follows it.
_NUMBER = re.compile(r"\((\d+)\)(?=\s*(?:\(SQL\w+\))?\s*(?:;\s*\[|['\")]*$))")
_STATE = re.compile(r"(?:^|; )\[([0-9A-Z]{5})\]")
_DRIVERS_WORDS = re.compile(r"Driver Error: ([^;]*); DDBC Error: ")
#: Every number that decides something.
_DECIDING = frozenset().union(
    *(signs.numbers for signs in (MISSING, TRANSIENT, *(signs for signs, _ in REMEDIES)))
)


def driver_errors() -> tuple[type[Exception], ...]:
    """The root errors of the drivers that are loaded."""
    pyodbc, ours = sys.modules.get("pyodbc"), sys.modules.get("mssql_python")
    roots: list[Any] = [] if pyodbc is None else [pyodbc.Error]
    if ours is not None:
        roots += [ours.Error, ours.exceptions.Exception]
    return tuple(roots)


def cursor_errors() -> tuple[type[Exception], ...]:
    """What a call of a cursor raises: mssql-python also has a bare RuntimeError, in the middle of long values.

    For blocks that hold such calls and nothing else, as programs have RuntimeErrors of their own.
    """
    if "mssql_python" in sys.modules:
        return (*driver_errors(), RuntimeError)
    return driver_errors()


@dataclass(frozen=True)
class _Said:
    """What an error says: numbers and states in their order, and its words without names and values."""

    numbers: tuple[int, ...]
    states: tuple[str, ...]
    words: str

    def fits(self, signs: Signs) -> bool:
        """Whether it is what the signs are of; a number that decides lets no word speak."""
        deciding = [number for number in self.numbers if number in _DECIDING]
        if deciding:
            return bool(signs.numbers.intersection(deciding))
        return self.has_words(signs) or self.has_state(signs)

    def has_words(self, signs: Signs) -> bool:
        return any(word.casefold() in self.words for word in signs.words)

    def has_state(self, signs: Signs) -> bool:
        return any(state.startswith(signs.states) for state in self.states if signs.states)


def _read(error: BaseException) -> _Said:
    text = text_of(error)
    plain_text = _QUOTED.sub(lambda match: match[0][0] * 2, text)
    first = str(error.args[0]) if error.args else ""
    states = [first] if re.fullmatch("[0-9A-Z]{5}", first) else []
    states += _STATE.findall(text)
    states += [STATES[said] for said in _DRIVERS_WORDS.findall(text) if said in STATES]
    numbers = tuple(int(number) for number in _NUMBER.findall(plain_text))
    return _Said(numbers, tuple(states), plain_text.casefold())


def text_of(error: BaseException) -> str:
    """What the driver says, in one line, without the names of who passed it on."""
    said = [str(part) for part in error.args] or [str(error)]
    return " ".join(" ".join(said).split())


def plain(error: Exception) -> str:
    """What the server says itself."""
    text = str(error.args[-1]) if error.args else str(error)
    return _NOISE.sub("", " ".join(text.split())).split(" (SQL")[0]


def is_transient(error: BaseException) -> bool:
    """Whether the same, done again, may well succeed."""
    cause = error.__cause__ if isinstance(error, SourceError) else error
    # mssql-python's bulk copy raises none of the driver's errors.
    kinds: tuple[type[Exception], ...] = (*driver_errors(), RuntimeError)
    return isinstance(cause, kinds) and _read(cause).fits(TRANSIENT)


def is_deadlock(error: BaseException) -> bool:
    """Whether the server chose this reader or writer as the victim of a deadlock."""
    cause = error.__cause__ if isinstance(error, SourceError) else error
    return isinstance(cause, cursor_errors()) and _read(cause).fits(DEADLOCK)


def is_missing(error: Exception) -> bool:
    """Whether the server says that there is no such table."""
    return _read(error).fits(MISSING)


def in_words(
    address: Address, error: Exception, table: str | None = None, full_name: str | None = None
) -> SourceError:
    """The sentence for an error of a driver.

    `table`: what could not be read, whose name in the source is `full_name`.
    """
    said = _read(error)
    if table is None:
        return SourceError(f"{_answer(address, error, said)}.")
    if said.fits(DENIED):
        named = _RIGHT.search(text_of(error))
        right = named[1] if named else "SELECT"
        return SourceError(
            f"{table} can't be read, as {address.label} denies {right} on it: have an administrator GRANT"
            f" {right} ON {full_name} to the login (deploy/mssql/reader.sql does it for a schema)."
        )
    return SourceError(f"{table} can't be read, as {_answer(address, error, said)}.")


def _answer(address: Address, error: Exception, said: _Said) -> str:
    remedy = _remedy(said)
    if remedy is not None:
        return f"{address.label} {remedy}"
    return f"{address.label} answered: {plain(error)}"


def _remedy(said: _Said) -> str | None:
    """The remedy by the first number that has one, else by words, else by an SQLSTATE."""
    for number in said.numbers:
        for signs, remedy in REMEDIES:
            if number in signs.numbers:
                return remedy
    if any(number in _DECIDING for number in said.numbers):
        return None
    by_words = (remedy for signs, remedy in REMEDIES if said.has_words(signs))
    by_state = (remedy for signs, remedy in REMEDIES if said.has_state(signs))
    return next(by_words, None) or next(by_state, None)
