"""The service as a model of mlserver."""

from __future__ import annotations

from mlserver import MLModel, ModelSettings
from mlserver.types import (
    Datatype,
    InferenceRequest,
    InferenceResponse,
    MetadataTensor,
    ResponseOutput,
)

from fpga_gnn import __version__
from fpga_gnn.errors import InputError
from fpga_gnn.serve.failures import NotFoundError
from fpga_gnn.serve.protocol import INPUTS, MODEL, OUTPUTS, TensorSpec, decode, encode
from fpga_gnn.serve.service import Service


class TrackFinder(MLModel):  # type: ignore[misc]
    """Answers with the tensors of ``OUTPUTS`` that a request names, or all.

    The ``data`` of requests and responses are NumPy arrays.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(
            ModelSettings(
                name=MODEL,
                implementation=TrackFinder,
                platform=f"fpga-gnn {__version__}",
                inputs=[_metadata(spec) for spec in INPUTS],
                outputs=[_metadata(spec) for spec in OUTPUTS],
            )
        )
        self._service = service

    @property
    def ready(self) -> bool:
        """Whether an instance can take events."""
        return self._service.ready

    @ready.setter
    def ready(self, loaded: bool) -> None:
        """Ignore what mlserver concludes from ``load``: instances come and go."""

    async def load(self) -> bool:
        """Start the instances."""
        await self._service.start()
        return True

    async def unload(self) -> bool:
        """End the instances."""
        await self._service.stop()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Find the tracks; raises ``InputError`` for a bad request and as ``Service.find``."""
        names = [tensor.name for tensor in payload.inputs]
        if len(set(names)) < len(names):
            raise InputError("request", "a tensor given twice", "each once")
        known = [spec.name for spec in OUTPUTS]
        wanted = [tensor.name for tensor in payload.outputs or []] or known
        for name in wanted:
            if name not in known:
                raise InputError("requested output", repr(name), f"one of {', '.join(known)}")
        arrays = {tensor.name: tensor.data for tensor in payload.inputs}
        found = encode(await self._service.find(decode(arrays, self._service.config.limits)))
        outputs = [
            ResponseOutput.model_construct(
                name=spec.name,
                datatype=Datatype(spec.datatype),
                shape=list(found[spec.name].shape),
                data=found[spec.name],
            )
            for spec in OUTPUTS
            if spec.name in wanted
        ]
        return InferenceResponse.model_construct(model_name=MODEL, id=payload.id, outputs=outputs)


def require_model(name: str, version: str = "") -> None:
    """Raise ``NotFoundError`` for any other model, and for a version: there are none."""
    if name != MODEL or version:
        text = f"model {name[:100]!r} version {version[:100]!r}" if version else f"{name[:100]!r}"
        raise NotFoundError(f"model: found {text}, expected {MODEL!r} without a version")


def _metadata(spec: TensorSpec) -> MetadataTensor:
    return MetadataTensor(name=spec.name, datatype=Datatype(spec.datatype), shape=[-1])
