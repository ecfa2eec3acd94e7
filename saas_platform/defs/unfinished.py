"""Know which runs are in progress, and end those whose command was killed.

A run of the command line lives in the process of the command. If that is killed, Dagster does not learn of it: it shows the
run as started for ever, and starts no other run. Whether the command still runs is seen by the lock of SAAS_HOME.
Out of scope: runs that Dagster started itself. It watches their processes.
"""

from __future__ import annotations

import socket

import dagster as dg

from saas_platform.storage.home import Home, HomeError

#: The tag of a run of the command line. It names the machine and the home, because several may share a storage.
COMMAND_LINE = "saas-platform/command_line"
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def command_line_tags(home: Home) -> dict[str, str]:
    """Return the tags of a run that a command runs on this home."""
    return {COMMAND_LINE: f"{socket.gethostname()}:{home.root.resolve()}"}


def is_running(instance: dg.DagsterInstance, home: Home) -> bool:
    """Return whether a run is in progress, or about to start. Runs whose command was killed are reported as failed."""
    if _unfinished(instance, command_line_tags(home)):
        try:
            with home.exclusive():
                end_killed(instance, home)
        except HomeError:
            return True  # The command runs.
    return bool(_unfinished(instance, {}))


def end_killed(instance: dg.DagsterInstance, home: Home) -> None:
    """Report each unfinished run of the command line as failed. The caller holds the lock of the home."""
    for run in _unfinished(instance, command_line_tags(home)):
        instance.report_run_failed(
            run,
            "The command was killed before this run ended, or the machine stopped. `saas-platform run` goes on"
            " where it stopped.",
        )
    home.unended.unlink(missing_ok=True)


def _unfinished(instance: dg.DagsterInstance, tags: dict[str, str]) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED, tags=tags)))
