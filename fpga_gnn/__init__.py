"""fpga-gnn: particle-tracking graph neural networks from training to FPGA firmware."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fpga-gnn")
except PackageNotFoundError:  # running from a source tree that is not installed
    __version__ = "0+unknown"
