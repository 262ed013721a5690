"""The model that Triton's Python backend runs; only that server can import this module."""

from __future__ import annotations

import json
import locale
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
import triton_python_backend_utils as triton

from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.serve.failures import status_of
from fpga_gnn.serve.protocol import EventTracks, decode, encode
from fpga_gnn.serve.reconstructor import Reconstructor
from fpga_gnn.serve.triton_repository import ModelParameters


class TritonPythonModel:
    """An instance of the model: it answers one request at a time.

    Tensors cross by DLPack, of torch on the way out: the backend of Triton 24.10 and older misreads
    arrays of NumPy 2, and renames capsules in a way that NumPy complains about.
    """

    def initialize(self, args: dict[str, str]) -> None:
        """Load all that a request needs; an error here is why the server has no such model.

        What the backend wrote stays if it failed: errors name logs in there.
        """
        locale.setlocale(locale.LC_CTYPE, "")  # the backend starts Python without: text is ASCII
        folder = Path(args["model_repository"])
        try:
            parameters = ModelParameters.read(json.loads(args["model_config"]), folder)
            config = parameters.reconstructor(folder / args["model_version"])
            self._limits = parameters.limits
            self._scratch = Path(mkdtemp(prefix="fpga-gnn-"))
            self._reconstructor = Reconstructor.load(config, self._scratch)
        except FpgaGnnError as error:
            raise triton.TritonModelException(str(error)) from None

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Return the response to each of ``requests``, in their order."""
        return [self._response(request) for request in requests]

    def finalize(self) -> None:
        """Remove what the backend wrote."""
        shutil.rmtree(self._scratch)

    def _response(self, request: Any) -> Any:
        arrays = {one.name(): np.from_dlpack(one).copy() for one in request.inputs()}
        try:
            answers, _ = self._reconstructor.find(decode(arrays, self._limits))
        except FpgaGnnError as error:
            return _refusal(error)
        found = []
        for answer in answers:
            if not isinstance(answer, EventTracks):
                return _refusal(answer)
            found.append(answer)
        return triton.InferenceResponse(
            [
                triton.Tensor.from_dlpack(name, torch.from_numpy(array))
                for name, array in encode(found).items()
            ]
        )


def _refusal(error: FpgaGnnError) -> Any:
    kind = triton.TritonError
    code = kind.INVALID_ARG if status_of(error) < 500 else kind.INTERNAL
    return triton.InferenceResponse(error=kind(str(error), code))
