"""Rows on their way from a source into a warehouse engine.

Holds the counting and the keeping of the source's own error. Does not hold: where rows go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa


class RowStream:
    """A single-pass stream of record batches that counts what passes.

    An engine that pulls batches wraps an error of the source in its own words, or loses its type;
    `faithful()` raises the original.
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
        """Within it, an error that began in the stream leaves as what it was."""
        try:
            yield
        except BaseException:
            if self._error is not None and not isinstance(self._error, GeneratorExit):
                raise self._error from None
            raise
