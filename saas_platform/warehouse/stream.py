"""A stream of rows from a source into a warehouse engine.

Contains: the count of the rows, and the source's own error. Out of scope: where the rows go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa


class RowStream:
    """A stream of record batches that can be read once, and that counts its rows and bytes.

    An engine that reads the batches wraps an error of the source in an error of its own, or loses its type.
    `reraise_source_error()` raises the original error instead.
    """

    def __init__(
        self, reader: pa.RecordBatchReader, on_rows: Callable[[int], None] | None = None
    ) -> None:
        self.schema: pa.Schema = reader.schema
        self.rows = 0
        self.bytes = 0
        self._reader = reader
        self._on_rows = on_rows
        self._error: BaseException | None = None

    def reader(self) -> pa.RecordBatchReader:
        """Return the batches for an engine to read; they are counted as they are read."""
        return pa.RecordBatchReader.from_batches(self.schema, self._counted())

    def _counted(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader:
                self.rows += batch.num_rows
                self.bytes += batch.nbytes
                if self._on_rows is not None:
                    self._on_rows(self.rows)
                yield batch
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._reader.close()

    @contextmanager
    def reraise_source_error(self) -> Iterator[None]:
        """Within this context, raise an error that began in the stream as the source raised it."""
        try:
            yield
        except BaseException:
            if self._error is not None and not isinstance(self._error, GeneratorExit):
                raise self._error from None
            raise
