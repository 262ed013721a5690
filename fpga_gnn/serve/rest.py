"""REST: health and metadata as mlserver has them, inference and metrics of our own.

Inference takes and gives tensors as JSON or in KServe's binary extension, which ``tritonclient``
uses by default. Nothing else of mlserver's interface is there: no model can be loaded or unloaded.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from mlserver.handlers import DataPlane
from mlserver.rest.app import create_app
from mlserver.settings import Settings
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput, RequestOutput
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fpga_gnn.contract import parse_json
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.serve.failures import TooLargeError, status_of
from fpga_gnn.serve.runtime import TrackFinder, require_model
from fpga_gnn.serve.service import Service
from fpga_gnn.serve.tensors import from_bytes, from_numbers, to_bytes

_OF_MLSERVER = {
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/{model_name}",
    "/v2/models/{model_name}/ready",
}
_HEADER_LENGTH = "inference-header-content-length"
_WHERE = "request"
_DRAIN_SECONDS = 5.0


class _Parameters(BaseModel):
    binary_data: bool = False
    binary_data_output: bool = False
    binary_data_size: int | None = None


class _Input(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    parameters: _Parameters = _Parameters()
    data: Any = None


class _Output(BaseModel):
    name: str
    parameters: _Parameters = _Parameters()


class _Head(BaseModel):
    id: str | None = None
    parameters: _Parameters = _Parameters()
    inputs: list[_Input]
    outputs: list[_Output] = []


def rest_app(
    plane: DataPlane, settings: Settings, model: TrackFinder, service: Service
) -> Starlette:
    """Return the application behind the HTTP port."""
    app: Starlette = create_app(settings, plane, model_repository_handlers=None)
    kept = [
        route
        for route in app.router.routes
        if isinstance(route, Route) and route.path in _OF_MLSERVER
    ]
    endpoint = _Inference(model, service)

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), media_type=service.metrics.content_type)

    app.router.routes[:] = [
        *kept,
        Route("/v2/models/{model_name}/infer", endpoint.infer, methods=["POST"]),
        Route("/metrics", metrics),
    ]
    return app


class _Inference:
    def __init__(self, model: TrackFinder, service: Service) -> None:
        self._model, self._service = model, service

    async def infer(self, request: Request) -> Response:
        body = _Body(request, self._service.config.max_request_bytes)
        try:
            async with self._service.admitted():
                require_model(request.path_params["model_name"])
                if "content-encoding" in request.headers:
                    found = request.headers["content-encoding"]
                    raise InputError("content-encoding", repr(found), "no compression")
                data = await body.read()
                length = request.headers.get(_HEADER_LENGTH, str(len(data)))
                head, payload = _parse(data, length)
                return _response(head, await self._model.predict(payload))
        except FpgaGnnError as error:
            await body.drain()
            return JSONResponse({"error": str(error)}, status_of(error))


class _Body:
    """The body of a request, of ``limit`` bytes at most."""

    def __init__(self, request: Request, limit: int) -> None:
        self._request, self._limit, self._more = request, limit, True

    async def read(self) -> bytes:
        """Return all of it; ``TooLargeError`` as soon as it is."""
        chunks: list[bytes] = []
        size = 0
        while self._more:
            chunk = await self._chunk()
            size += len(chunk)
            if size > self._limit:
                raise TooLargeError(f"the request has more than {self._limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    async def drain(self) -> None:
        """Throw away what was not read: a client that still sends would miss the answer."""
        seen = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._more and seen <= self._limit:
                    seen += len(await self._chunk())

    async def _chunk(self) -> bytes:
        message = await self._request.receive()
        self._more = message.get("more_body", False)
        return bytes(message.get("body", b""))


def _parse(data: bytes, length: str) -> tuple[_Head, InferenceRequest]:
    """Return the request in ``data``: JSON of ``length`` bytes, then the binary tensors."""
    if not (length.isascii() and length.isdigit() and int(length) <= len(data)):
        raise InputError(_HEADER_LENGTH, repr(length), f"0..{len(data)} bytes")
    head = parse_json(data[: int(length)], _Head, _WHERE, "an inference request")
    rest = memoryview(data)[int(length) :]
    inputs = []
    for tensor in head.inputs:
        size, declared = tensor.parameters.binary_data_size, (tensor.datatype, tensor.shape)
        if size is None:
            array = from_numbers(tensor.name, *declared, tensor.data)
        else:
            if not 0 <= size <= len(rest):
                where = f"tensor {tensor.name!r}: binary_data_size"
                raise InputError(where, size, f"0..{len(rest)} bytes, which the request has")
            array = from_bytes(tensor.name, *declared, rest[:size])
            rest = rest[size:]
        inputs.append(RequestInput.model_construct(name=tensor.name, data=array))
    if len(rest):
        raise InputError(_WHERE, f"{len(rest)} more bytes", "the tensors' binary_data_size")
    outputs = [RequestOutput.model_construct(name=output.name) for output in head.outputs]
    return head, InferenceRequest.model_construct(id=head.id, inputs=inputs, outputs=outputs)


def _response(head: _Head, found: InferenceResponse) -> Response:
    """Return ``found`` as JSON, then those tensors that the request wants as bytes."""
    binary = {output.name for output in head.outputs if output.parameters.binary_data}
    outputs, raw = [], b""
    for tensor in found.outputs:
        one = {"name": tensor.name, "datatype": tensor.datatype.value, "shape": tensor.shape}
        if tensor.name in binary or head.parameters.binary_data_output:
            data = to_bytes(tensor.data)
            one["parameters"] = {"binary_data_size": len(data)}
            raw += data
        else:
            one["data"] = tensor.data.tolist()
        outputs.append(one)
    answer = {"model_name": found.model_name, "id": found.id, "outputs": outputs}
    text = json.dumps(answer).encode()
    if not raw:
        return Response(text, media_type="application/json")
    headers = {_HEADER_LENGTH: str(len(text))}
    return Response(text + raw, media_type="application/octet-stream", headers=headers)
