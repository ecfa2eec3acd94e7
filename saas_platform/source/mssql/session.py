"""A connection with a transaction on it that sees one moment; begun again where an error ended it.

Does not hold: what is read in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.connection import connect, scalar
from saas_platform.source.mssql.errors import cursor_errors, driver_errors, in_words
from saas_platform.source.mssql.features import Features, answer, look


class Session:
    """Its cursor sees one moment where the server allows that."""

    cursor: Cursor
    #: What the server can do.
    features: Features
    #: The first row version that was open before that moment; None where the server does not report it.
    floor: int | None

    def __init__(self, address: Address) -> None:
        self.address = address
        self._stack = ExitStack()
        self._begin()

    def _begin(self) -> None:
        try:
            self.cursor = cursor = self._stack.enter_context(connect(self.address, arrow=True))
            self.features = look(cursor)
            level = "SNAPSHOT" if self.features.snapshot_isolation else "READ COMMITTED"
            floor = self.features.floor
            # Before the view is pinned: what commits between the two is seen, and read once more.
            self.floor = None if floor is None else int(scalar(cursor, floor))
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            cursor.execute("BEGIN TRANSACTION")
            # The first read pins the view that all later ones see.
            scalar(cursor, "SELECT COUNT(*) FROM sys.tables")
        except cursor_errors() as error:
            self._stack.close()
            raise in_words(self.address, error) from error
        except SourceError:
            self._stack.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether the transaction is still there; an error may have ended it."""
        return bool(answer(self.cursor, "SELECT @@TRANCOUNT"))

    def renew(self) -> None:
        """Begin again on a connection of its own: as of now, which is another moment."""
        floor = self.floor
        self.close()
        self._begin()
        # What was read before is as old as that, and a watermark above it would lose what came meanwhile.
        if floor is not None and self.floor is not None:
            self.floor = min(floor, self.floor)

    def close(self) -> None:
        # Nothing was written; and an error that ended it before has been reported.
        with suppress(*cursor_errors()):
            self.cursor.execute("IF @@TRANCOUNT > 0 COMMIT TRANSACTION")
        self._stack.close()


@contextmanager
def reading(address: Address) -> Iterator[Session]:
    """A session, closed on the way out. Raises SourceError for every error of the driver."""
    session = Session(address)
    try:
        yield session
    except driver_errors() as error:
        raise in_words(address, error) from error
    finally:
        session.close()


def database_identity(cursor: Cursor, able: Features) -> str:
    """Tells this database from a recreated or a restored one; a failover of its availability group leaves it."""
    fork = able.recovery_fork
    if able.group_database and fork:
        # Number and creation are those of the server that it is on just now.
        return f"database {able.group_database} of an availability group, recovery fork {fork}"
    # By name, as Azure SQL Database has another number for it here than DB_ID() says.
    number, created = cursor.execute(
        "SELECT CONVERT(VARCHAR(20), database_id), CONVERT(VARCHAR(30), create_date, 126)"
        " FROM sys.databases WHERE name = DB_NAME()"
    ).fetchone()
    told = f"database {number}, created {created}"
    return f"{told}, recovery fork {fork}" if fork else told
