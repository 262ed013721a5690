"""What the written project says, without compiling it; tests/conformance runs it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.export import hls4ml_project
from fpga_gnn.export.hls4ml_checks import require_as_asked
from fpga_gnn.export.hls4ml_project import HlsTarget, write_project
from fpga_gnn.export.lowering import lower
from fpga_gnn.export.qonnx_export import export_qonnx

PART = "xcu250-figd2104-2L-e"
TARGET = HlsTarget(PART, 3.33, 15)


@pytest.fixture(scope="module")
def lowered(contract, make_student):
    return lower(export_qonnx(make_student(contract), contract))


@pytest.fixture
def converted(lowered, contract, tmp_path):
    return hls4ml_project._convert(lowered, contract, TARGET, tmp_path / "project")


def layer(graph, name):
    return next(layer for layer in graph.get_layers() if layer.name == name)


def streams(folder):
    """How often each stream is written and read in the top function's calls."""
    source = (folder / "firmware" / "edge_classifier.cpp").read_text()
    written, read = Counter(), Counter()
    for kernel, arguments in re.findall(r"^    \w+::(\w+)<.*>\((.*)\); //", source, re.M):
        names = [name for name in arguments.split(", ") if not re.fullmatch(r"[wb]\d+", name)]
        n_inputs = 2 if kernel.startswith(("edge_", "concatenate")) else 1
        read.update(names[:n_inputs])
        written.update(names[n_inputs:])
    return written, read


def calls(folder, kernel):
    """The arguments of each call of ``kernel`` in the top function."""
    source = (folder / "firmware" / "edge_classifier.cpp").read_text()
    found = re.findall(rf"^    \w+::{kernel}<.*>\((.*)\); //", source, re.M)
    return [call.split(", ") for call in found]


@pytest.mark.parametrize("iterations", [2, 4, 6, 8])
def test_every_stream_has_one_writer_and_one_reader(
    contract, vary, make_student, tmp_path, iterations
):
    deeper = vary(contract, hidden=3, mlp_layers=1, iterations=iterations, shared_weights=True)
    model = lower(export_qonnx(make_student(deeper), deeper))
    write_project(model, deeper, TARGET, tmp_path / "project", "")
    written, read = streams(tmp_path / "project")
    assert set(written.values()) == set(read.values()) == {1}
    assert read.keys() - written.keys() == {"node_features", "edge_features", "edge_index"}
    assert len(written.keys() - read.keys()) == 1


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_edge_index_passes_from_phase_to_phase(
    contract, vary, make_student, tmp_path, iterations
):
    """Each iteration's Clone feeds its gather, its aggregation and what comes next."""
    options = vary(contract, hidden=3, mlp_layers=1, iterations=iterations, shared_weights=True)
    model = lower(export_qonnx(make_student(options), options))
    write_project(model, options, TARGET, tmp_path / "project", "")
    clones = calls(tmp_path / "project", "clone_stream")
    gathers = [index for _, index, _ in calls(tmp_path / "project", "edge_gather")]
    aggregates = [index for _, index, _ in calls(tmp_path / "project", "edge_aggregate")]
    source = "edge_index"
    for iteration in range(iterations):
        (copies,) = (call[1:] for call in clones if call[0] == source)
        gather, aggregate, source = copies
        assert gather == gathers[iteration]
        assert aggregate == aggregates[iteration]
    assert source == gathers[iterations]


@pytest.mark.parametrize("aggregation", ["sum", "max"])
@pytest.mark.parametrize("rounding", ["half_even", "floor"])
def test_aggregation_and_rounding_reach_the_sources(
    contract, vary, make_student, tmp_path, aggregation, rounding
):
    options = vary(contract, aggregation=aggregation, rounding=rounding, iterations=2)
    model = lower(export_qonnx(make_student(options), options))
    write_project(model, options, TARGET, tmp_path / "project", "")
    firmware = tmp_path / "project" / "firmware"
    joins = re.findall(r"typedef fpga_gnn::(\w+) join;", (firmware / "parameters.h").read_text())
    assert joins == [f"join_{aggregation}"] * 2
    types = (firmware / "defines.h").read_text()
    mode = {"half_even": "AP_RND_CONV", "floor": "AP_TRN"}[rounding]
    rounded = r"typedef nnet::array<ap_u?fixed<[-\d,]+,(AP_\w+),AP_SAT,0>, [\d*]+> layer\d+_t;"
    assert set(re.findall(rounded, types)) == {mode}


