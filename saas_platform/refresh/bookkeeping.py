"""The bookkeeping of what was built from what, as one object for those who build.

Out of scope: how a question is answered (staleness.py, mart_months.py), and where the record lies (builds.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from saas_platform.platform import Platform
from saas_platform.refresh.attempts import attempts
from saas_platform.refresh.builds import Build, forget_builds, last_builds
from saas_platform.refresh.mart_months import Rebuild, forget_marts, rebuild, record_marts
from saas_platform.refresh.products import CLOCK, COMPANY, TRUTH, products
from saas_platform.refresh.staleness import (
    Cause,
    Staleness,
    given_versions,
    record_products,
    stale_products,
    staleness,
)


@dataclass(frozen=True)
class Bookkeeping:
    """Says what is stale, and records what was built. Each error that a user can fix is a PlatformError."""

    platform: Platform

    def given(self) -> dict[str, str]:
        """Return the version of each input that is no product: the raw tables, the clock and the company."""
        return given_versions(self.platform)

    def products(self) -> Collection[str]:
        """Return the names of all products."""
        return products(self.platform).keys()

    def stale(self) -> dict[str, Cause]:
        """Return the products above raw that must be built, each with the cause, in the order of building."""
        return stale_products(self.platform)

    def inputs(self) -> dict[str, set[str]]:
        """Return the names of the assets from which each product is built, each product after its inputs.

        The truth is left out, because it is built from no other asset's content.
        """
        return {
            name: {*product.inputs} - {CLOCK, COMPANY}
            for name, product in products(self.platform).items()
            if name != TRUTH
        }

    def builds(self) -> Mapping[str, Build]:
        """Return the last build of each product that has one, by the product's name."""
        return last_builds(self.platform.warehouse)

    def to_materialise(self) -> Staleness:
        """Return what `saas-platform run` would materialise now."""
        return staleness(self.platform, self.platform.settings.last_month)

    def record(
        self,
        made: Collection[str],
        given: Mapping[str, str],
        digests: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Record that products are complete. Return the version of each.

        Args:
            made: the names of the products that were made.
            given: what `given` returned before they were made, so that what came later counts as newer.
            digests: the digests of what was made. A product without one has its state as its version.
        """
        return record_products(self.platform, made, given, digests)

    def attempts(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return for each product the fingerprint of everything that decides whether its build succeeds now.

        `given` is what `given` returned.
        """
        return attempts(products(self.platform), given)

    def forget(self, failed: Mapping[str, str], attempts: Mapping[str, str]) -> None:
        """Forget how products were built: they failed, so that they must be built and tested again.

        Args:
            failed: for each the words that say why, after its name.
            attempts: what `attempts` returned before they were built, so that what changed later is another attempt.
        """
        forget_builds(self.platform.warehouse, failed, attempts)

    def rebuild(self, unknown: Mapping[str, str]) -> Rebuild:
        """Return which months of the marts must be rebuilt. `unknown` is that of `mart_months.rebuild`."""
        return rebuild(self.platform, unknown)

    def forget_marts(self) -> None:
        """Forget what the marts were built from. Call this before a full refresh."""
        forget_marts(self.platform)

    def record_marts(self, built: Rebuild) -> None:
        """Record what all marts have been built from. Call this after they are complete."""
        record_marts(self.platform, built)
