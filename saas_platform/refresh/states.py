"""Ask the warehouse and the files what is there now of each product.

Out of scope: what a product consists of (products.py), and comparing a state with the recorded one (staleness.py).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from saas_platform.dashboard import PAGE_NAME
from saas_platform.platform import Platform
from saas_platform.refresh.products import PAGE, TRUTH, Product


def states(platform: Platform, products: Iterable[Product]) -> dict[str, str]:
    """Return the state of each product of which everything is there, by the product's name.

    A state is a text that differs if anybody changed, truncated or rebuilt the product.
    """
    wanted = list(products)
    by_group: defaultdict[str, list[str]] = defaultdict(list)
    for product in wanted:
        by_group[product.group].extend(product.relations)
    with platform.warehouse.session():
        relations = {
            group: platform.warehouse.states(group, names)
            for group, names in by_group.items()
            if names
        }
    found = {}
    for product in wanted:
        parts = [
            *(relations[product.group].get(name) for name in product.relations),
            *_files(platform, product),
        ]
        if parts and None not in parts:
            found[product.name] = "+".join(map(str, parts))
    return found


def _files(platform: Platform, product: Product) -> Iterator[str | None]:
    yield from (platform.frames.state(name) for name in product.frames)
    if product.artefact is not None:
        yield platform.artefacts.state(product.artefact)
    if product.name == TRUTH:
        kept = [f"{name} {platform.truth.state(name)}" for name in platform.truth.names()]
        yield hashlib.sha256("\n".join(kept).encode()).hexdigest() if kept else None
    if product.name == PAGE:
        page = platform.home.dashboard / PAGE_NAME
        yield hashlib.sha256(page.read_bytes()).hexdigest() if page.is_file() else None
