"""Jobs that change something, each done once however often it is sent.

Holds the naming of jobs and the retry. Does not hold: what a job does.

A job's id is minted before it is sent: an answer that was lost is asked for by it, and only a job that is
known to have failed is sent again, under the next id. Ids never come from content: loading A, then B,
then A again would find the first A done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from google.api_core import exceptions as api
from google.api_core.retry import Retry

from saas_platform.warehouse.bigquery.errors import passes

_SECONDS = 600.0


class Job(Protocol):
    """A load or a query, as Google's client has them."""

    @property
    def error_result(self) -> Any: ...

    def result(self) -> Any:
        """Waits for the end. Raises the job's error."""


class _AskAgain(Exception):  # noqa: N818
    """A job of this id was sent earlier, and failed, so that the next id is its turn; or can't be seen yet."""


def job_name(*parts: str | int) -> str:
    """A name of the parts that no other parts have, in the characters that ids may have."""
    return "-".join(
        re.sub(r"[^A-Za-z0-9_]", lambda found: f"-{ord(found[0]):x}-", str(part)) for part in parts
    )


def run_once(
    name: str,
    begin: Callable[[str], Job],
    fetch: Callable[[str], Job],
    *,
    seconds: float = _SECONDS,
    pause: float = 1.0,
) -> None:
    """Finish the job `name`: `begin` sends it under an id, `fetch` finds what was sent under one.

    Raises the job's error where trying again would not help, or did not in `seconds`.
    """
    failed = 0

    def attempt() -> None:
        nonlocal failed
        job_id = f"{name}-{failed + 1}"
        try:
            job = begin(job_id)
        except api.Conflict:
            try:
                job = fetch(job_id)
            except api.NotFound as error:
                # Taken, and not told everywhere yet.
                raise _AskAgain(str(error)) from error
            if job.error_result is not None:
                failed += 1
                raise _AskAgain from None
        try:
            job.result()
        except api.GoogleAPICallError:
            # Else the asking failed, and the job may well go on.
            if job.error_result is not None:
                failed += 1
            raise

    again = Retry(
        predicate=lambda error: isinstance(error, _AskAgain) or passes(error),
        initial=pause,
        maximum=30.0,
        timeout=seconds,
    )
    again(attempt)()
