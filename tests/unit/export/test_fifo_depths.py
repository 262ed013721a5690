"""Depths of hand-made dataflows; tests/conformance/test_dataflow.py runs those of the firmware."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

from fpga_gnn.contract.structure import PIPELINE_ROWS
from fpga_gnn.export.fifo_depths import Schedule, set_fifo_depths

NODES, EDGES = 500, 1000


@dataclass
class Layer:
    """What a schedule sees of an hls4ml layer."""

    name: str
    inputs: list[str]
    outputs: list[str]
    class_name: str = "PointwiseConv1D"
    rows: int = EDGES
    variables: dict[str, SimpleNamespace] = field(default_factory=dict)

    def get_output_variable(self, stream):
        new = SimpleNamespace(name=stream, shape=[self.rows, 8], pragma=("stream", self.rows))
        return self.variables.setdefault(stream, new)


def graph(*layers):
    return SimpleNamespace(get_layers=lambda: layers)


def depths(*layers):
    return {name: fifo.depth for name, fifo in Schedule(graph(*layers)).fifos.items()}


SOURCE = Layer("in", [], ["in"], "Input")
INDEX = Layer("index", [], ["index"], "Input")


def test_a_chain_keeps_step():
    one, two, three = (Layer(f"p{i}", [s], [t]) for i, (s, t) in enumerate(["xa", "ab", "bc"]))
    one.inputs = ["in"]
    assert depths(SOURCE, one, two, three) == {"a": 2, "b": 2}


def test_a_short_path_waits_for_the_long_one():
    """clone -> join beside clone -> p -> q -> join: p and q may hold PIPELINE_ROWS each."""
    layers = (
        Layer("clone", ["in"], ["short", "a"], "Clone"),
        Layer("p", ["a"], ["b"]),
        Layer("q", ["b"], ["long"]),
        Layer("join", ["short", "long"], ["out"], "Concatenate"),
    )
    assert depths(SOURCE, *layers) == {
        "a": 2,
        "b": 2,
        "long": 2,
        "short": 2 + 2 * PIPELINE_ROWS,
    }


def test_two_paths_wait_for_each_other():
    """One process on one path, two on the other: the last FIFO of each path takes the other's."""
    layers = (
        Layer("clone", ["in"], ["a", "b"], "Clone"),
        Layer("p", ["a"], ["one"]),
        Layer("q", ["b"], ["c"]),
        Layer("r", ["c"], ["two"]),
        Layer("join", ["one", "two"], ["out"], "Concatenate"),
    )
    found = depths(SOURCE, *layers)
    assert (found["one"], found["two"]) == (2 + 2 * PIPELINE_ROWS, 2 + PIPELINE_ROWS)
    assert found["a"] == found["b"] == found["c"] == 2


def test_a_few_rows_need_no_more_than_themselves():
    layers = (
        Layer("clone", ["in"], ["short", "a"], "Clone", rows=10),
        Layer("p", ["a"], ["long"], rows=10),
        Layer("join", ["short", "long"], ["out"], "Concatenate", rows=10),
    )
    assert depths(SOURCE, *layers)["short"] == 10


def iteration():
    """x -> gather -> update -> aggregate -> join with x, gathered again and joined with the edges.

    The index is cloned once per phase, the edges where the aggregation takes them.
    """
    return (
        Layer("index_0", ["index"], ["i_gather", "i_aggregate", "i_again"], "Clone"),
        Layer("x", ["in"], ["x_gather", "x_again"], "Clone", NODES),
        Layer("gather", ["x_gather", "i_gather"], ["ends"], "EdgeGather"),
        Layer("update", ["ends"], ["e"]),
        Layer("e", ["e"], ["e_aggregate", "e_again"], "Clone"),
        Layer("aggregate", ["e_aggregate", "i_aggregate"], ["sums"], "EdgeAggregate", NODES),
        Layer("join", ["x_again", "sums"], ["x2"], "Concatenate", NODES),
        Layer("gather2", ["x2", "i_again"], ["ends2"], "EdgeGather"),
        Layer("join2", ["ends2", "e_again"], ["out"], "Concatenate"),
    )


def test_what_a_later_phase_reads_is_held_whole():
    found = Schedule(graph(SOURCE, INDEX, *iteration())).fifos
    held = {name: fifo.depth for name, fifo in found.items() if "later" in fifo.reason}
    assert held == {"x_again": NODES, "e_again": EDGES, "i_again": EDGES}
    # From its Clone to the aggregation the index waits for gather, update and the edges' Clone.
    assert found["i_aggregate"].depth == 2 + 3 * PIPELINE_ROWS
    others = found.keys() - held.keys() - {"i_aggregate"}
    assert {found[name].depth for name in others} == {2}


def test_inputs_wait_at_their_port():
    """A row process in front of a later phase works in that phase, and needs no deep FIFO."""
    first, *rest = iteration()
    late = Layer("late", ["edges"], ["e_late"])
    rest[-1].inputs = ["ends2", "e_late"]
    rest[3] = Layer("e", ["e"], ["e_aggregate"], "Clone")
    found = depths(SOURCE, INDEX, Layer("edges", [], ["edges"], "Input"), first, late, *rest)
    assert found["e_late"] == 2


def test_phases_count_back_from_the_end():
    layers = {layer.name: layer for layer in iteration()}
    schedule = Schedule(graph(SOURCE, INDEX, *layers.values()))
    assert [schedule.read_phase(layers["gather"], place) for place in (0, 1)] == [-3, -2]
    assert [schedule.read_phase(layers["aggregate"], place) for place in (0, 1)] == [-2, -2]
    assert schedule.read_phase(layers["gather2"], 0) == -1
    assert schedule.read_phase(layers["join2"], 1) == 0


def test_the_depths_reach_the_streams():
    layers = iteration()
    set_fifo_depths(graph(SOURCE, INDEX, *layers))
    clone = layers[0]
    assert clone.variables["i_again"].pragma == ("stream", EDGES)
    assert clone.variables["i_gather"].pragma == ("stream", 2)
