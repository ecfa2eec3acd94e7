"""Find out whether SQLite's `-wal` holds anything that its database file does not have.

Contains: the file format, as https://www.sqlite.org/fileformat2.html#the_write_ahead_log describes it.
Out of scope: reading pages out of the log, which SQLite does.

No counterpart in SQL Server: only the server itself reads its log.
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
#: If the last bit is set as well, the checksums are of big-endian words.
_MAGIC = 0x377F0682
_MASK = 0xFFFFFFFF


def has_commits(wal: Path) -> bool:
    """Return whether the file holds a committed transaction. A missing file holds none."""
    try:
        file = wal.open("rb")
    except FileNotFoundError:
        return False
    with file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return False
        magic, _, page_size, _, *salts, first, second = _HEADER.unpack(head)
        if magic & ~1 != _MAGIC:
            return False
        order = ">" if magic & 1 else "<"
        sums = _checksum(head[:24], (0, 0), order)
        if sums != (first, second):
            return False
        while True:
            frame = file.read(_FRAME.size)
            page = file.read(page_size)
            if len(frame) < _FRAME.size or len(page) < page_size:
                return False
            _, pages_after_commit, *its_salts, first, second = _FRAME.unpack(frame)
            sums = _checksum(page, _checksum(frame[:8], sums, order), order)
            if its_salts != salts or sums != (first, second):
                return False
            if pages_after_commit:
                return True


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for even, odd in zip(words, words, strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
