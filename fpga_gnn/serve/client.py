"""A client of this service, or of any other KServe v2 server that speaks ``protocol``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import aiohttp
import tritonclient.grpc.aio
import tritonclient.http.aio
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.serve.protocol import MODEL, OUTPUTS

_LIBRARIES = {"http": tritonclient.http.aio, "grpc": tritonclient.grpc.aio}
_STATUS = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 413}
_STATUS |= {"UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504}


class CallError(FpgaGnnError):
    """A server refused or failed; ``status`` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


class TrackClient:
    """One connection to the server at ``http://HOST:PORT`` or ``grpc://HOST:PORT``.

    An asynchronous context manager. Raises ``InputError`` for any other ``url``.
    """

    def __init__(self, url: str, model: str = MODEL) -> None:
        protocol, _, target = url.partition("://")
        if protocol not in _LIBRARIES or not target:
            raise InputError("--url", url, "http://HOST:PORT or grpc://HOST:PORT")
        self.url, self._target, self._model = url, target, model
        self._library = _LIBRARIES[protocol]

    async def __aenter__(self) -> Self:
        self._client = self._library.InferenceServerClient(self._target)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def infer(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the tensors of ``OUTPUTS`` for those of ``INPUTS``.

        Raises ``CallError`` if the server refuses, fails or is not there.
        """
        inputs = []
        for name, array in arrays.items():
            datatype = np_to_triton_dtype(array.dtype)
            tensor = self._library.InferInput(name, list(array.shape), datatype)
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        try:
            found = await self._client.infer(self._model, inputs)
        except InferenceServerException as error:
            status = str(error.status()).removeprefix("StatusCode.")
            number = int(status) if status.isdigit() else _STATUS.get(status, 500)
            raise CallError(f"{self.url}: {error.message()}", number) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CallError(f"{self.url}: {error}", 503) from None
        return {spec.name: found.as_numpy(spec.name) for spec in OUTPUTS}
