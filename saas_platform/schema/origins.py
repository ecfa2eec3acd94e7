"""Trace from which columns the values of another one come: those that it references, and those that it is computed from.

Contains: what a catalogue says of that, and the names in an expression. Out of scope: asking a catalogue (each engine's
snapshot), and what follows for a column (protection.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

#: A table's schema and name in the source, and a column there.
Spot = tuple[tuple[str | None, str], str]
#: The same, with the column in small letters. A place is whatever identifies a table of the source.
PlacedColumn = tuple[Hashable, str]

#: A character of a name. For SQLite these are also all beyond ASCII, such as signs and accents.
_NAME = r"[\w$#@\u0080-\U0010ffff]"
_TOKEN = re.compile(
    rf"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|{_NAME}+|[^\w\s]""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Origins:
    """What the catalogue of a source says of the origins of values."""

    #: Each column of a foreign key, with the column that it references.
    references: Collection[tuple[Spot, Spot]] = ()
    #: Each computed column with its expression; None if the catalogue does not show it.
    computed: Mapping[Spot, str | None] = field(default_factory=dict)

    def among(
        self,
        columns: Mapping[tuple[str | None, str], Sequence[tuple[str, str]]],
    ) -> dict[PlacedColumn, set[PlacedColumn]]:
        """Return the columns from which others come directly.

        Args:
            columns: the tables that are looked at, with name and type of their columns. Their names may be written in
                another case than in the catalogue.
        """
        spelt = {_folded(place): place for place in columns}

        def placed(spot: Spot) -> PlacedColumn:
            place, column = spot
            return spelt.get(_folded(place), place), column.casefold()

        found: dict[PlacedColumn, set[PlacedColumn]] = {}
        for own, other in self.references:
            found.setdefault(placed(own), set()).add(placed(other))
        for own, expression in self.computed.items():
            place, column = placed(own)
            there = {
                name.casefold() for name, _ in columns.get(spelt.get(_folded(own[0]), own[0]), ())
            }
            named = there if expression is None else there & names_in(expression)
            found.setdefault((place, column), set()).update(
                (place, each) for each in named - {column}
            )
        return found


def _folded(place: tuple[str | None, str]) -> tuple[str | None, str]:
    schema, name = place
    return schema and schema.casefold(), name.casefold()


def names_in(expression: str) -> set[str]:
    """Return what may be the name of a column in an expression of SQL, in small letters.

    SQLite takes a text in single quotes for a name where no text can be.

    >>> sorted(names_in("upper([E-Mail]) || 'a' -- b"))
    ['a', 'e-mail', 'upper']
    """
    return {name for each in tokens(expression) for name in [name_of(each)] if name}


def tokens(sql: str) -> list[str]:
    """Return the names, texts and signs of a statement, without its comments."""
    return [each for each in _TOKEN.findall(sql) if not each.startswith(("--", "/*"))]


def name_of(token: str) -> str:
    """Return the name that a token of SQL may be, in small letters; an empty text for a sign."""
    if token[0] in "'\"`" and len(token) > 1:
        return token[1:-1].replace(token[0] * 2, token[0]).casefold()
    if token[0] == "[" and len(token) > 1:
        return token[1:-1].casefold()
    return token.casefold() if re.match(_NAME, token) else ""


def definitions(statement: str) -> dict[str, str]:
    """Return the definition of each column of a `CREATE TABLE`, by its name in small letters.

    >>> definitions("CREATE TABLE t(a INT, b AS (a + 1), CHECK (a > 0))")["b"]
    'b AS ( a + 1 )'
    """
    parts: list[list[str]] = []
    depth = 0
    for token in tokens(statement):
        depth -= token == ")"
        if depth == 1 and token == ",":
            parts.append([])
        elif depth:
            parts[-1].append(token)
        elif token == "(" and not parts:
            parts.append([])
        depth += token == "("
    found: dict[str, str] = {}
    for part in parts:
        if part:
            found.setdefault(name_of(part[0]), " ".join(part))
    return found
