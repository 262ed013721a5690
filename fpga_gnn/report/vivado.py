"""Text reports of Vivado and v++ after routing: utilization, timing summary, kernel clock.

Tables are read by the names of their columns, which stay while columns come and go with versions.
"""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel, ConfigDict

from fpga_gnn.errors import InputError
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.lines import read_lines

_REPORT = "a report of Vivado or v++"
_SITES = {
    "lut": "CLB LUTs",
    "ff": "CLB Registers",
    "dsp": "DSPs",
    "bram_18k": "Block RAM Tile",
    "uram": "URAM",
}
_TILE_HALVES = 2
"""A block RAM tile is two blocks of 18 Kb."""
_MOST_ROWS = 10_000
"""Of a table."""
_LARGEST = 1e15
_KERNEL_CLOCK = "kernel_00"
"""Ends the name of the clock that Alveo platforms give to every kernel's ``ap_clk``."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Utilization(_Value):
    """``report_utilization`` of a placed or routed design; ``available`` is the whole device.

    ``slrs`` are the used resources of each SLR by kind, as far as its table has them.
    """

    tool_version: str
    device: str
    used: Resources
    available: Resources
    slrs: tuple[dict[str, int], ...] = ()


class Clock(_Value):
    """A clock of the timing summary; ``wns_ns`` is its own worst setup slack, None: no path."""

    name: str
    period_ns: float
    wns_ns: float | None

    @property
    def achieved_ns(self) -> float | None:
        """The shortest period at which every setup path of this clock would be met."""
        return None if self.wns_ns is None else round(self.period_ns - self.wns_ns, 3)


class TimingSummary(_Value):
    """``report_timing_summary``: worst setup (``wns``) and hold (``whs``) slack of the design."""

    tool_version: str
    wns_ns: float
    whs_ns: float
    failing_endpoints: int
    clocks: tuple[Clock, ...]

    def clock(self, name: str) -> Clock | None:
        """Return the clock ``name``, None if the design has no such clock."""
        return next((clock for clock in self.clocks if clock.name == name), None)


class KernelClock(_Value):
    """The clock of the kernels in a linked binary: v++ lowers what was asked for to what holds."""

    name: str
    requested_mhz: float
    achieved_mhz: float


def read_utilization(path: Path) -> Utilization:
    """Read a ``report_utilization`` of an UltraScale or UltraScale+ device.

    Raises ``InputError``, naming the file, for a missing file, site type or number.
    """
    lines = read_lines(path, _REPORT)
    used, available = {}, {}
    sites = _sites(lines, "Used", "Available")
    for kind, site in _SITES.items():
        if site not in sites:
            raise InputError(path, f"no site type {site}", "a report_utilization")
        row = sites[site]
        used[kind] = _amount(path, kind, row["Used"])
        available[kind] = _amount(path, kind, row["Available"])
    return Utilization(
        tool_version=_header(path, lines, "Tool Version"),
        device=_header(path, lines, "Device"),
        used=Resources(**used),
        available=Resources(**available),
        slrs=_slrs(path, lines),
    )


def _slrs(path: Path, lines: Sequence[str]) -> tuple[dict[str, int], ...]:
    rows = _sites(lines, "SLR0")
    slrs = {column for row in rows.values() for column in row if re.fullmatch(r"SLR\d", column)}
    return tuple(
        {
            kind: _amount(path, kind, _cell(path, rows[site], f"SLR{slr}"))
            for kind, site in _SITES.items()
            if site in rows
        }
        for slr in range(len(slrs))
    )


def _amount(path: Path, kind: str, text: str) -> int:
    number = _number(path, text)
    if number < 0:
        _refuse(path, text, "0 or more")
    return round(number * (_TILE_HALVES if kind == "bram_18k" else 1))


def read_timing(path: Path) -> TimingSummary:
    """Read a ``report_timing_summary``.

    Raises ``InputError``, naming the file, for a missing file, table or number.
    """
    lines = read_lines(path, _REPORT)
    design = _columns(path, lines, "Design Timing Summary")
    slack = {row.get("Clock"): row for row in _columns(path, lines, "Intra Clock Table")}
    if len(design) != 1:
        raise InputError(path, f"{len(design)} rows of slack", "one of the whole design")
    return TimingSummary(
        tool_version=_header(path, lines, "Tool Version"),
        wns_ns=_number(path, _cell(path, design[0], "WNS(ns)")),
        whs_ns=_number(path, _cell(path, design[0], "WHS(ns)")),
        failing_endpoints=round(_number(path, _cell(path, design[0], "TNS Failing Endpoints"))),
        clocks=tuple(
            Clock(
                name=_cell(path, row, "Clock"),
                period_ns=_number(path, _cell(path, row, "Period(ns)")),
                wns_ns=_slack(path, slack.get(row["Clock"], {})),
            )
            for row in _columns(path, lines, "Clock Summary")
        ),
    )


def read_kernel_clock(path: Path) -> KernelClock:
    """Read the clock of the kernels from the ``.xclbin.info`` that v++ writes beside a binary.

    Raises ``InputError``, naming the file, when it is missing or names no such clock.
    """
    clock: dict[str, str] = {}
    for line in read_lines(path, _REPORT):
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "Name":
            clock = {}
        clock[key] = value
        if key == "Achieved Freq" and clock.get("Name", "").endswith(_KERNEL_CLOCK):
            return KernelClock(
                name=clock["Name"],
                requested_mhz=_megahertz(path, clock.get("Requested Freq", "")),
                achieved_mhz=_megahertz(path, value),
            )
    raise InputError(path, f"no achieved frequency of a clock ..{_KERNEL_CLOCK}", "an xclbin.info")


def _header(path: Path, lines: Iterable[str], key: str) -> str:
    for line in lines:
        name, colon, value = line.strip("| ").partition(":")
        if colon and name.strip() == key:
            return value.strip()
    raise InputError(path, f"no {key}", "a report of Vivado")


def _sites(lines: Iterable[str], *needed: str) -> dict[str, dict[str, str]]:
    """Return the rows of ``_SITES`` in the tables of sites with the ``needed`` columns, by site."""
    rows = _tables(lines, "Site Type", *needed)
    named = ((row["Site Type"].rstrip("*"), row) for row in rows)
    return {site: row for site, row in named if site in _SITES.values()}


def _tables(lines: Iterable[str], *needed: str) -> Iterator[dict[str, str]]:
    """Yield the rows of every bordered table that has the ``needed`` columns, by column."""
    names: list[str] = []
    wanted = False
    for line in lines:
        if not line.startswith("|"):
            names = names if line.startswith("+") else []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not names:
            names, wanted = cells, set(needed) <= set(cells)
        elif wanted and len(cells) == len(names):
            yield dict(zip(names, cells, strict=True))


def _columns(path: Path, lines: Sequence[str], title: str) -> list[dict[str, str]]:
    """Return the rows of the table ``title`` by column; an empty cell is left out.

    Cells are two spaces or more apart and belong to the column whose dashes they stand below.
    """
    try:
        start = lines.index(f"| {title}")
    except ValueError:
        raise InputError(path, f"no table {title}", "a report_timing_summary") from None
    head, rule, *rows = [*lines[start + 4 :], "", ""]
    if not re.fullmatch(r"-+( +-+)+", rule.strip()):
        raise InputError(path, f"no columns below {title}", "a report_timing_summary")
    spans = [match.span() for match in re.finditer("-+", rule)]
    names, ends = [cell.group() for cell in _cells(head)], [end for _, end in spans]
    if len(names) != len(spans):
        found = f"{len(names)} names of {len(spans)} columns below {title}"
        raise InputError(path, found, "a name for each")

    def column(cell: re.Match[str]) -> str:
        left, right = cell.span()
        i = bisect.bisect_right(ends, left)
        return names[i] if i < len(spans) and spans[i][0] < right else ""

    table = list(itertools.islice(itertools.takewhile(str.strip, rows), _MOST_ROWS + 1))
    if len(table) > _MOST_ROWS:
        raise InputError(path, f"more than {_MOST_ROWS} rows below {title}", "fewer")
    return [{column(cell): cell.group() for cell in _cells(row)} for row in table]


def _cell(path: Path, row: Mapping[str, str], name: str) -> str:
    return row[name] if name in row else _refuse(path, "", f"a value of {name}")


def _cells(line: str) -> Iterator[re.Match[str]]:
    return re.finditer(r"\S+(?: \S+)*", line)


def _slack(path: Path, row: Mapping[str, str]) -> float | None:
    return _number(path, row["WNS(ns)"]) if "WNS(ns)" in row else None


def _number(path: Path, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    return number if abs(number) < _LARGEST else _refuse(path, text, "a number")


def _megahertz(path: Path, text: str) -> float:
    match = re.fullmatch(r"([\d.]+) MHz", text)
    return _number(path, match[1]) if match else _refuse(path, text, "a frequency in MHz")


def _refuse(path: Path, found: str, expected: str) -> NoReturn:
    raise InputError(path, repr(found), expected)
