"""A card for the page on hardware: the stand-in for XRT with the design of ``build/design``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from xrt_double.design_kernels import kernels_of
from xrt_double.pyxrt import bo, device, ert_cmd_state, kernel, machine, run, xclBOSyncDirection

from fpga_gnn.training.run import default_run, load_run

__all__ = ["bo", "device", "ert_cmd_state", "kernel", "run", "xclBOSyncDirection"]

LANES = 2

machine.kernels = kernels_of(
    load_run(default_run()).contract, Path("build", "design", "edge_classifier")
)
machine.units = {name: LANES if name == "partition_scorer" else 1 for name in machine.kernels}
