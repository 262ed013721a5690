"""Reports as JSON files."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from fpga_gnn.files import write_whole


def write_document(document: BaseModel, path: Path) -> None:
    """Write ``document`` as JSON, whole or not at all; ``ValueError`` for a number JSON lacks."""
    text = json.dumps(document.model_dump(mode="json"), indent=1, allow_nan=False)
    write_whole(path, f"{text}\n".encode())
