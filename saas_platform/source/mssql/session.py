"""A connection with a transaction that sees one consistent state, and that begins again after an error ended it.

Out of scope: what is read in it.

No counterpart in SQLite: there is no server that could end a read transaction, so that none has to begin again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.connection import connect, scalar
from saas_platform.source.mssql.errors import cursor_errors, driver_errors, to_user_error
from saas_platform.source.mssql.features import Features, answer, detect_features


class Session:
    """A cursor in a transaction, which sees one consistent state if the server allows that."""

    cursor: Cursor
    #: What the server can do.
    features: Features
    #: The lowest row version that was open before the transaction began; None if the server does not report it.
    floor: int | None

    def __init__(self, address: Address) -> None:
        self.address = address
        self._stack = ExitStack()
        self._begin()

    def _begin(self) -> None:
        try:
            self.cursor = cursor = self._stack.enter_context(connect(self.address, arrow=True))
            self.features = detect_features(cursor)
            level = "SNAPSHOT" if self.features.snapshot_isolation else "READ COMMITTED"
            floor = self.features.floor
            # Read before the view is pinned, so that what commits in between is seen and read again later.
            self.floor = None if floor is None else int(scalar(cursor, floor))
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            cursor.execute("BEGIN TRANSACTION")
            # The first read pins the view that all later reads see.
            scalar(cursor, "SELECT COUNT(*) FROM sys.tables")
        except cursor_errors() as error:
            self._stack.close()
            raise to_user_error(self.address, error) from error
        except SourceError:
            self._stack.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether the transaction is still open; an error may have ended it."""
        return bool(answer(self.cursor, "SELECT @@TRANCOUNT"))

    def renew(self) -> None:
        """Begin again on a new connection, which sees the present state instead of the earlier one."""
        floor = self.floor
        self.close()
        self._begin()
        # Tables read before show the earlier state. A watermark above it would lose the changes in between.
        if floor is not None and self.floor is not None:
            self.floor = min(floor, self.floor)

    def close(self) -> None:
        # Nothing was written, and an error that ended the transaction has been reported already.
        with suppress(*cursor_errors()):
            self.cursor.execute("IF @@TRANCOUNT > 0 COMMIT TRANSACTION")
        self._stack.close()


@contextmanager
def reading(address: Address) -> Iterator[Session]:
    """Yield a session and close it on exit. Raises SourceError for any error of the driver."""
    session = Session(address)
    try:
        yield session
    except driver_errors() as error:
        raise to_user_error(address, error) from error
    finally:
        session.close()


def database_identity(cursor: Cursor, able: Features) -> str:
    """Return a text that changes if the database is recreated or restored.

    A failover of the database's availability group does not change it.
    """
    fork = able.recovery_fork
    if able.group_database and fork:
        # The number and the creation date belong to the server that runs the database now.
        return f"database {able.group_database} of an availability group, recovery fork {fork}"
    # It is found by name, because Azure SQL Database lists another number here than DB_ID() returns.
    number, created = cursor.execute(
        "SELECT CONVERT(VARCHAR(20), database_id), CONVERT(VARCHAR(30), create_date, 126)"
        " FROM sys.databases WHERE name = DB_NAME()"
    ).fetchone()
    found = f"database {number}, created {created}"
    return f"{found}, recovery fork {fork}" if fork else found
