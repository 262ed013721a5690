"""The firmware's processes between its bounded FIFOs: all ends, nothing less deep would do.

Reads and writes do not depend on values, so a dataflow ends for every partition or for none; the
worst cases are here to show that, and that all scores are those of the integer reference.
"""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.contract.structure import PIPELINE_ROWS
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.export.hls4ml_project import HlsTarget, bench_columns, write_project
from fpga_gnn.export.lowering import lower
from fpga_gnn.export.qonnx_export import export_qonnx
from fpga_gnn.hw.dataflow import Dataflow, DeadlockError
from fpga_gnn.reference import interaction_network

TARGET = HlsTarget("xcu250-figd2104-2L-e", 3.33, 15)
# Of the first, aggregations wait for 6 processes of 32 rows each; the second has fewer edges.
VARIANTS = {
    "sum": ((40, 512), {"hidden": 3, "mlp_layers": 2, "iterations": 2}),
    "max": ((32, 64), {"hidden": 4, "iterations": 1, "aggregation": "max"}),
}
CASES = ("full", "hub", "chain", "empty")
SPARE_ROWS = 4
"""Most rows that a FIFO holds beyond what it must: in the processes and FIFOs around it."""


@pytest.fixture(scope="module", params=VARIANTS)
def contract(request, vary):
    shape, network = VARIANTS[request.param]
    return vary(load_contract("small").with_partition(*shape), **network)


@pytest.fixture(scope="module")
def student(contract, make_student):
    return make_student(contract)


@pytest.fixture(scope="module")
def partitions(contract, make_partition):
    """Full of random edges; all edges into one node; one long chain; no node at all."""
    nodes, edges = contract.partition.usable_nodes, contract.partition.max_edges
    made = {
        name: make_partition(contract, *(0, 0) if name == "empty" else (nodes, edges), seed)
        for seed, name in enumerate(CASES)
    }
    made["hub"].edge_index[:, 1] = nodes - 1
    made["chain"].edge_index[:] = np.arange(edges)[:, None] % (nodes - 1) + [0, 1]
    return made


@pytest.fixture(scope="module")
def graphs(student, partitions):
    return {
        name: bench_columns(packed, reference_scores(student, packed))
        for name, packed in partitions.items()
    }


def reference_scores(student, packed):
    return interaction_network.score(
        student.integer_network(),
        packed.node_features[: packed.n_nodes],
        packed.edge_features[: packed.n_edges],
        *packed.edge_index[: packed.n_edges].T,
    )


@pytest.fixture(scope="module")
def project(student, contract, tmp_path_factory):
    model = lower(export_qonnx(student, contract))
    return write_project(model, contract, TARGET, tmp_path_factory.mktemp("hls") / "project", "")


@pytest.fixture(scope="module")
def dataflow(project):
    return Dataflow(project.folder)


@pytest.fixture(scope="module")
def smallest(dataflow, graphs):
    """The smallest depths that work, at once and with full pipelines."""
    return {
        rows: dataflow.smallest_depths([graphs["full"]], pipeline_rows=rows)
        for rows in (0, PIPELINE_ROWS)
    }


def held_whole(project):
    return {name: fifo for name, fifo in project.fifos.items() if "later" in fifo.reason}


def test_the_depths_are_the_derived_ones(dataflow, project):
    assert dataflow.depths == {name: fifo.depth for name, fifo in project.fifos.items()}
    assert {fifo.depth for fifo in held_whole(project).values()} == {
        project.contract.partition.max_nodes,
        project.contract.partition.max_edges,
    }


@pytest.mark.parametrize("pipeline_rows", [0, 1, PIPELINE_ROWS])
def test_all_cases_back_to_back_give_the_reference(dataflow, graphs, pipeline_rows):
    result = dataflow.run(list(graphs.values()), pipeline_rows=pipeline_rows)
    for scores, (name, graph) in zip(result.scores, graphs.items(), strict=True):
        assert np.array_equal(scores[: len(graph["score"])], graph["score"]), name
    assert len(np.unique(result.scores[0])) > 10
    assert all(result.largest_fill[name] <= depth for name, depth in dataflow.depths.items())


def test_steps_do_not_depend_on_values(dataflow, graphs):
    results = [dataflow.run([graph]) for graph in graphs.values()]
    assert len({result.steps for result in results}) == 1
    assert all(result.largest_fill == results[0].largest_fill for result in results)


def test_scores_do_not_depend_on_depths(dataflow, graphs):
    deep = dict.fromkeys(dataflow.depths, 10_000)
    found = dataflow.run([graphs["hub"]], deep).scores
    assert np.array_equal(found, dataflow.run([graphs["hub"]]).scores)


def test_no_fifo_is_deeper_than_it_must(smallest, project):
    for name, fifo in project.fifos.items():
        at_once, full = (smallest[rows][name] for rows in (0, PIPELINE_ROWS))
        assert max(at_once, full) <= fifo.depth, fifo
        if fifo.reason == "read in step":
            assert (at_once, full, fifo.depth) == (1, 1, 2), fifo
        else:
            assert fifo.depth - max(at_once, full) <= SPARE_ROWS, fifo


@pytest.mark.parametrize("pipeline_rows", [0, PIPELINE_ROWS])
def test_a_whole_stream_a_few_rows_shallower_stands_still(
    dataflow, graphs, project, smallest, pipeline_rows
):
    """And the error says so: somebody waits to write it, and it is full."""
    for name in held_whole(project):
        depth = smallest[pipeline_rows][name] - 1
        with pytest.raises(
            DeadlockError, match=f"writes full {name} .{depth} of {depth} rows"
        ) as e:
            dataflow.run([graphs["full"]], {name: depth}, pipeline_rows)
        writer = project.fifos[name].writer
        assert (writer, name) in {(b.process, b.fifo) for b in e.value.blocked if not b.reads}


def test_pipelines_beyond_their_bound_stand_still(dataflow, graphs, project):
    """An aggregation's index waits for rows that the edge update keeps."""
    waiting = [fifo for fifo in project.fifos.values() if "beside" in fifo.reason]
    assert len(waiting) == project.contract.network.iterations
    if all(fifo.depth == fifo.rows for fifo in waiting):
        dataflow.run([graphs["full"]], pipeline_rows=10 * PIPELINE_ROWS)
    else:
        with pytest.raises(DeadlockError, match=f"writes full {waiting[0].name} "):
            dataflow.run([graphs["full"]], pipeline_rows=PIPELINE_ROWS + 1)


def test_an_unknown_fifo_is_refused(dataflow, graphs):
    with pytest.raises(ValueError, match="no such FIFO: layer0_out"):
        dataflow.run([graphs["full"]], {"layer0_out": 3})


@pytest.mark.parametrize(
    ("old", "new"),
    [(" depth=2\n", "\n"), ("    nnet::concatenate2d", "    if (true) nnet::concatenate2d")],
    ids=["FIFO without depth", "statement"],
)
def test_another_top_is_refused(project, graphs, tmp_path, old, new):
    (tmp_path / "firmware").mkdir()
    top = (project.folder / "firmware" / "edge_classifier.cpp").read_text()
    assert old in top
    (tmp_path / "firmware" / "edge_classifier.cpp").write_text(top.replace(old, new, 1))
    with pytest.raises(FpgaGnnError, match="expected FIFOs with depths, then calls, found"):
        Dataflow(tmp_path).run([graphs["full"]])
