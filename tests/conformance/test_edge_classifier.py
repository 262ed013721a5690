"""One network, five rungs: student, QONNX, lowered QONNX, hls4ml C simulation, integer reference.

Each case runs through every rung; all scores are equal, or ``MismatchError`` says where not.
"""

from __future__ import annotations

import dataclasses
import subprocess

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, reject, settings
from hypothesis import strategies as st
from qonnx.custom_op.registry import getCustomOp

from fpga_gnn.errors import FpgaGnnError, MismatchError
from fpga_gnn.export.execute import execute
from fpga_gnn.export.hls4ml_project import GOLDEN, HlsTarget, bench_columns, write_project
from fpga_gnn.export.lowering import lower
from fpga_gnn.export.qonnx_export import export_qonnx
from fpga_gnn.hw.vectors import format_vectors
from fpga_gnn.reference import interaction_network
from fpga_gnn.verify.compare import require_equal

TARGET = HlsTarget("xcu250-figd2104-2L-e", 3.33, 15)
# nodes, edges, saturated features: empty, one self-loop, duplicates at two hubs, full capacity.
CASES = {
    "empty": (0, 0, False),
    "one node": (1, 1, False),
    "hubs": (2, 64, True),
    "sparse": (31, 20, False),
    "full": (31, 64, False),
    "saturated": (31, 64, True),
}


def reference_scores(network, packed):
    return interaction_network.score(
        network,
        packed.node_features[: packed.n_nodes],
        packed.edge_features[: packed.n_edges],
        *packed.edge_index[: packed.n_edges].T,
    )


def in_lsb(scores, network):
    return np.ldexp(np.asarray(scores, dtype=np.float64), network.score.frac)


@pytest.fixture(scope="module")
def student(contract, make_student):
    return make_student(contract, seed=1)


@pytest.fixture(scope="module")
def network(student):
    return student.integer_network()


@pytest.fixture(scope="module")
def partitions(contract, make_partition):
    return {
        name: make_partition(contract, nodes, edges, seed, saturated=saturated)
        for seed, (name, (nodes, edges, saturated)) in enumerate(CASES.items())
    }


@pytest.fixture(scope="module")
def qonnx(student, contract):
    return export_qonnx(student, contract)


@pytest.fixture(scope="module")
def lowered(qonnx):
    return lower(qonnx)


@pytest.fixture(scope="module")
def project(lowered, contract, network, partitions, tmp_path_factory):
    cases = {
        name.replace(" ", "_"): bench_columns(packed, reference_scores(network, packed))
        for name, packed in partitions.items()
    }
    vectors = format_vectors("edge_classifier", contract, cases)
    folder = tmp_path_factory.mktemp("hls") / "project"
    return write_project(lowered, contract, TARGET, folder, vectors)


@pytest.mark.parametrize("rung", ["student", "qonnx", "lowered", "csim"])
@pytest.mark.parametrize("case", CASES)
def test_rung_equals_the_reference(
    rung, case, student, qonnx, lowered, project, network, partitions, contract, graph_tensors
):
    packed = partitions[case]
    run = {
        "student": lambda: student(*graph_tensors(packed, contract)).detach().numpy(),
        "qonnx": lambda: execute(qonnx, packed, contract),
        "lowered": lambda: execute(lowered, packed, contract),
        "csim": lambda: project.scores(packed),
    }[rung]
    expected = reference_scores(network, packed)
    compared = require_equal("edge_classifier", case, expected, in_lsb(run(), network))
    assert compared == packed.n_edges


def test_the_cases_exercise_the_score_range(network, partitions):
    scores = reference_scores(network, partitions["full"])
    assert len(np.unique(scores)) > 50
    assert scores.min() < 0 < scores.max()


def test_padding_does_not_reach_real_scores(project, partitions, contract):
    packed = partitions["sparse"]
    noisy = dataclasses.replace(
        packed,
        node_features=packed.node_features.copy(),
        edge_features=packed.edge_features.copy(),
    )
    noisy.node_features[packed.n_nodes :] = contract.features.format.max_int
    noisy.edge_features[packed.n_edges :] = contract.features.format.min_int
    assert np.array_equal(project.scores(packed), project.scores(noisy))


