"""What an edge classifier will take of a board, before any synthesis."""

from __future__ import annotations

from fpga_gnn.contract import Contract, IntegerNetwork
from fpga_gnn.hw.boards import Board
from fpga_gnn.report.resource_fit import largest_errors, load_fit
from fpga_gnn.report.resources import KernelUse, ResourceTable
from fpga_gnn.report.rtl_estimates import classifier_resources, partition_cycles
from fpga_gnn.report.summary import HardwareNumber


def estimate(
    network: IntegerNetwork, contract: Contract, board: Board
) -> tuple[ResourceTable, list[HardwareNumber]]:
    """Return the resources of all lanes of ``network``'s classifier, and figures beside them: a
    lane's cycles per partition, and how far such estimates have been from counts of Yosys."""
    shape, lanes = contract.partition, contract.kernels.edge_classifier.lanes
    resource_fit = load_fit()
    mlps, stages = classifier_resources(network, contract, resource_fit.coefficients)
    table = ResourceTable(
        label="estimate",
        contract=contract.name,
        contract_sha256=contract.sha256,
        network_sha256=network.sha256,
        board=board.name,
        part=board.part,
        slrs=board.slrs,
        usable_per_slr=board.usable_per_slr,
        parts=(
            KernelUse(name="edge_classifier MLPs", copies=lanes, used=mlps),
            KernelUse(name="edge_classifier without its MLPs", copies=lanes, used=stages),
        ),
    )
    cycles = partition_cycles(shape.max_nodes, shape.max_edges)
    slots = f"a partition of {shape.max_nodes} nodes and {shape.max_edges} edges, per lane"
    at_clock = f"{slots}, at {board.clock_mhz:g} MHz, not synthesised"
    tested = f"largest on {len(resource_fit.held_out)} classifiers beside the fit"
    figures = [
        ("interval", cycles, "cycles", slots),
        ("interval", cycles / board.clock_mhz, "us", at_clock),
        *(
            (f"error of {kind.upper()}", 100 * error, "%", tested)
            for kind, error in largest_errors(resource_fit).items()
        ),
    ]
    return table, [
        HardwareNumber(name=name, value=value, unit=unit, label="estimate", basis=basis)
        for name, value, unit, basis in figures
    ]