def test_a_maximum_is_as_wide_as_a_message(contract, vary, make_student, tmp_path):
    options = vary(contract, aggregation="max", iterations=1, bits={"edge_update": {"output": 5}})
    model = lower(export_qonnx(make_student(options), options))
    graph = hls4ml_project._convert(model, options, TARGET, tmp_path / "project")
    aggregate = layer(graph, "layers_0_EdgeAggregate")
    message = aggregate.get_input_variable(aggregate.inputs[0]).type.precision
    assert aggregate.get_output_variable().type.precision == message
    assert message.width == 5


def test_a_quantizer_that_changes_nothing_may_go(contract, vary, make_student, tmp_path):
    """hls4ml drops it; a quantizer that rounds must stay."""
    options = vary(contract, aggregation="max", iterations=1)
    student = make_student(options)
    (only,) = student.layers
    only.aggregate.load_state_dict(only.edge_mlp[-1].state_dict())
    model = lower(export_qonnx(student, options))
    graph = hls4ml_project._convert(model, options, TARGET, tmp_path / "project")
    assert "layers_0_aggregate_Quant_act" not in {layer.name for layer in graph.get_layers()}
    require_as_asked(graph, model, options)


def test_equal_arguments_write_equal_files(lowered, contract, tmp_path):
    for name in ("one", "two"):
        write_project(lowered, contract, TARGET, tmp_path / name, "vectors\n")
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*"))
    assert files == sorted(p.relative_to(tmp_path / "two") for p in (tmp_path / "two").rglob("*"))
    for file in files:
        if (tmp_path / "one" / file).is_file():
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"one", "two"}


def test_project_settings_and_bench(lowered, contract, tmp_path):
    write_project(lowered, contract, HlsTarget(PART, 5.0, 20), tmp_path / "project", "vectors\n")
    script = (tmp_path / "project" / "project.tcl").read_text()
    assert f'set part "{PART}"' in script
    assert "set clock_period 5.0" in script
    assert "set clock_uncertainty 20%" in script
    assert (tmp_path / "project" / "tb_data" / "golden.txt").read_text() == "vectors\n"
    bench = (tmp_path / "project" / "edge_classifier_test.cpp").read_text()
    assert "golden::run" in bench
    assert contract.sha256 in (tmp_path / "project" / "contract.hpp").read_text()
    types = (tmp_path / "project" / "firmware" / "defines.h").read_text()
    assert "ap_fixed<12,1,AP_RND_CONV,AP_SAT,0>, 3*1> input_t" in types
    assert "ap_uint<5>, 2*1> input3_t" in types


