"""Test that each of BigQuery's jobs is done once, whichever answers are lost."""

from __future__ import annotations

import pytest
import requests
from google.api_core import exceptions as api

from saas_platform.warehouse.bigquery.jobs import job_name, run_once
from saas_platform_tests.warehouse.google import Job


class Server:
    """A server that takes each id once and gives the answers of a list."""

    def __init__(self, *answers: Job | Exception | tuple[Exception, Job]) -> None:
        self.answers = list(answers)
        self.jobs: dict[str, Job] = {}
        self.done: list[str] = []

    def begin(self, job_id: str) -> Job:
        if job_id in self.jobs:
            raise api.Conflict("Already Exists: Job")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            # The job arrives, but the answer is lost.
            error, self.jobs[job_id] = answer
            raise error
        self.jobs[job_id] = answer
        return answer

    def run(self, seconds: float = 5.0) -> list[str]:
        run_once("load", self.begin, self.jobs.__getitem__, seconds=seconds, pause=0.001)
        return list(self.jobs)


PASSING = api.ServiceUnavailable("later", errors=[{"reason": "backendError"}])


def test_a_job_is_sent_once() -> None:
    assert Server(Job()).run() == ["load-1"]


def test_a_job_whose_answer_was_lost_is_looked_up_and_nothing_is_loaded_twice() -> None:
    server = Server((requests.exceptions.ConnectionError(), Job()))
    assert server.run() == ["load-1"]
    assert server.answers == []


def test_a_job_that_never_arrived_is_sent_again_under_its_id() -> None:
    assert Server(PASSING, requests.exceptions.Timeout(), Job()).run() == ["load-1"]


def test_a_job_with_a_temporary_error_takes_the_next_id() -> None:
    assert Server(Job(PASSING), Job()).run() == ["load-1", "load-2"]


def test_a_job_that_failed_before_takes_the_next_id_and_one_that_is_done_is_not_sent() -> None:
    server = Server(Job())
    server.jobs["load-1"] = Job(api.BadRequest("no"))
    assert server.run() == ["load-1", "load-2"]
    server.begin = lambda job_id: (_ for _ in ()).throw(api.Conflict(job_id))  # type: ignore[method-assign]
    server.jobs = {"load-1": Job()}
    assert server.run() == ["load-1"]


def test_a_job_that_is_taken_and_can_not_be_read_yet_is_looked_up_again() -> None:
    server = Server((requests.exceptions.Timeout(), Job()))
    asked: list[str] = []

    def fetch(job_id: str) -> Job:
        asked.append(job_id)
        if len(asked) < 3:
            raise api.NotFound(f"Not found: Job {job_id}")
        return server.jobs[job_id]

    run_once("load", server.begin, fetch, seconds=5.0, pause=0.001)
    assert asked == ["load-1"] * 3


def test_a_permanent_error_is_raised_at_once() -> None:
    server = Server(Job(api.BadRequest("wrong SQL")), Job())
    with pytest.raises(api.BadRequest):
        server.run()
    assert list(server.jobs) == ["load-1"]


def test_an_exhausted_quota_is_raised_at_once_and_a_rate_limit_is_waited_for() -> None:
    used_up = api.Forbidden("Quota exceeded", errors=[{"reason": "quotaExceeded"}])
    with pytest.raises(api.Forbidden):
        Server(Job(used_up), Job()).run()
    too_fast = api.Forbidden("Exceeded rate limits", errors=[{"reason": "rateLimitExceeded"}])
    assert Server(Job(too_fast), Job()).run() == ["load-1", "load-2"]


def test_retries_end_when_nothing_helps() -> None:
    with pytest.raises(api.RetryError):
        Server(*[PASSING] * 10_000).run(seconds=0.05)


def test_names_of_jobs_are_distinct_and_legal() -> None:
    parts = [("a", "b c"), ("a", "b_c"), ("a", "b-c"), ("a-b", "c"), ("a", "b", "c"), ("a", "b.c")]
    names = {job_name(*each) for each in parts}
    assert len(names) == len(parts)
    assert all(set(name) <= set("abc_-0123456789def") for name in names)
    assert job_name("20240101T000000-ab", "users", 1) == "20240101T000000-2d-ab-users-1"
