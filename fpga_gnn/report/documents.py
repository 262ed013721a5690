"""Reports of other commands, recognised by the fields they have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from fpga_gnn.contract import parse_json
from fpga_gnn.contract.documents import MOST_JSON_BYTES
from fpga_gnn.errors import InputError
from fpga_gnn.files import read_limited
from fpga_gnn.report.benchmark import Benchmark
from fpga_gnn.report.evaluation import Evaluation
from fpga_gnn.report.reconstruction import Reconstruction
from fpga_gnn.report.resources import ResourceTable
from fpga_gnn.report.summary import FlowReport
from fpga_gnn.report.sweep import Sweep
from fpga_gnn.report.throughput import Throughput

KINDS: dict[str, type[BaseModel]] = {
    "evaluation": Evaluation,
    "sweep": Sweep,
    "report": FlowReport,
    "resources": ResourceTable,
    "throughput": Throughput,
    "benchmark": Benchmark,
    "reconstruction": Reconstruction,
}
"""The reports by the names that commands give their files, without ``.json``."""

_REPORT = "a report of fpga-gnn"
_REMAKE = "make it again with the command that wrote it"
_Kind = TypeVar("_Kind", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A report as it was found: ``value`` is one of ``KINDS``, ``sha256`` that of its file."""

    path: Path
    sha256: str
    kind: str
    value: BaseModel


def find_documents(paths: Iterable[Path]) -> list[Document]:
    """Read all of ``paths``: of a file whatever report it is, of a folder all files below it that
    have the name of a report. Equal files count once.

    Raises ``InputError``, naming the file, for a path that is not there, broken JSON, or another
    schema.
    """
    found: dict[str, Document] = {}
    for file in (file for path in paths for file in _files(path)):
        document = read_document(file)
        found.setdefault(document.sha256, document)
    return list(found.values())


def read_document(path: Path) -> Document:
    """Read one report, whatever its name; ``InputError`` if it is none."""
    data = read_limited(path, MOST_JSON_BYTES, _REPORT)
    kind = _recognise(parse_json(data, dict[str, Any], path, _REPORT, _REMAKE))
    if kind is None:
        raise InputError(path, "something else", f"{_REPORT}: {', '.join(KINDS)}")
    value = parse_json(data, KINDS[kind], path, _REPORT, _REMAKE)
    return Document(path, hashlib.sha256(data).hexdigest(), kind, value)


def of_kind(documents: Iterable[Document], kind: type[_Kind]) -> list[_Kind]:
    """Return the reports of one kind, in the order of ``documents``."""
    return [document.value for document in documents if isinstance(document.value, kind)]


def _files(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise InputError(path, "nothing", f"{_REPORT} or a folder of them")
    if path.is_dir():
        names = {f"{kind}.json" for kind in KINDS}
        yield from sorted(file for file in path.rglob("*.json") if file.name in names)
    else:
        yield path


def _recognise(content: Mapping[str, Any]) -> str | None:
    """Return the kind of which ``content`` has the most required fields, at least half of them."""

    def share(kind: type[BaseModel]) -> float:
        required = [name for name, field in kind.model_fields.items() if field.is_required()]
        return sum(name in content for name in required) / len(required)

    best = max(KINDS, key=lambda name: share(KINDS[name]))
    return best if share(KINDS[best]) >= 0.5 else None
