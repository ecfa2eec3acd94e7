"""Propose names in the mirror for tables and columns of a source whose own names can't be used there.

Contains: the rule by which discovery proposes a name, and which names are the same one to a warehouse. Out of scope:
the names that a person chose (tables.yaml), and what an engine's SQL accepts (warehouse/naming.py).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable

#: The prefixes of the mirror's own columns and logs.
_OURS = ("_sync_", "_proof_")


def folded(name: str) -> str:
    """Return the name as warehouses compare it: small and capital letters of ASCII are the same.

    >>> folded("Orders") == folded("ORDERS"), folded("Ä") == folded("ä")
    (True, False)
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def name_suffix(name: str) -> str:
    """Return six characters that stand for the name; another name is unlikely to have the same ones.

    >>> name_suffix("Orders") == name_suffix("orders")
    False
    """
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def mirror_names(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Return for each name of the source its name in the mirror, independently of their order.

    A name stays as it is, with three exceptions. A blank name becomes `unnamed`. A name with a prefix of ours gets
    `source` before it. A name that a warehouse would confuse with another of these names, or with one that is
    `taken`, gets a suffix made from the source's name.

    >>> mirror_names(["id", "_sync_id", ""])
    {'id': 'id', '_sync_id': 'source_sync_id', '': 'unnamed'}
    """
    wanted = {name: _usable(name) for name in names}
    often = Counter(folded(name) for name in [*wanted.values(), *taken])
    return {
        name: usable if often[folded(usable)] == 1 else f"{usable}_{name_suffix(name)}"
        for name, usable in wanted.items()
    }


def _usable(name: str) -> str:
    if not name.strip():
        return "unnamed"
    return f"source{name}" if folded(name).startswith(_OURS) else name
