"""Arrow tables of foreign origin to checked event columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Hits, Particles

_Columns = TypeVar("_Columns", Hits, Particles)


def to_columns(
    kind: type[_Columns],
    table: pa.Table,
    where: object,
    hint: str = "",
    names: Mapping[str, str] | None = None,
) -> _Columns:
    """Return the columns of ``kind`` out of an Arrow table; more columns are ignored.

    ``names`` gives the table's name of a column where it differs from the field's.
    ``InputError`` names ``where``, the column and the row (from 1) for a missing column, a wrong
    type, an empty cell or a number that is not finite.
    """
    names = names or {}
    return kind(
        **{
            field: to_array(table, names.get(field, field), dtype, where, hint)
            for field, dtype in kind.DTYPES.items()
        }
    )


def to_array(
    table: pa.Table, name: str, dtype: type, where: object, hint: str = ""
) -> NDArray[Any]:
    """Return one column of an Arrow table; ``InputError`` as ``to_columns``."""
    if name not in table.column_names:
        found = f"only the columns {', '.join(table.column_names)}"
        raise InputError(where, found, f"a column {name}", hint)
    column, expected = table.column(name), pa.from_numpy_dtype(dtype)
    if column.type != expected:
        raise InputError(f"{where}: {name}", f"type {column.type}", f"type {expected}", hint)
    empty = column.is_null(nan_is_null=True).to_numpy()
    values: NDArray[Any] = column.to_numpy()
    bad = np.flatnonzero(empty if empty.any() else ~np.isfinite(values))
    if bad.size:
        found = "no number" if empty.any() else f"{values[bad[0]]}"
        raise InputError(f"{where}: {name}, row {bad[0] + 1}", found, "a finite number", hint)
    return values
