"""Turn errors that a user can fix into Dagster failures with the same message, which are not retried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from saas_platform.errors import PlatformError


@contextmanager
def raise_failures() -> Iterator[None]:
    """Raise each PlatformError of the block as a Failure with the same message."""
    try:
        yield
    except PlatformError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
