"""What an attacker does to a file: bytes, nodes of a document, cells, footers of Parquet."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

MOST_SECONDS = 120
"""Until a reader is taken to hang: no measure of speed."""
Draw = Callable[[st.SearchStrategy[Any]], Any]


class HangError(BaseException):
    """A reader did not end; no reader takes this for a problem of the file."""


@contextmanager
def ending() -> Iterator[None]:
    """Fail what does not end."""

    def stop(*_):
        raise HangError(f"not done after {MOST_SECONDS} s")

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@dataclass(frozen=True)
class Raw:
    """JSON text that no value of Python has."""

    text: str


VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 7, 2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**30, -(10**400)),
    *(0.5, -0.0, 1e-320, 1e308, -1e308, Raw("NaN"), Raw("Infinity"), Raw("-Infinity")),
    *(Raw("1e999999"), Raw("9" * 5000), Raw("[" * 100 + "]" * 100), Raw("[" * 9000 + "]" * 9000)),
    *("", "0", "x" * 5000, "../../etc/passwd", "/etc/passwd", "a\0b", "\ud800", "\x1b[2J", "٣"),
    *('w8"; exec rm -rf /', "</script>", "\n#include <x>", "$(rm -rf ~)", "cc", "nan", "-inf"),
    *([], {}, [[]], {"": {}}, [0] * 5000, {"__class__": "os"}, {"bits": 8, "frac": 900}),
]
"""Wrong types, sizes, signs, names and depths."""

NUMBERS = [0, -1, 1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 10**6, 2**40]
REALS = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e38, -1e38, 1e-38]


def json_text(tree: Any) -> bytes:
    """JSON of a tree with ``Raw`` values and pairs of keys, some of them twice."""
    if isinstance(tree, Raw):
        return tree.text.encode()
    if isinstance(tree, dict):
        pairs = (json.dumps(key).encode() + b": " + json_text(v) for key, v in tree.items())
        return b"{" + b", ".join(pairs) + b"}"
    if isinstance(tree, list):
        return b"[" + b", ".join(map(json_text, tree)) + b"]"
    return json.dumps(tree).encode()


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every node as (container, key) in it."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _nodes(value)


def change_tree(draw: Draw, tree: Any) -> Any:
    """Replace, remove, rename or repeat one to three nodes of a document, in place."""
    for _ in range(draw(st.integers(1, 3))):
        nodes = list(_nodes(tree))
        if not nodes:
            break
        parent, key = nodes[draw(st.integers(0, len(nodes) - 1))]
        kind = draw(st.sampled_from(["value", "value", "value", "remove", "key", "swap", "number"]))
        if kind == "remove":
            del parent[key]
        elif kind == "key" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["", "x", "../x", "name", "\0", key + "\n"]))] = parent[key]
        elif kind == "swap":
            other, at = nodes[draw(st.integers(0, len(nodes) - 1))]
            parent[key] = other[at] if not isinstance(other[at], dict | list) else None
        elif kind == "number" and isinstance(parent[key], int):
            parent[key] = draw(st.sampled_from([*NUMBERS, parent[key] + 1, parent[key] * 10]))
        else:
            parent[key] = deepcopy(draw(st.sampled_from(VALUES)))
    return tree


def change_bytes(draw: Draw, data: bytes) -> bytes:
    """Flip, cut, insert and repeat pieces of ``data``, one to three times."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.sampled_from([1, 1, 1, 2, 4, 8, 40, 400]))
        kind = draw(st.sampled_from(["flip", "byte", "cut", "end", "insert", "repeat", "zeros"]))
        piece = data[at : at + size]
        if kind == "flip" and piece:
            bit = 1 << draw(st.integers(0, 7))
            data = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
        elif kind == "byte":
            value = draw(st.sampled_from([0, 0xFF, 0x7F, 0x80, 0x0A, 0x22, 0x2D, 0x39]))
            data = data[:at] + bytes([value]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at] + data[at + size :]
        elif kind == "end":
            data = data[:at]
        elif kind == "insert":
            data = data[:at] + draw(st.sampled_from(PIECES)) + data[at:]
        elif kind == "repeat":
            data = data[:at] + piece * draw(st.sampled_from([2, 10])) + data[at + size :]
        else:
            data = data[:at] + bytes(len(piece)) + data[at + size :]
    return data


