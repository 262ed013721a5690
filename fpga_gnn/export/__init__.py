"""From the trained student to firmware: QONNX export, lowering, hls4ml project.

Importing the package makes the dialect's operators known to qonnx.
"""

from fpga_gnn.export import dialect

__all__ = ["dialect"]
