"""The attempt at a product: the fingerprint of everything that decides whether its build and its tests succeed.

It has the code and the dbt tests of the product and of all that the product is built from, and the versions of the raw
tables, the clock and the company below them. The same goes for whatever else its tests read. What failed would fail
again as long as its attempt is the same.
Out of scope: what was built from what (builds.py), and what is stale (staleness.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from saas_platform.refresh.products import Product


def attempts(found: Mapping[str, Product], given: Mapping[str, str]) -> dict[str, str]:
    """Return the attempt at each product.

    Args:
        found: the products, each after what it is built from.
        given: the version of each input that is no product.
    """
    alone = dict(given)
    for name, product in found.items():
        below = {each: alone.get(each) for each in product.inputs}
        alone[name] = _digest([product.code, product.tests, below])
    return {
        name: _digest([alone[name], {each: alone.get(each) for each in product.tested_with}])
        for name, product in found.items()
    }


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
