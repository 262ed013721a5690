"""A model repository for NVIDIA's Triton server: a run and how the server's Python backend runs it.

Tensors, limits and answers are those of ``protocol``; ``triton_model`` reads the repository.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fpga_gnn.contract import validation_error
from fpga_gnn.errors import InputError
from fpga_gnn.files import sha256_of
from fpga_gnn.flows.backend_names import KERNEL_BUILDERS, BackendName
from fpga_gnn.flows.backends import require_no_xclbin
from fpga_gnn.serve.config import InstancesConfig, ReconstructorConfig
from fpga_gnn.serve.protocol import INPUTS, MODEL, OUTPUTS, Limits, TensorSpec
from fpga_gnn.training.run import RUN_FILE, copy_run, load_run

_VERSION, _RUN, _CARD = "1", "run", "card.xclbin"
_MODEL_PY = """\
# The model is in the installed package fpga-gnn.
from fpga_gnn.serve.triton_model import TritonPythonModel
"""


class TritonConfig(InstancesConfig):
    """How Triton runs the model ``name``: ``queue`` requests wait for an instance at most, each no
    longer than ``timeout_s``."""

    name: str = Field(default=MODEL, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")


class ModelParameters(BaseModel):
    """What ``config.pbtxt`` tells the model: how it reconstructs, and of which files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: BackendName
    builder: str
    max_hits: int
    max_events: int
    run_sha256: str
    xclbin_sha256: str | None = None

    @classmethod
    def read(cls, config: Mapping[str, Any], where: Path) -> Self:
        """Return the parameters of Triton's ``config`` (its JSON form) of the model in ``where``.

        Raises ``InputError`` for any that is missing, wrong or unknown.
        """
        strings = {key: value["string_value"] for key, value in config["parameters"].items()}
        try:
            return cls(**strings)
        except ValidationError as error:
            raise validation_error(error, where / "config.pbtxt", cls) from None

    @property
    def limits(self) -> Limits:
        """The largest request."""
        return Limits(max_hits=self.max_hits, max_events=self.max_events)

    def reconstructor(self, version: Path) -> ReconstructorConfig:
        """Return what runs the files in the folder ``version`` of the model.

        Raises ``InputError`` if they are not those of the parameters.
        """
        _require_hash(version / _RUN / RUN_FILE, self.run_sha256)
        card = None
        if self.xclbin_sha256:
            card = version / _CARD
            _require_hash(card, self.xclbin_sha256)
        return ReconstructorConfig(
            model=version / _RUN, backend=self.backend, builder=self.builder, xclbin=card
        )


def write_repository(config: TritonConfig, repository: Path) -> Path:
    """Write the model of ``config`` into ``repository``, whole or not at all; return its folder.

    The folder has ``config.pbtxt`` and, as version 1, ``model.py``, the run and what a card loads.
    Raises ``InputError`` if it is there already or ``config`` can find no tracks.
    """
    folder = repository / config.name
    if folder.exists():
        hint = "remove it or choose another --name"
        raise InputError(folder, "a model of that name", "none", hint)
    source = config.reconstructor
    _require_usable(source)
    repository.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=repository) as scratch:
        built = Path(scratch) / config.name
        version = built / _VERSION
        version.mkdir(parents=True)
        copy_run(source.model, version / _RUN)
        if source.xclbin:
            shutil.copyfile(source.xclbin, version / _CARD)
        (version / "model.py").write_text(_MODEL_PY, encoding="utf-8")
        parameters = ModelParameters(
            backend=source.backend,
            builder=source.builder,
            max_hits=config.limits.max_hits,
            max_events=config.limits.max_events,
            run_sha256=sha256_of(version / _RUN / RUN_FILE),
            xclbin_sha256=sha256_of(version / _CARD) if source.xclbin else None,
        )
        (built / "config.pbtxt").write_text(_config_text(config, parameters), encoding="utf-8")
        built.rename(folder)
    return folder


def _require_usable(config: ReconstructorConfig) -> None:
    require_no_xclbin(config.xclbin, config.backend)
    if config.backend == "board" and config.xclbin is None:
        raise InputError("--backend board", "no binary", "--xclbin FILE")
    load_run(config.model).builder(config.builder)
    if config.backend != "torch" and config.builder not in KERNEL_BUILDERS:
        where = f"track builder with the backend {config.backend}"
        raise InputError(where, repr(config.builder), f"one of {', '.join(KERNEL_BUILDERS)}")


def _require_hash(file: Path, expected: str) -> None:
    found = sha256_of(file)
    if found != expected:
        raise InputError(file, f"sha256 {found[:12]}", f"sha256 {expected[:12]} as in config.pbtxt")


def _config_text(config: TritonConfig, parameters: ModelParameters) -> str:
    """Return the model's configuration in protobuf's text format.

    Tensors have no batch axis (``max_batch_size: 0``): a request has the events it has, and
    Triton's dynamic batcher only keeps the queue.
    """
    parts = [
        f'name: "{config.name}"',
        'backend: "python"',
        "max_batch_size: 0",
        *(f"input {_tensor(spec)}" for spec in INPUTS),
        *(f"output {_tensor(spec)}" for spec in OUTPUTS),
        f"instance_group {{ kind: KIND_CPU count: {config.instances} }}",
        "dynamic_batching {",
        "  default_queue_policy {",
        f"    max_queue_size: {config.queue}",
        f"    default_timeout_microseconds: {round(config.timeout_s * 1e6)}",
        "    timeout_action: REJECT",
        "  }",
        "}",
        *(
            f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
            for key, value in parameters.model_dump(exclude_none=True).items()
        ),
    ]
    return "\n".join(parts) + "\n"


def _tensor(spec: TensorSpec) -> str:
    optional = " optional: true" if spec.optional else ""
    return f'{{ name: "{spec.name}" data_type: TYPE_{spec.datatype} dims: [ -1 ]{optional} }}'
