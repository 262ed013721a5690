"""Parquet that may come from anyone: every size is checked before anything is unpacked.

A few bytes of Parquet can stand for terabytes: by a number of rows, by a page that says how large
it is when unpacked, by a dictionary of long texts. Arrow believes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fpga_gnn.errors import InputError
from fpga_gnn.events.thrift import Struct, ThriftError, read_struct
from fpga_gnn.files import MIB

_MOST_FOOTER_BYTES = MIB // 4
"""Ten times that of a module map; what Arrow makes of it is some hundred times as large."""
_MOST_ROW_GROUPS = 1000
_MOST_PAGES = 100_000
_BYTES_PER_ROW = 24
"""Of a column: a value of 8 bytes, another in a dictionary, its index and its levels."""
_SMALL_PAGES = MIB
_TAIL, _MARK = 8, b"PAR1"
"""The last bytes of a file: the size of its footer and a mark."""

_SCHEMA, _ROWS, _GROUPS = 2, 3, 4
_CHILDREN = 5
_CHUNKS, _GROUP_ROWS = 1, 3
_ELSEWHERE, _CHUNK = 1, 3
_PACKED_SIZE, _FIRST_PAGE, _DICTIONARY = 7, 9, 11
_PAGE_SIZE, _PACKED_PAGE_SIZE = 2, 3
"""Fields of parquet.thrift: of the footer, a schema's element, a row group, a chunk of a column,
its metadata, and a page's header."""


def read_parquet(
    data: bytes,
    columns: Mapping[str, type],
    most_rows: int,
    where: object,
    hint: str = "",
) -> pa.Table:
    """Return ``columns`` (NumPy types by name) of a Parquet file with the bytes ``data``.

    ``InputError`` for anything but Parquet, for more than ``most_rows`` rows, a column that is
    missing or of another type, and pages larger than the rows need.
    """
    try:
        footer = _footer(data)
        rows = _field(footer, _ROWS, int)
        if not 0 <= rows <= most_rows:
            raise InputError(where, f"{rows} rows", f"{most_rows} at the most", hint)
        _check_groups(footer, rows, data)
        file = pq.ParquetFile(pa.BufferReader(data))
        _check_columns(file.schema_arrow, columns, where, hint)
        return file.read(list(columns), use_threads=False)
    except (ThriftError, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(where, str(error).split("\n")[0], "a Parquet file", hint) from None


def _footer(data: bytes) -> Struct:
    size = int.from_bytes(data[-_TAIL:-4], "little")
    if data[-4:] != _MARK or size > min(len(data) - _TAIL, _MOST_FOOTER_BYTES):
        raise ThriftError(f"no footer, or one of {size} bytes")
    return read_struct(data, len(data) - _TAIL - size)[0]


def _check_groups(footer: Struct, rows: int, data: bytes) -> None:
    """Raise ``ThriftError`` for row groups or pages that do not fit each other or ``rows``."""
    schema, groups = _structs(footer, _SCHEMA), _structs(footer, _GROUPS)
    n_columns = sum(_CHILDREN not in element for element in schema)
    sizes = [_field(group, _GROUP_ROWS, int) for group in groups]
    if len(groups) > _MOST_ROW_GROUPS or min(sizes, default=0) < 0 or sum(sizes) != rows:
        raise ThriftError(f"{len(groups)} row groups of {sum(sizes)} rows, a footer of {rows}")
    n_pages = 0
    for group, size in zip(groups, sizes, strict=True):
        chunks = _structs(group, _CHUNKS)
        if len(chunks) != n_columns or any(_ELSEWHERE in chunk for chunk in chunks):
            raise ThriftError(f"{len(chunks)} chunks in this file of {n_columns} columns")
        for chunk in chunks if rows else ():  # without rows no page is read
            unpacked = 0
            for page_size in _page_sizes(_field(chunk, _CHUNK, dict), data):
                unpacked += page_size
                n_pages += 1
                if n_pages > _MOST_PAGES or unpacked > _BYTES_PER_ROW * size + _SMALL_PAGES:
                    raise ThriftError(f"{n_pages} pages, {unpacked} bytes in {size} rows")


def _page_sizes(chunk: Struct, data: bytes) -> Iterator[int]:
    """Yield how many bytes each page of a column chunk has when it is unpacked."""
    start = _field(chunk, _FIRST_PAGE, int)
    if _DICTIONARY in chunk and 0 < _field(chunk, _DICTIONARY, int) < start:
        start = chunk[_DICTIONARY]
    end = start + _field(chunk, _PACKED_SIZE, int)
    if not 0 <= start <= end <= len(data):
        raise ThriftError(f"pages from byte {start} to {end} of {len(data)}")
    while start < end:
        header, start = read_struct(data, start)
        size, packed = (_field(header, field, int) for field in (_PAGE_SIZE, _PACKED_PAGE_SIZE))
        if min(size, packed) < 0:
            raise ThriftError(f"a page of {size} bytes, packed in {packed}")
        yield size
        start += packed


def _field(struct: Struct, number: int, kind: type) -> Any:
    value = struct.get(number)
    if not isinstance(value, kind):
        raise ThriftError(f"no field {number}")
    return value


def _structs(struct: Struct, number: int) -> list[Struct]:
    found: list[Struct] = _field(struct, number, list)
    if not all(isinstance(one, dict) for one in found):
        raise ThriftError(f"field {number} is no list of structs")
    return found


def _check_columns(
    schema: pa.Schema, columns: Mapping[str, type], where: object, hint: str
) -> None:
    for name, dtype in columns.items():
        places, expected = schema.get_all_field_indices(name), pa.from_numpy_dtype(dtype)
        if not places:
            found = f"only the columns {', '.join(schema.names)}"
            raise InputError(where, found, f"a column {name}", hint)
        if len(places) > 1:
            raise InputError(where, f"{len(places)} columns {name}", "one", hint)
        found = schema.field(places[0]).type
        if found != expected:
            raise InputError(f"{where}: {name}", f"type {found}", f"type {expected}", hint)
