"""The trained run that a page is about, and whether a report is about it, too."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.report.benchmark import Benchmark
from fpga_gnn.report.documents import Document
from fpga_gnn.report.evaluation import Evaluation
from fpga_gnn.report.reconstruction import Reconstruction
from fpga_gnn.report.resources import ResourceTable
from fpga_gnn.report.summary import FlowReport
from fpga_gnn.report.throughput import Throughput

STUDENT, TEACHER, UNKNOWN = "student", "teacher", "model not recorded"


@dataclass(frozen=True)
class WorkingPoint:
    """What a track builder finds on the validation events that its cuts were chosen on."""

    efficiency: float
    fake_rate: float
    settings: Mapping[str, float]


@dataclass(frozen=True)
class Subject:
    """A run, ``shipped`` with the package or not. Hashes: ``run_sha256`` of its record,
    ``student_sha256`` of its weights' file, ``network_sha256`` of its integer network,
    ``teacher_sha256`` of its teacher's weights."""

    folder: str
    shipped: bool
    contract: Contract
    run_sha256: str
    student_sha256: str
    network_sha256: str
    teacher_sha256: str | None
    version: str
    points: Mapping[str, WorkingPoint]

    @property
    def title(self) -> str:
        """The run in a few words."""
        return "the shipped student" if self.shipped else self.folder

    @property
    def model(self) -> str:
        """The run as ``--model`` of commands that take a teacher, too."""
        return "student" if self.shipped else shlex.quote(self.folder)

    @property
    def option(self) -> str:
        """The option of the other commands that names the run, with a space before it."""
        return "" if self.shipped else f" --model {shlex.quote(self.folder)}"

    def role(self, model_sha256: str | None) -> str:
        """Return what the model with this hash of its weights is to the run."""
        roles = {self.student_sha256: STUDENT, self.teacher_sha256: TEACHER, None: UNKNOWN}
        return roles[model_sha256]

    def require(self, document: Document) -> None:
        """Raise ``InputError`` for a report about another contract, or about another model than
        the run or its teacher. A sweep is about trainings of its own."""
        expected = {
            "model": (self.student_sha256, self.teacher_sha256),
            "run.json": (self.run_sha256,),
            "contract": (self.contract.sha256,),
            "network": (self.network_sha256,),
        }
        for what, found in hashes(document.value).items():
            if found is not None and found not in expected[what]:
                known = " or ".join(sha256[:12] for sha256 in expected[what] if sha256)
                raise InputError(
                    document.path,
                    f"figures of the {what} {found[:12]}",
                    f"{known} as in {self.folder}",
                    "leave the file out, or make it again with this model",
                )


def hashes(report: BaseModel) -> dict[str, str | None]:
    """Return what a report says it is about; None: it is of a version that did not say."""
    match report:
        case Evaluation() | Benchmark():
            return {"model": report.model_sha256}
        case Reconstruction():
            return {"run.json": report.settings.get("model")}
        case FlowReport() | ResourceTable() | Throughput():
            return {"contract": report.contract_sha256, "network": report.network_sha256}
    return {}
