"""Records of numpy arrays of equal length, the form of all state inside the simulator.

Contains: the base class and the types of its columns. Out of scope: the meaning of any record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, get_type_hints

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: A column of int64: ids, counts, cents, codes, seconds.
Integers = Annotated[Array, np.int64]
#: A column of float64.
Reals = Annotated[Array, np.float64]
#: A column of bool.
Booleans = Annotated[Array, np.bool_]


@dataclass(eq=False)
class Columns:
    """Base class of the records: a dataclass whose fields are one-dimensional arrays of equal length."""

    #: Name and numpy type of each column.
    dtypes: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        cls.dtypes = {
            name: hint.__metadata__[0]
            for name, hint in hints.items()
            if hasattr(hint, "__metadata__")
        }

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.dtypes))))

    def take(self, index: Array) -> Self:
        """Return a copy of the rows at an index or a mask."""
        return type(self)(**{name: getattr(self, name)[index] for name in self.dtypes})

    @classmethod
    def build(cls, length: int, **values: Any) -> Self:
        """Build rows from arrays and scalars. Raises TypeError unless exactly all columns are given."""
        if values.keys() != cls.dtypes.keys():
            wrong = sorted(values.keys() ^ cls.dtypes.keys())
            raise TypeError(f"{cls.__name__}: columns {wrong} are missing or unknown")
        return cls(
            **{
                name: np.array(np.broadcast_to(values[name], length), dtype=dtype)
                for name, dtype in cls.dtypes.items()
            }
        )

    @classmethod
    def empty(cls) -> Self:
        """Return a record without rows."""
        return cls(**{name: np.empty(0, dtype) for name, dtype in cls.dtypes.items()})

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Return all rows of the parts, in order."""
        if not parts:
            return cls.empty()
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.dtypes}
        )
