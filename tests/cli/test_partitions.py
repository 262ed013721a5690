"""``fpga-gnn partitions`` and ``reshape`` on small inputs, good and bad."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.report.partition_study import PartitionStudy, shape_lines
from fpga_gnn.training.run import load_run

STUDY = ("partitions", "--events", "two_events", "--out", "new")


def test_partitions_of_the_shapes_asked_for(fpga_gnn, place, small_run):
    shapes = ("--shape", "512x1024", "--shape", "64x128", "--shape", "4x2")
    outcome = fpga_gnn(*STUDY, "--model", small_run, *shapes)
    assert (outcome.code, outcome.err) == (0, "")
    study = PartitionStudy.model_validate_json((place / "new" / "partitions.json").read_bytes())
    large, small, tiny = study.shapes
    assert [(s.max_nodes, s.max_edges) for s in study.shapes] == [(512, 1024), (64, 128), (4, 2)]
    assert sum(large.owned) == sum(small.owned) + small.unplaced > 1000
    assert large.unplaced == 0
    assert tiny.unplaced > 0
    for shape in study.shapes:
        assert sum(shape.partitions) == len(shape.nodes) == len(shape.edges) == len(shape.owned)
        assert len(shape.partitions) == 2
        assert np.less(shape.nodes, shape.max_nodes).all()
        assert np.less_equal(shape.owned, shape.edges).all()
        assert np.less_equal(shape.edges, shape.max_edges).all()
        assert shape.interval == 2 * shape.max_nodes + shape.max_edges
    assert large.lanes < small.lanes
    lines = outcome.out.splitlines()
    assert lines[0] == "2 events, halo of 2 hops, u250"
    assert lines[1:-1] == shape_lines(study.shapes)
    assert (place / "new" / "occupancy.png").stat().st_size > 5000


def test_the_models_own_shape_is_the_default(fpga_gnn, place, small_run):
    outcome = fpga_gnn(*STUDY, "--model", small_run, "--max-events", 1)
    assert (outcome.code, outcome.err) == (0, "")
    study = PartitionStudy.model_validate_json((place / "new" / "partitions.json").read_bytes())
    own = load_run(small_run).contract.partition
    assert (study.shapes[0].max_nodes, study.shapes[0].max_edges) == (own.max_nodes, own.max_edges)
    assert (study.shapes[2].max_nodes, study.shapes[2].max_edges) == (
        own.max_nodes // 4,
        own.max_edges // 4,
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ((*STUDY, "--shape", "8192"), "--shape: found '8192', expected NODESxEDGES"),
        ((*STUDY, "--shape", "1x5"), "--shape: found '1x5'"),
        ((*STUDY, "--shape", "8x0"), "--shape: found '8x0'"),
        ((*STUDY, "--board", "u55"), "board: found 'u55', expected one of u250"),
        ((*STUDY, "--model", "nowhere"), "nowhere: found no run.json"),
        (("reshape", "--config", "w6", "--out", "new"), "contract: found w6 with another network"),
    ],
)
def test_bad_input_is_one_line(fpga_gnn, place, command, message):
    outcome = fpga_gnn(*command)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert re.search(re.escape(message), outcome.err)
    assert not (place / "new").exists()


def test_a_reshaped_model_has_the_capacities_of_its_config(fpga_gnn, place, small_run):
    text = (place / "small.yaml").read_text()
    (place / "other.yaml").write_text(text.replace("max_nodes: 512,", "max_nodes: 100,"))
    outcome = fpga_gnn("reshape", "--model", small_run, "--config", "other.yaml", "--out", "new")
    assert (outcome.code, outcome.err) == (0, "")
    found = load_run(place / "new")
    assert found.contract == load_contract("other.yaml")
    assert found.contract.partition.max_nodes == 100
    assert found.info.builders == load_run(small_run).info.builders
