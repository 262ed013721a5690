"""Thrift's compact protocol, in which Parquet keeps its footer and the headers of its pages.

Arrow reads them too, and ends the process at some that are damaged: they are looked at here first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Struct = dict[int, Any]
"""Values by the number of their field: bool, int, bytes, list, or another struct."""

_MOST_DEPTH = 16


class ThriftError(Exception):
    """Bytes that are no struct."""


def read_struct(data: bytes, at: int) -> tuple[Struct, int]:
    """Return the struct that begins at byte ``at``, and the byte behind it.

    Of a field given twice the last value counts. Raises ``ThriftError``.
    """
    reader = _Reader(data, at)
    return reader.struct(0), reader.at


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data, self.at = data, at
        self._kinds: dict[int, Callable[[int], Any]] = {
            3: lambda depth: self._byte(),
            4: lambda depth: self._integer(),
            5: lambda depth: self._integer(),
            6: lambda depth: self._integer(),
            7: lambda depth: self._bytes(8),
            8: lambda depth: self._bytes(self._varint()),
            9: self._list,
            10: self._list,
            12: self.struct,
        }

    def struct(self, depth: int) -> Struct:
        fields: Struct = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        if size == 15:
            size = self._varint()
        if kind in (1, 2):
            return [self._byte() == 1 for _ in range(size)]
        return [self._value(kind, depth) for _ in range(size)]

    def _value(self, kind: int, depth: int) -> Any:
        if kind not in self._kinds or depth == _MOST_DEPTH:
            raise ThriftError(f"a value of type {kind} at depth {depth}")
        return self._kinds[kind](depth + 1)

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ThriftError("a number of more than 64 bits")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if not 0 <= start <= self.at <= len(self._data):
            raise ThriftError(f"no bytes {start} to {self.at} of {len(self._data)}")
        return self._data[start : self.at]
