"""What the tables and columns of a source are called in its mirror, where their own names will not do.

Holds: the rule by which discovery proposes a name, and which names a warehouse takes for one. Does not
hold: the names that a person chose (tables.yaml), or what an engine's SQL takes (warehouse/naming.py).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable

#: Beginnings of names that the mirror keeps for columns and logs of its own.
_OURS = ("_sync_", "_proof_")


def folded(name: str) -> str:
    """The name as warehouses compare it: small and capital letters of ASCII are the same.

    >>> folded("Orders") == folded("ORDERS"), folded("Ä") == folded("ä")
    (True, False)
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def mark(name: str) -> str:
    """Six characters that stand for the name, and for no other one that is likely to be met.

    >>> mark("Orders") == mark("orders")
    False
    """
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def mirror_names(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """The name in the mirror for each of these names of the source, whatever their order.

    Its own, unless it is blank, begins as ours do, or a warehouse would take it for another one of them or
    for one that is `taken`: then it has the mark of the source's name at its end.

    >>> mirror_names(["id", "_sync_id", ""])
    {'id': 'id', '_sync_id': 'source_sync_id', '': 'unnamed'}
    """
    wanted = {name: _usable(name) for name in names}
    often = Counter(folded(name) for name in [*wanted.values(), *taken])
    return {
        name: usable if often[folded(usable)] == 1 else f"{usable}_{mark(name)}"
        for name, usable in wanted.items()
    }


def _usable(name: str) -> str:
    if not name.strip():
        return "unnamed"
    return f"source{name}" if folded(name).startswith(_OURS) else name
