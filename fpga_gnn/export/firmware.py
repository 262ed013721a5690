"""The edge classifier's firmware in all its forms: QONNX, lowered QONNX, hls4ml project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qonnx.core.modelwrapper import ModelWrapper

from fpga_gnn.contract import Contract
from fpga_gnn.export.hls4ml_project import PROJECT, HlsProject, HlsTarget, write_project
from fpga_gnn.export.lowering import lower
from fpga_gnn.export.qonnx_export import export_qonnx
from fpga_gnn.models.student import Student


@dataclass(frozen=True, eq=False)
class Firmware:
    """What ``write_firmware`` wrote into ``folder``."""

    folder: Path
    qonnx: ModelWrapper
    lowered: ModelWrapper
    project: HlsProject


def write_firmware(
    student: Student, contract: Contract, target: HlsTarget, folder: Path, vectors: str
) -> Firmware:
    """Write ``edge_classifier.onnx``, its lowered form and the HLS project into ``folder``.

    ``vectors`` is the text of the bench's golden file. Equal arguments write equal files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    qonnx = export_qonnx(student, contract)
    lowered = lower(qonnx)
    qonnx.save(str(folder / f"{PROJECT}.onnx"))
    lowered.save(str(folder / f"{PROJECT}_lowered.onnx"))
    project = write_project(lowered, contract, target, folder / PROJECT, vectors)
    return Firmware(folder, qonnx, lowered, project)
