"""Errors that a user can mend, as Dagster failures: the sentence, and nothing retried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from saas_platform.errors import PlatformError


@contextmanager
def told() -> Iterator[None]:
    """Within it, a PlatformError becomes a Failure with the same sentence."""
    try:
        yield
    except PlatformError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