@pytest.mark.parametrize("rung", ["reference", "lowered"])
def test_one_changed_weight_is_found(rung, qonnx, network, partitions, contract):
    packed = partitions["full"]
    if rung == "lowered":
        changed = lower(qonnx)
        dense = next(node for node in changed.graph.node if node.name == "decoder_2")
        op = getCustomOp(dense)
        weight = op.get_nodeattr("weight").copy()
        weight[0, np.abs(weight).argmax()] += 2.0 ** -op.get_nodeattr("weight_frac")
        op.set_nodeattr("weight", weight)
        got = in_lsb(execute(changed, packed, contract), network)
    else:
        *first, last = network.decoder
        weight = last.weight.copy()
        weight[0, np.abs(weight).argmax()] += 1
        decoder = (*first, dataclasses.replace(last, weight=weight))
        got = reference_scores(dataclasses.replace(network, decoder=decoder), packed)
    message = r"edge_classifier: case full: shape \(64,\), index \(\d+,\): expected -?\d+, got "
    with pytest.raises(MismatchError, match=message):
        require_equal("edge_classifier", "full", reference_scores(network, packed), got)


@pytest.fixture(scope="module")
def bench(project):
    """The project's own test bench, compiled without optimisation."""
    command = ["g++", "-std=c++11", "-O0", "-w", "-I.", "-Ifirmware/ap_types"]
    sources = ["edge_classifier_test.cpp", "firmware/edge_classifier.cpp"]
    subprocess.run([*command, *sources, "-o", "bench"], cwd=project.folder, check=True)
    return project.folder / "bench"


def test_bench_passes_on_the_golden_vectors(bench):
    done = subprocess.run([bench], cwd=bench.parent, capture_output=True, text=True)
    edges = sum(edges for _, edges, _ in CASES.values())
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"edge_classifier: {len(CASES)} cases, {edges} values equal\n"


def test_bench_fails_on_one_wrong_score(bench, network, partitions, contract, tmp_path):
    packed = partitions["full"]
    scores = reference_scores(network, packed)
    wrong = scores.copy()
    wrong[5] += 1
    cases = {"full": bench_columns(packed, wrong)}
    (tmp_path / GOLDEN.name).write_text(format_vectors("edge_classifier", contract, cases))
    command = [bench, tmp_path / GOLDEN.name]
    done = subprocess.run(command, cwd=bench.parent, capture_output=True, text=True)
    assert done.returncode == 1
    difference = f"case full: score[5]: expected {wrong[5]}, got {scores[5]}"
    assert difference in done.stderr


# A counterexample is a seed already: nothing to shrink.
@settings(deadline=None, max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(
    seed=st.integers(0, 10**6),
    gain=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    bits=st.sampled_from([(2, 4), (4, 4), (8, 8), (6, 10)]),
    n_nodes=st.integers(1, 31),
    n_edges=st.integers(0, 64),
    saturated=st.booleans(),
)
def test_any_accepted_student_equals_its_integers(
    contract,
    make_student,
    make_partition,
    graph_tensors,
    seed,
    gain,
    bits,
    n_nodes,
    n_edges,
    saturated,
):
    """Any weights, bit widths and graph, extreme features and degrees: float32 stays exact."""
    changes = {"weight_bits": bits[0], "activation_bits": bits[1]}
    network = contract.network.model_copy(update=changes)
    other = contract.model_copy(update={"network": network})
    student = make_student(other, seed, gain=gain)
    try:
        integers = student.integer_network()
    except FpgaGnnError:  # beyond float32, and said so
        reject()
    packed = make_partition(other, n_nodes, n_edges, seed, saturated=saturated)
    with torch.no_grad():
        scores = student(*graph_tensors(packed, other)).numpy()
    expected = reference_scores(integers, packed)
    require_equal("edge_classifier", f"seed {seed}", expected, in_lsb(scores, integers))
