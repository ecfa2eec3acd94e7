"""Records of equally long numpy arrays: the form of all state inside the simulator.

Holds: the base class and the types of its columns. Does not hold: what any record means.
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
    """Base of the records: a dataclass whose fields are one-dimensional arrays of one length."""

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
        """The rows at an index or a mask, copied."""
        return type(self)(**{name: getattr(self, name)[index] for name in self.dtypes})

    @classmethod
    def build(cls, length: int, **values: Any) -> Self:
        """Rows from arrays and scalars; every column must be named, and no other."""
        if values.keys() != cls.dtypes.keys():
            raise TypeError(f"{cls.__name__}: columns {sorted(values.keys() ^ cls.dtypes.keys())}")
        return cls(
            **{
                name: np.array(np.broadcast_to(values[name], length), dtype=dtype)
                for name, dtype in cls.dtypes.items()
            }
        )

    @classmethod
    def empty(cls) -> Self:
        return cls(**{name: np.empty(0, dtype) for name, dtype in cls.dtypes.items()})

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All rows of the parts, in order."""
        if not parts:
            return cls.empty()
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.dtypes}
        )
