"""What a page is made of, before any HTML: texts, tables, plots, pictures, in sections.

All texts are plain and escaped when the page is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from fpga_gnn.report.page.event import EventDisplay
from fpga_gnn.report.summary import Label

LABELS = frozenset(get_args(Label))
"""Words that the page shows as the label of a hardware figure."""


@dataclass(frozen=True)
class Text:
    """A paragraph; ``warning`` stands out."""

    text: str
    warning: bool = False

    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Missing:
    """What is not there, and the command that makes it."""

    what: str
    command: str

    kind: ClassVar[str] = "missing"


@dataclass(frozen=True)
class Table:
    """Rows of cells under ``head``; a cell that is one of ``LABELS`` is shown as such."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    kind: ClassVar[str] = "table"

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.head)
        return [all(cell == "" or cell[0] in "0123456789+-–" for cell in c) for c in columns]


@dataclass(frozen=True)
class Plot:
    """A plotly ``figure`` (its JSON), which ``name`` tells from the others; ``table`` has its
    numbers. A ``wide`` one takes the whole width."""

    name: str
    caption: str
    figure: dict[str, Any]
    table: Table | None = None
    wide: bool = False

    kind: ClassVar[str] = "plot"


@dataclass(frozen=True)
class Check:
    """Implementations of a stage that were held against each other: ``compared`` values."""

    names: str
    compared: int
    different: int
    unit: str


@dataclass(frozen=True)
class Stage:
    """A box of the pipeline: what it does, what it holds in the event that the page shows, and how
    it was checked."""

    title: str
    what: str
    count: str
    checks: Sequence[Check] = ()


@dataclass(frozen=True)
class Pipeline:
    """The stages from hits to tracks, and what all of them have in common."""

    stages: Sequence[Stage]
    common: Sequence[str]

    kind: ClassVar[str] = "pipeline"


@dataclass(frozen=True)
class Picture:
    """The interactive event display."""

    event: EventDisplay

    kind: ClassVar[str] = "event"


Block = Text | Missing | Table | Plot | Pipeline | Picture


@dataclass(frozen=True)
class Section:
    """A part of the page with a ``name`` for links."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Tile:
    """A headline figure; ``label`` says how a hardware figure was obtained."""

    title: str
    value: str
    detail: str
    label: str = ""


@dataclass(frozen=True)
class Page:
    """The whole page; ``warnings`` stand above all sections."""

    title: str
    subtitle: str
    tiles: Sequence[Tile]
    warnings: Sequence[str]
    sections: Sequence[Section]

    @property
    def missing(self) -> list[Missing]:
        """What could not be shown, in the order of the sections."""
        blocks = (block for section in self.sections for block in section.blocks)
        return [block for block in blocks if isinstance(block, Missing)]
