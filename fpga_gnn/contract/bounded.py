"""Numbers and names that a document sets, bounded far above any sensible use.

An absurd value is then refused in one line, instead of filling the memory, a disk or a life.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
"""What may become the name of a file or a folder and stand in C++, Tcl or HTML as it is."""

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)]
"""A name in C++ and SystemVerilog."""

Count = Annotated[int, Field(ge=0, lt=1 << 63)]
"""What int64 holds."""

Seed = Annotated[int, Field(ge=0, lt=1 << 32)]

Epochs = Annotated[int, Field(ge=0, le=100_000)]

Slots = Annotated[int, Field(ge=1, le=1 << 24)]
"""Rows of a table of hits or edges: a hundred times the hits of a full event of pile-up 200."""

Few = Annotated[int, Field(ge=1, le=1024)]
"""Threads, units, hits of a track."""
