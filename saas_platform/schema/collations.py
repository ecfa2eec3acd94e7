"""Which texts a source's collation takes for equal, in facts that all engines share.

In the mirror every two different texts are different. In the source they may be equal, in its keys, its unique
rules and its references. `info["collation"]` of a text column has the facts of its collation in the order below,
joined by `_`, or `BINARY` if there are none. A key, a unique rule or a reference may compare a column by another
collation: SQLite takes it from the index. Out of scope: reading a catalogue, and the SQL that folds a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import sqlalchemy as sa

Fact = Literal["NOCASE", "NOACCENT", "RTRIM"]

#: NOCASE: a capital letter equals its small letter. NOACCENT: a letter with an accent equals the one without.
#: RTRIM: blanks at the end do not count. NOCASE alone is SQLite's: it equates only the letters A to Z. Every collation
#: of SQL Server that equates letters has RTRIM too.
FACTS: tuple[Fact, ...] = ("NOCASE", "NOACCENT", "RTRIM")
BINARY = "BINARY"


def collation(facts: Iterable[Fact]) -> str:
    """Return the word that stands for the facts.

    >>> collation(["RTRIM", "NOCASE"]), collation([])
    ('NOCASE_RTRIM', 'BINARY')
    """
    given = set(facts)
    return "_".join(fact for fact in FACTS if fact in given) or BINARY


def facts(word: str) -> tuple[Fact, ...]:
    """Return the facts that a word stands for; none for an unknown word.

    >>> facts("NOCASE_RTRIM"), facts("BINARY")
    (('NOCASE', 'RTRIM'), ())
    """
    given = word.split("_")
    return tuple(fact for fact in FACTS if fact in given)


def is_collation(word: str) -> bool:
    """Return whether the word is one that `collation` returns."""
    return collation(facts(word)) == word


def collation_of(column: sa.Column[Any]) -> str:
    """Return the collation by which the source compares the column, unless a rule names another one."""
    word: str = column.info.get("collation", BINARY)
    return word