def test_a_foreign_folder_is_left_alone(lowered, contract, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="expected an HLS project or a new folder"):
        write_project(lowered, contract, TARGET, tmp_path, "")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_place_that_cannot_be_written_is_a_user_error(lowered, contract, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a writable folder"):
        write_project(lowered, contract, TARGET, tmp_path / "file" / "project", "")


def test_a_failed_write_keeps_the_earlier_project(lowered, contract, tmp_path, monkeypatch):
    out = tmp_path / "project"
    write_project(lowered, contract, TARGET, out, "old\n")

    def refuse(*_):
        raise FpgaGnnError("refused")

    monkeypatch.setattr(hls4ml_project, "require_as_asked", refuse)
    with pytest.raises(FpgaGnnError, match="refused"):
        write_project(lowered, contract, TARGET, out, "new\n")
    assert (out / "tb_data" / "golden.txt").read_text() == "old\n"
    assert [p.name for p in tmp_path.iterdir()] == ["project"]


def test_another_contract_is_refused(lowered, contract, tmp_path):
    other = contract.with_partition(64, 64)
    with pytest.raises(InputError, match="expected contract"):
        write_project(lowered, other, TARGET, tmp_path / "project", "")


def test_a_graph_that_is_not_lowered_is_refused(contract, make_student, tmp_path):
    model = export_qonnx(make_student(contract), contract)
    with pytest.raises(FpgaGnnError, match="expected a lowered graph"):
        write_project(model, contract, TARGET, tmp_path / "project", "")


def test_checks_accept_what_hls4ml_makes(converted, lowered, contract):
    require_as_asked(converted, lowered, contract)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("reuse factor", lambda g: layer(g, "decoder_0").set_attr("reuse_factor", 2)),
        ("strategy", lambda g: layer(g, "decoder_0").set_attr("strategy", "resource")),
        ("type", lambda g: set_type(g, "layers_0_EdgeGather")),
        ("type", lambda g: set_type(g, "layers_1_EdgeAggregate")),
        ("type", lambda g: set_type(g, "clone_edge_index_0")),
        ("type", lambda g: set_type(g, "node_features")),
        ("rounding", lambda g: truncate(g, "decoder_2")),
        ("rounding", lambda g: truncate(g, "layers_0_aggregate_Quant_act")),
        ("rounding", lambda g: truncate(g, "layers_0_edge_mlp_0")),
        ("are missing", lambda g: g.graph.pop("layers_0_aggregate_Quant_act")),
        ("may overflow", lambda g: narrow_accumulator(g, "layers_0_edge_mlp_0")),
        ("weight type", lambda g: widen_weight(g, "layers_0_edge_mlp_0")),
        ("FIFO", lambda g: shallow(g, "layers_0_Concat")),
        ("kernel", lambda g: call_hls4ml(g, "layers_0_edge_mlp_0")),
        ("kernel", lambda g: call_hls4ml(g, "EdgeGather")),
        ("are missing", lambda g: g.graph.pop("layers_0_Concat")),
    ],
)
def test_checks_catch_what_hls4ml_could_change(converted, lowered, contract, what, change):
    change(converted)
    with pytest.raises(FpgaGnnError, match=what):
        require_as_asked(converted, lowered, contract)


def set_type(graph, name):
    default = graph.config.backend.convert_precision_string("fixed<16,6>")
    layer(graph, name).get_output_variable().type.precision = default


def truncate(graph, name):
    precision = layer(graph, name).get_output_variable().type.precision
    precision.rounding_mode = "TRN"


def narrow_accumulator(graph, name):
    precision = layer(graph, name).types["accum_t"].precision
    precision.width, precision.integer = precision.width - 6, precision.integer - 6


def widen_weight(graph, name):
    layer(graph, name).types["weight_t"].precision.width += 1


def shallow(graph, name):
    layer(graph, name).get_output_variable().pragma = ("stream", 1)


def call_hls4ml(graph, name):
    node = layer(graph, name)
    node.set_attr("function_cpp", node.get_attr("function_cpp").replace("fpga_gnn::", "nnet::"))


def test_the_written_fifos_are_the_derived_ones(lowered, contract, tmp_path):
    project = write_project(lowered, contract, TARGET, tmp_path / "project", "")
    source = (project.folder / "firmware" / "edge_classifier.cpp").read_text()
    declared = re.findall(r"#pragma HLS STREAM variable=(\w+) depth=(\d+)", source)
    assert {name: fifo.depth for name, fifo in project.fifos.items()} == {
        name: int(depth) for name, depth in declared
    }
    assert len(re.findall(r"hls::stream<\w+> \w+\(", source)) == len(declared) > 20


def test_dense_layers_say_what_they_need(lowered, contract, tmp_path):
    """Rows, inputs and outputs of the decoder's first layer: 64 edges, 8 of x twice, 8 of e."""
    project = write_project(lowered, contract, TARGET, tmp_path / "project", "")
    source = (project.folder / "firmware" / "edge_classifier.cpp").read_text()
    config = re.search(r"pointwise_dense<.*, (config\d+)>.*; // decoder_0", source)[1]
    text = (project.folder / "firmware" / "parameters.h").read_text()
    body = re.search(rf"struct {config} {{(.*?)}};", text, re.DOTALL)[1]
    for line in ("n_rows = 64", "n_in = 24", "n_out = 8", "reuse_factor = 1"):
        assert f"static const unsigned {line};" in body
