"""The repository that Triton reads: its configuration, its files, and what makes it be refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.files import sha256_of
from fpga_gnn.serve.config import ReconstructorConfig
from fpga_gnn.serve.protocol import INPUTS, OUTPUTS, Limits
from fpga_gnn.serve.triton_repository import ModelParameters, TritonConfig, write_repository
from fpga_gnn.training.run import RUN_FILE, default_run, load_run


def write(folder: Path, **options: Any) -> Path:
    return write_repository(
        TritonConfig(**{"reconstructor": ReconstructorConfig()} | options), folder
    )


def parsed(folder: Path) -> Any:
    """The configuration as Triton's own schema reads it: unknown fields are errors."""
    schema = pytest.importorskip("tritonclient.grpc.model_config_pb2", exc_type=ImportError)
    from google.protobuf import text_format

    text = (folder / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, schema.ModelConfig())


def parameters(folder: Path) -> ModelParameters:
    """What the model gets: Triton hands it the configuration in the JSON form of protobuf."""
    from google.protobuf.json_format import MessageToDict

    config = MessageToDict(parsed(folder), preserving_proto_field_name=True)
    return ModelParameters.read(config, folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("triton") / "repository")


def test_the_configuration_has_the_tensors_of_the_protocol(model):
    config = parsed(model)
    assert (config.name, config.backend, config.max_batch_size) == (model.name, "python", 0)
    for tensors, specs in ((config.input, INPUTS), (config.output, OUTPUTS)):
        found = [(one.name, one.data_type, list(one.dims)) for one in tensors]
        types = {"FP32": 11, "INT32": 8, "INT64": 9}
        assert found == [(spec.name, types[spec.datatype], [-1]) for spec in specs]
    assert [one.optional for one in config.input] == [spec.optional for spec in INPUTS]


def test_instances_and_queue_are_those_asked_for(tmp_path):
    config = parsed(write(tmp_path, instances=3, queue=7, timeout_s=0.25))
    (group,) = config.instance_group
    assert (group.count, group.kind) == (3, group.KIND_CPU)
    policy = config.dynamic_batching.default_queue_policy
    assert (policy.max_queue_size, policy.default_timeout_microseconds) == (7, 250_000)
    assert policy.timeout_action == policy.REJECT


def test_the_model_is_complete_by_itself(model):
    found = load_run(model / "1" / "run")
    shipped = load_run(default_run())
    assert found.contract.sha256 == shipped.contract.sha256
    assert found.student.integer_network().sha256 == shipped.student.integer_network().sha256
    program = (model / "1" / "model.py").read_text(encoding="utf-8")
    assert "from fpga_gnn.serve.triton_model import TritonPythonModel" in program
    assert sorted(path.name for path in model.parent.iterdir()) == [model.name]


def test_the_model_reads_what_was_written(tmp_path):
    source = ReconstructorConfig(backend="csim", builder="dwalk")
    model = write(tmp_path, reconstructor=source, limits=Limits(max_hits=10, max_events=2))
    read = parameters(model)
    assert read.limits == Limits(max_hits=10, max_events=2)
    assert read.run_sha256 == sha256_of(default_run() / RUN_FILE)
    run = model / "1" / "run"
    assert read.reconstructor(model / "1") == source.model_copy(update={"model": run})


def test_a_card_gets_the_binary_it_was_exported_with(tmp_path):
    xclbin = tmp_path / "some.xclbin"
    xclbin.write_bytes(b"bits")
    source = ReconstructorConfig(backend="board", xclbin=xclbin)
    model = write(tmp_path / "repository", reconstructor=source)
    read = parameters(model)
    card = read.reconstructor(model / "1").xclbin
    assert card is not None
    assert card.read_bytes() == b"bits"
    card.write_bytes(b"other bits")
    with pytest.raises(InputError, match=r"card\.xclbin: found sha256 .* as in config\.pbtxt"):
        read.reconstructor(model / "1")


def test_another_run_than_the_exported_one_is_refused(model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "copy")
    record = copy / "1" / "run" / RUN_FILE
    record.write_bytes(record.read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"run\.json: found sha256 .* as in config\.pbtxt"):
        parameters(copy).reconstructor(copy / "1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backend": "gpu"}, "backend: found 'gpu', expected 'torch'"),
        ({"max_hits": "many"}, "max_hits: found 'many', expected a valid integer"),
        ({"colour": "red"}, "unknown key colour"),
        ({"builder": None}, "no key builder"),
    ],
)
def test_a_wrong_parameter_is_named(model, change, said):
    values = parameters(model).model_dump(exclude_none=True) | change
    strings = {k: {"string_value": str(v)} for k, v in values.items() if v is not None}
    with pytest.raises(InputError, match=said):
        ModelParameters.read({"parameters": strings}, model)


def test_an_earlier_model_is_kept(model):
    before = sha256_of(model / "config.pbtxt")
    with pytest.raises(InputError, match="remove it or choose another --name"):
        write(model.parent, instances=2)
    assert sha256_of(model / "config.pbtxt") == before
    other = write(model.parent, name="other")
    assert {path.name for path in model.parent.iterdir()} == {model.name, other.name}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ({"backend": "board", "xclbin": Path("nowhere")}, OSError),
        ({"backend": "board"}, InputError),
        ({"xclbin": Path("nowhere")}, InputError),
        ({"backend": "csim", "builder": "walkthrough"}, InputError),
        ({"builder": "nothing"}, InputError),
        ({"model": Path("nowhere")}, InputError),
    ],
)
def test_what_cannot_be_served_leaves_nothing(tmp_path, source, error):
    with pytest.raises(error):
        write(tmp_path, reconstructor=ReconstructorConfig(**source))
    assert list(tmp_path.iterdir()) == []
