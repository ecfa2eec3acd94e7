"""SQL that folds a text as the source's collation compares it, in functions that every warehouse has.

Out of scope: which collation a column has (schema/collations.py).
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
        text = f"LOWER({text})" if broadly else narrow
    if "NOACCENT" in given and broadly:
        text = without_accents.format(text)
    return f"RTRIM({text}, ' ')" if "RTRIM" in given else text
