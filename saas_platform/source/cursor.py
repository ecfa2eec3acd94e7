"""Describe the part of a connection and a cursor (PEP 249) that the sources use with every driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """A cursor of ADBC, pyodbc or mssql-python."""

    @property
    def description(self) -> Any: ...

    def execute(self, operation: str, *parameters: Any) -> Any:
        """Run one statement. What it returns depends on the driver."""

    def fetchone(self) -> Any: ...

    def fetchmany(self, size: int = ...) -> Sequence[Any]: ...

    def fetchall(self) -> Sequence[Any]: ...

    def nextset(self) -> Any: ...


class Connection(Protocol):
    """A connection of pyodbc or mssql-python."""

    def cursor(self) -> Cursor: ...

    def close(self) -> None: ...