PIECES = [
    *(b"\0", b"\xff\xfe", b"\n", b"\r", b"\n\n", b'"', b"<", b"&a;", b"<!DOCTYPE a>", b"|", b"+--"),
    *(b"-", b"9" * 5000, b"1e999", b"nan", b"[" * 500, b"{a: " * 50, b"*a ", b"&a ", b"<<: "),
    *(b"!!binary x", b",", b",,", b": ", b"\xc3\x28", b"\xed\xa0\x80", b"a" * 12_000),
]


def change_words(draw: Draw, data: bytes) -> bytes:
    """Replace one to three words of a text."""
    for _ in range(draw(st.integers(1, 3))):
        words = data.split(b" ")
        at = draw(st.integers(0, len(words) - 1))
        words[at] = draw(st.sampled_from([*PIECES, b"-1", b"0", b"1" * 30, b"1e30", b"SLR9", b""]))
        data = b" ".join(words)
    return data


class Thrift:
    """Structs of Thrift's compact protocol as lists of [field, type, value], which may change."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self.at = data, at
        self.fields = self._struct()

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _struct(self) -> list[list[Any]]:
        fields, field = [], 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._integer()
            fields.append([field, head & 15, self._value(head & 15)])
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (1, 2):
            return None
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 8:
            size = self._varint()
            self.at += size
            return self._data[self.at - size : self.at]
        if kind == 9:
            head = self._byte()
            size = head >> 4 if head >> 4 < 15 else self._varint()
            return [head & 15, [self._value(head & 15) for _ in range(size)]]
        assert kind == 12
        return self._struct()


def thrift_bytes(fields: list[list[Any]]) -> bytes:
    """The bytes of a struct."""
    data, last = b"", 0
    for field, kind, value in fields:
        step = field - last
        data += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _zigzag(field)
        data += _thrift_value(kind, value)
        last = field
    return data + b"\0"


def _thrift_value(kind: int, value: Any) -> bytes:
    if kind in (1, 2):
        return b""
    if kind == 3:
        return bytes([value & 255])
    if kind in (4, 5, 6):
        return _zigzag(value)
    if kind == 8:
        return _varint(len(value)) + value
    if kind == 9:
        inner, items = value
        size = len(items)
        head = bytes([size << 4 | inner]) if size < 15 else bytes([240 | inner]) + _varint(size)
        return head + b"".join(_thrift_value(inner, item) for item in items)
    return thrift_bytes(value)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    data = b""
    while value >= 128:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def _zigzag(value: int) -> bytes:
    return _varint((value << 1) ^ (value >> 63))


def open_parquet(data: bytes) -> tuple[bytes, list[list[Any]]]:
    """What comes before the footer of a Parquet file, and the footer."""
    size = int.from_bytes(data[-8:-4], "little")
    return data[: -8 - size], Thrift(data, len(data) - 8 - size).fields


def join_parquet(body: bytes, footer: list[list[Any]]) -> bytes:
    """The file of such two parts."""
    text = thrift_bytes(footer)
    return body + text + len(text).to_bytes(4, "little") + b"PAR1"


def change_footer(draw: Draw, data: bytes) -> bytes:
    """Change one to three numbers or names in the footer of a Parquet file."""
    body, footer = open_parquet(data)
    for _ in range(draw(st.integers(1, 3))):
        leaves = list(_leaves(footer))
        place, at, kind = leaves[draw(st.integers(0, len(leaves) - 1))]
        if kind == 8:
            place[at] = draw(st.sampled_from([b"", b"x", b"z", b"hit_id", b"\xff" * 9, b"a" * 999]))
        else:
            place[at] = draw(st.sampled_from([*NUMBERS, place[at] + 1, place[at] * 2, 10**10]))
    return join_parquet(body, footer)


def _leaves(value: Any, kind: int = 12) -> Iterator[tuple[list[Any], int, int]]:
    """Numbers and names inside a struct or a list, each as (list, index, type)."""
    if kind == 12:
        for field in value:
            yield from _leaf(field, 2, field[1])
    else:
        for i in range(len(value[1])):
            yield from _leaf(value[1], i, value[0])


def _leaf(place: list[Any], at: int, kind: int) -> Iterator[tuple[list[Any], int, int]]:
    if kind in (4, 5, 6, 8):
        yield place, at, kind
    elif kind in (9, 12):
        yield from _leaves(place[at], kind)


def change_table(draw: Draw, table: pa.Table) -> pa.Table:
    """Change the columns, the rows or a cell of a table."""
    names = table.column_names
    at = draw(st.integers(0, len(names) - 1))
    column, rows = table.column(at), table.num_rows
    kind = draw(st.sampled_from(["cell", "cell", "type", "drop", "twice", "null", "rows"]))
    if kind == "drop":
        return table.remove_column(at)
    if kind == "twice":
        return table.append_column(names[at], column)
    if kind == "rows":
        order = draw(st.sampled_from([[0] * rows, [*range(rows)][::-1], [], [*range(rows // 2)]]))
        return table.take(pa.array(order, pa.int64()))
    values = column.to_numpy().copy()
    if kind == "type":
        kinds = [pa.float64(), pa.int8(), pa.uint64(), pa.string(), pa.bool_(), pa.int64()]
        changed = pa.array(values.astype(str), pa.string()).cast(pa.string())
        wanted = draw(st.sampled_from(kinds))
        if wanted != pa.string():
            changed = pa.array(np.zeros(rows), pa.float64()).cast(wanted)
        return table.set_column(at, names[at], changed)
    row = draw(st.integers(0, max(rows - 1, 0)))
    if kind == "null" or not rows:
        mask = np.arange(rows) == row
        return table.set_column(at, names[at], pa.array(values, mask=mask))
    with np.errstate(all="ignore"):
        new = draw(st.sampled_from(REALS if values.dtype.kind == "f" else NUMBERS))
        values[row] = np.array(new).astype(values.dtype)
    return table.set_column(at, names[at], pa.array(values))


def change_parquet(draw: Draw, data: bytes) -> bytes:
    """Change a Parquet file as a table, in its footer or in its bytes."""
    kind = draw(st.sampled_from(["table", "table", "footer", "bytes"]))
    if kind == "footer":
        return change_footer(draw, data)
    if kind == "bytes":
        return change_bytes(draw, data)
    buffer = io.BytesIO()
    table = change_table(draw, pq.read_table(io.BytesIO(data)))
    if table.num_columns:
        pq.write_table(table, buffer, compression=draw(st.sampled_from(["zstd", "none"])))
    return buffer.getvalue()


def change_safetensors(draw: Draw, data: bytes) -> bytes:
    """Change the header of a checkpoint, a weight, or its bytes."""
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    kind = draw(st.sampled_from(["header", "weight", "size", "bytes"]))
    if kind == "bytes":
        return change_bytes(draw, data)
    if kind == "size":
        new = draw(st.sampled_from([0, 1, size - 1, size + 1, 10**8, 2**40, 2**63, 2**64 - 1]))
        return new.to_bytes(8, "little") + data[8:]
    if kind == "header":
        text = json_text(change_tree(draw, header))
        return len(text).to_bytes(8, "little") + text + body
    at = 4 * draw(st.integers(0, max(len(body) // 4 - 1, 0)))
    weight = np.array(draw(st.sampled_from(REALS)), np.float32).tobytes()
    return data[: 8 + size] + body[:at] + weight + body[at + 4 :]
