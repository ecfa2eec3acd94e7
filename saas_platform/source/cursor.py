"""The part of a database cursor (PEP 249) that the sources use, whichever driver it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """A cursor of ADBC, pyodbc or mssql-python."""

    @property
    def description(self) -> Any: ...

    def execute(self, operation: str, *parameters: Any) -> Any:
        """Run one statement. pyodbc and mssql-python return the cursor; ADBC returns None."""

    def fetchone(self) -> Any: ...

    def fetchmany(self, size: int = ...) -> Sequence[Any]: ...

    def fetchall(self) -> Sequence[Any]: ...

    def nextset(self) -> Any: ...
