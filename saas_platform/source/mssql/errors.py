"""The drivers' errors as messages for a user, and which of them are transient.

Contains: how an error is read, by its number, its SQLSTATE and its words. Out of scope: the remedies
(remedies.py).
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
#: Quoted names and values in a message, whose words mean nothing. An apostrophe within a word is no quote.
_QUOTED = re.compile(r"(?<!\w)'.*?'(?!\w)|\"[^\"]*\"")
#: The server's error number, which pyodbc appends to each message.
_NUMBER = re.compile(r"\((\d+)\)(?=\s*(?:\(SQL\w+\))?\s*(?:;\s*\[|['\")]*$))")
_STATE = re.compile(r"(?:^|; )\[([0-9A-Z]{5})\]")
_DRIVERS_WORDS = re.compile(r"Driver Error: ([^;]*); DDBC Error: ")
#: Every error number that decides what is reported or whether to try again.
_DECIDING = frozenset().union(
    *(signs.numbers for signs in (MISSING, TRANSIENT, *(signs for signs, _ in REMEDIES)))
)


def driver_errors() -> tuple[type[Exception], ...]:
    """Return the base classes of the errors of the drivers that are loaded."""
    pyodbc, ours = sys.modules.get("pyodbc"), sys.modules.get("mssql_python")
    roots: list[Any] = [] if pyodbc is None else [pyodbc.Error]
    if ours is not None:
        roots += [ours.Error, ours.exceptions.Exception]
    return tuple(roots)


def cursor_errors() -> tuple[type[Exception], ...]:
    """Return the errors that a call of a cursor raises.

    In the middle of long values, mssql-python raises a bare RuntimeError too. Use these errors only around
    calls of a cursor, because other code raises RuntimeError for reasons of its own.
    """
    if "mssql_python" in sys.modules:
        return (*driver_errors(), RuntimeError)
    return driver_errors()


@dataclass(frozen=True)
class _Message:
    """An error's numbers and states in their order, and its words without quoted names and values."""

    numbers: tuple[int, ...]
    states: tuple[str, ...]
    words: str

    def fits(self, signs: Signs) -> bool:
        """Return whether the error shows the signs. Its words count only if none of its numbers is known."""
        deciding = [number for number in self.numbers if number in _DECIDING]
        if deciding:
            return bool(signs.numbers.intersection(deciding))
        return self.has_words(signs) or self.has_state(signs)

    def has_words(self, signs: Signs) -> bool:
        return any(word.casefold() in self.words for word in signs.words)

    def has_state(self, signs: Signs) -> bool:
        return any(state.startswith(signs.states) for state in self.states if signs.states)


def _read(error: BaseException) -> _Message:
    text = text_of(error)
    plain_text = _QUOTED.sub(lambda match: match[0][0] * 2, text)
    first = str(error.args[0]) if error.args else ""
    states = [first] if re.fullmatch("[0-9A-Z]{5}", first) else []
    states += _STATE.findall(text)
    states += [STATES[words] for words in _DRIVERS_WORDS.findall(text) if words in STATES]
    numbers = tuple(int(number) for number in _NUMBER.findall(plain_text))
    return _Message(numbers, tuple(states), plain_text.casefold())


def text_of(error: BaseException) -> str:
    """Return the driver's message in one line."""
    parts = [str(part) for part in error.args] or [str(error)]
    return " ".join(" ".join(parts).split())


def plain(error: Exception) -> str:
    """Return the server's own message, without the driver's prefixes."""
    text = str(error.args[-1]) if error.args else str(error)
    return _NOISE.sub("", " ".join(text.split())).split(" (SQL")[0]


def is_transient(error: BaseException) -> bool:
    """Return whether the same work is likely to succeed if it is run again."""
    cause = error.__cause__ if isinstance(error, SourceError) else error
    # mssql-python's bulk copy raises RuntimeError instead of the driver's errors.
    types: tuple[type[Exception], ...] = (*driver_errors(), RuntimeError)
    return isinstance(cause, types) and _read(cause).fits(TRANSIENT)


def is_deadlock(error: BaseException) -> bool:
    """Return whether the server chose this reader or writer as the victim of a deadlock."""
    cause = error.__cause__ if isinstance(error, SourceError) else error
    return isinstance(cause, cursor_errors()) and _read(cause).fits(DEADLOCK)


def is_missing(error: Exception) -> bool:
    """Return whether the server reports that there is no such table."""
    return _read(error).fits(MISSING)


def to_user_error(
    address: Address, error: Exception, table: str | None = None, full_name: str | None = None
) -> SourceError:
    """Return the error that reports an error of a driver to the user.

    Args:
        address: the source.
        error: the driver's error.
        table: the table that could not be read, if it is about one.
        full_name: the quoted name of the table in the source.
    """
    message = _read(error)
    if table is None:
        return SourceError(f"{_answer(address, error, message)}.")
    if message.fits(DENIED):
        named = _RIGHT.search(text_of(error))
        right = named[1] if named else "SELECT"
        return SourceError(
            f"{table} can't be read, because {address.label} denies {right} on it: have an administrator GRANT"
            f" {right} ON {full_name} to the login (deploy/mssql/reader.sql does it for a schema)."
        )
    return SourceError(f"{table} can't be read, because {_answer(address, error, message)}.")


def _answer(address: Address, error: Exception, message: _Message) -> str:
    remedy = _remedy(message)
    if remedy is not None:
        return f"{address.label} {remedy}"
    return f"{address.label} answered: {plain(error)}"


def _remedy(message: _Message) -> str | None:
    """Return the remedy of the first number that has one, or else by the words, or else by the SQLSTATE."""
    for number in message.numbers:
        for signs, remedy in REMEDIES:
            if number in signs.numbers:
                return remedy
    if any(number in _DECIDING for number in message.numbers):
        return None
    by_words = (remedy for signs, remedy in REMEDIES if message.has_words(signs))
    by_state = (remedy for signs, remedy in REMEDIES if message.has_state(signs))
    return next(by_words, None) or next(by_state, None)
