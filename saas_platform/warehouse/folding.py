"""SQL that folds a text as the source's collation compares it, in functions that every warehouse has.

Contains also: folding the literals of a column of type `any`. Out of scope: which collation a column has
(schema/collations.py).
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

from saas_platform.schema.collations import facts


def folded(text: str, collation: str, *, broadly: bool, without_accents: str) -> str:
    """Return SQL of the folded text, as `Warehouse.folded` defines it.

    `without_accents` is the engine's SQL that removes accents; it has `{}` where the text goes.
    """
    given = facts(collation)
    if "NOCASE" in given:
        narrow = f"TRANSLATE({text}, '{ascii_uppercase}', '{ascii_lowercase}')"
        text = f"LOWER({text})" if broadly and given != ("NOCASE",) else narrow
    if "NOACCENT" in given and broadly:
        text = without_accents.format(text)
    return f"RTRIM({text}, ' ')" if "RTRIM" in given else text


def folded_literal(literal: str, text: str, number: str, whole: str) -> str:
    """Return SQL of the folded literal, as `Warehouse.folded_literal` defines it.

    A float that is a whole number of 64 bits becomes the text of that number. Every other number has one literal.

    Args:
        literal: SQL of the literal.
        text: SQL of the folded literal of a text, without its last quote.
        number: the engine's SQL of a text as a float, NULL if it is none; it has `{}` where the text goes.
        whole: the engine's SQL of a float as the text of a whole number; it has `{}` where the float goes.
    """
    value = number.format(literal)
    is_whole = (
        f"{literal} LIKE '%.%' AND {value} = FLOOR({value})"
        f" AND {value} >= -9223372036854775808.0 AND {value} < 9223372036854775808.0"
    )
    return (
        f"CASE WHEN SUBSTR({literal}, 1, 1) = CHR(39) THEN {text}"
        f" WHEN {is_whole} THEN {whole.format(value)} ELSE {literal} END"
    )


def unquoted(literal: str) -> str:
    """Return SQL of the literal of a text without its last quote, so that blanks at the end of the text are last."""
    return f"SUBSTR({literal}, 1, LENGTH({literal}) - 1)"
