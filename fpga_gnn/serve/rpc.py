"""gRPC: KServe's ``GRPCInferenceService`` without streams and without its model repository."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from grpc import StatusCode, aio
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)
from mlserver.grpc.servicers import InferenceServicer
from mlserver.handlers import DataPlane
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput, RequestOutput

from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.serve.config import Addresses
from fpga_gnn.serve.failures import status_of
from fpga_gnn.serve.runtime import TrackFinder, require_model
from fpga_gnn.serve.service import Service
from fpga_gnn.serve.tensors import from_bytes, from_numbers, to_bytes

_CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    404: StatusCode.NOT_FOUND,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}
_CONTENTS = {"FP32": "fp32_contents", "INT32": "int_contents", "INT64": "int64_contents"}
_MANY = 4
"""Calls at a time per place in the queue: what goes beyond is refused before it is read."""
_Call = Callable[["_Servicer", Any, Any], Awaitable[Any]]


def rpc_server(
    plane: DataPlane, model: TrackFinder, service: Service, addresses: Addresses
) -> tuple[aio.Server, int]:
    """Return the server, not yet started, and its port."""
    config = service.config
    server = aio.server(
        options=[
            ("grpc.max_receive_message_length", config.max_request_bytes),
            ("grpc.so_reuseport", 0),  # else two servers would share the port
        ],
        maximum_concurrent_rpcs=_MANY * config.queue,
    )
    add_GRPCInferenceServiceServicer_to_server(_Servicer(plane, model, service), server)
    return server, server.add_insecure_port(addresses.grpc_target)


def _refusing(call: _Call) -> _Call:
    """Make ``call`` end an RPC with the status of a ``FpgaGnnError`` and its sentence."""

    async def answer(self: _Servicer, request: Any, context: Any) -> Any:
        try:
            return await call(self, request, context)
        except FpgaGnnError as error:
            await context.abort(_CODES.get(status_of(error), StatusCode.INTERNAL), str(error))

    return answer


class _Servicer(GRPCInferenceServiceServicer):  # type: ignore[misc]
    def __init__(self, plane: DataPlane, model: TrackFinder, service: Service) -> None:
        self._of_mlserver = InferenceServicer(plane, None)
        self._model, self._service = model, service

    async def ServerLive(self, request: Any, context: Any) -> Any:
        return await self._of_mlserver.ServerLive(request, context)

    async def ServerReady(self, request: Any, context: Any) -> Any:
        return await self._of_mlserver.ServerReady(request, context)

    async def ServerMetadata(self, request: Any, context: Any) -> Any:
        return await self._of_mlserver.ServerMetadata(request, context)

    @_refusing
    async def ModelReady(self, request: Any, context: Any) -> Any:
        require_model(request.name, request.version)
        return await self._of_mlserver.ModelReady(request, context)

    @_refusing
    async def ModelMetadata(self, request: Any, context: Any) -> Any:
        require_model(request.name, request.version)
        return await self._of_mlserver.ModelMetadata(request, context)

    @_refusing
    async def ModelInfer(self, request: Any, context: Any) -> Any:
        async with self._service.admitted():
            require_model(request.model_name, request.model_version)
            found = await self._model.predict(_parse(request))
            return _response(found, raw=bool(request.raw_input_contents))


def _parse(request: Any) -> InferenceRequest:
    raw, tensors = request.raw_input_contents, request.inputs
    if raw and len(raw) != len(tensors):
        raise InputError("raw_input_contents", f"{len(raw)} tensors", f"{len(tensors)} as inputs")
    inputs = []
    for i, tensor in enumerate(tensors):
        declared = tensor.name, tensor.datatype, list(tensor.shape)
        if raw:
            array = from_bytes(*declared, raw[i])
        else:
            numbers = getattr(tensor.contents, _CONTENTS.get(tensor.datatype, "bytes_contents"))
            array = from_numbers(*declared, list(numbers))
        inputs.append(RequestInput.model_construct(name=tensor.name, data=array))
    outputs = [RequestOutput.model_construct(name=output.name) for output in request.outputs]
    return InferenceRequest.model_construct(id=request.id, inputs=inputs, outputs=outputs)


def _response(found: InferenceResponse, raw: bool) -> Any:
    response = pb.ModelInferResponse(model_name=found.model_name, id=found.id)
    for tensor in found.outputs:
        datatype = tensor.datatype.value
        output = response.outputs.add(name=tensor.name, datatype=datatype, shape=tensor.shape)
        if raw:
            response.raw_output_contents.append(to_bytes(tensor.data))
        else:
            getattr(output.contents, _CONTENTS[datatype]).extend(tensor.data.tolist())
    return response
