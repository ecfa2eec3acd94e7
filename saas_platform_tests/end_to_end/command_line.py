"""Run `saas-platform` in this process, and return what it prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from saas_platform.cli.app import app


@dataclass(frozen=True)
class Output:
    """The output of a command and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error_text(self) -> str:
        """Standard error on a single line, because terminals wrap lines."""
        return " ".join(self.err.split())


def command(*words: str) -> Output:
    """Run `saas-platform` in this process."""
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Output(result.exit_code, result.stdout, result.stderr)
