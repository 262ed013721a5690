"""What can run the pipeline, by name; importing it is cheap."""

from __future__ import annotations

from typing import Literal

BackendName = Literal["torch", "reference", "csim", "rtl", "board"]
"""``torch``: the pipeline that users trust; ``reference``: the integer specification; ``csim``: the
firmware's C++ on this machine; ``rtl``: its RTL in Verilator; ``board``: the firmware on a card,
through XRT."""
KERNEL_BUILDERS = ("cc", "cc-jr", "dwalk")
"""Track builders that are kernels, too."""
