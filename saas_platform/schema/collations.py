"""What a source's collation takes for the same text, in words that all engines share.

The mirror tells every two texts apart; the source may not, in its keys, its unique rules and its
references. `info["collation"]` of a text column has these facts in the order below, joined by `_`, or
`BINARY` where there is none. Does not hold: reading a catalogue, or the SQL that folds a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Fact = Literal["NOCASE", "NOACCENT", "RTRIM"]

#: NOCASE: a capital is its small letter. NOACCENT: a letter with an accent is the letter without.
#: RTRIM: blanks at the end do not count.
FACTS: tuple[Fact, ...] = ("NOCASE", "NOACCENT", "RTRIM")
BINARY = "BINARY"


def collation(facts: Iterable[Fact]) -> str:
    """The word for the facts.

    >>> collation(["RTRIM", "NOCASE"]), collation([])
    ('NOCASE_RTRIM', 'BINARY')
    """
    given = set(facts)
    return "_".join(fact for fact in FACTS if fact in given) or BINARY


def facts(word: str) -> tuple[Fact, ...]:
    """The facts of a word; none for one that is not known.

    >>> facts("NOCASE_RTRIM"), facts("BINARY")
    (('NOCASE', 'RTRIM'), ())
    """
    given = word.split("_")
    return tuple(fact for fact in FACTS if fact in given)
