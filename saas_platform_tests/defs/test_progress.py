"""Test which lines of a run the terminal shows."""

import dagster as dg
import pytest

from saas_platform.defs.progress import progress_logger


@dg.op
def first(context: dg.OpExecutionContext) -> int:
    context.log.info("a line of ours")
    raise dg.Failure("the table stops", allow_retries=False)


@dg.op
def second(context: dg.OpExecutionContext, number: int) -> int:
    context.log.info("never reached")
    return number


@dg.op
def third(number: int) -> None:
    assert number


@dg.op
def again(context: dg.OpExecutionContext) -> None:
    context.log.info(f"attempt {context.retry_number}")
    if not context.retry_number:
        raise dg.RetryRequested(max_retries=1)


@dg.job(logger_defs={"progress": progress_logger}, config={"loggers": {"progress": {}}})
def chain() -> None:
    again()
    third(second(first()))


def test_lines_of_dagster_on_steps_that_never_began_are_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not chain.execute_in_process(raise_on_error=False).success
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert sorted(line for line in lines if line) == [
        "a line of ours",
        "attempt 0",
        "attempt 1",
        "✗ first",
    ]
