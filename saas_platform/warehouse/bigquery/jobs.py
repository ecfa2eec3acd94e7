"""Jobs that change something: each is done once, however often it is sent.

A job gets its id before it is sent. If the answer is lost, the job is looked up by its id. It is sent again,
under the next id, only if it is known to have failed. Ids are never derived from content: if A is loaded,
then B, then A again, the second load of A would find the first one done.

Contains: the names of jobs, and the retry. Out of scope: what a job does.

No counterpart in DuckDB: its statements run in this process, so that no answer can be lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from google.api_core import exceptions as api
from google.api_core.retry import Retry

from saas_platform.warehouse.bigquery.errors import is_transient

_SECONDS = 600.0


class Job(Protocol):
    """A load job or a query job of Google's client."""

    @property
    def error_result(self) -> Any: ...

    def result(self) -> Any:
        """Wait until the job ends. Raises the job's error."""


class _AskAgain(Exception):  # noqa: N818
    """A job with this id was sent before. It failed, so that the next id is due, or it can't be read yet."""


def job_name(*parts: str | int) -> str:
    """Return a name made of the parts, unique to them, with only the characters that an id may have."""
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
    """Send the job `name` until it is done, and wait for its end.

    Args:
        name: the job's name. Its ids are this name with a number.
        begin: sends the job under an id.
        fetch: finds the job that was sent under an id.
        seconds: how long to try.
        pause: seconds before the second try; later pauses are longer, up to 30 seconds.

    Raises:
        google.api_core.exceptions.GoogleAPIError: the job's error, if another try would not help, or if no
            try succeeded within `seconds`.
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
                # The id is taken, but not every server knows the job yet.
                raise _AskAgain(str(error)) from error
            if job.error_result is not None:
                failed += 1
                raise _AskAgain from None
        try:
            job.result()
        except api.GoogleAPICallError:
            # Without an error of the job, only the request failed, and the job may still be running.
            if job.error_result is not None:
                failed += 1
            raise

    again = Retry(
        predicate=lambda error: isinstance(error, _AskAgain) or is_transient(error),
        initial=pause,
        maximum=30.0,
        timeout=seconds,
    )
    again(attempt)()
