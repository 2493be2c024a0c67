"""Arrays as PostgreSQL sends them, as arrays of numpy: a thousand rows without a value of Python for each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, LargeBinary, func

from paperround.arrays import np

Array: TypeAlias = "np.ndarray[Any, Any]"

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL counts days and microseconds from here
MICROSECOND: Final = timedelta(microseconds=1)
HEAD_SIZE: Final = 20  # dimensions, whether there are NULLs, the type, the length, the first place
# The kinds of values, as numpy names them.
INTEGERS: Final = ">i4"
SMALL_INTEGERS: Final = ">i2"
TIMES: Final = ">i8"  # microseconds since `EPOCH`
FLAGS: Final = "?"


def send_array(column: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Aggregate a column without NULLs to what `decode_arrays` reads."""
    return func.array_send(func.array_agg(column), type_=LargeBinary)


def decode_arrays(sent: Iterable[bytes], kind: str) -> Array:
    """Decode what `send_array` gave of values of a kind, group by group, as one array."""
    values = b"".join([array[HEAD_SIZE:] for array in sent])
    decoded = np.frombuffer(values, np.dtype([("size", INTEGERS), ("value", kind)]))["value"]
    return decoded.astype(np.dtype(kind).newbyteorder("="))
