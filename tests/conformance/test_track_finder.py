"""The three kernels as one dataflow find the tracks that they find one by one."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fpga_gnn.errors import CapacityError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows.backends import CsimBackend, load_backend
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.hw.csim import CsimTrackBuilder
from fpga_gnn.hw.csim_track_finder import CsimTrackFinder
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.toolchain import ap_types_dir
from fpga_gnn.training.run import load_run
from fpga_gnn.verify.compare import require_equal

SHAPE = 8192, 6500
MIN_HITS = 3
FITTING, TOO_MANY_NODES, TOO_MANY_EDGES = (0, 4), 1, 8


@pytest.fixture(scope="module")
def run(small_run):
    loaded = load_run(small_run)
    return loaded.with_contract(loaded.contract.with_partition(*SHAPE))


@pytest.fixture(scope="module")
def backend(run, tmp_path_factory) -> CsimBackend:
    return load_backend("csim", run, tmp_path_factory.mktemp("design"))


@pytest.fixture(scope="module")
def find_tracks(run, backend):
    finder = CsimTrackFinder(run.contract, backend.project)

    def find(event):
        learned = run.module_map
        hits = quantize_hits(event, learned.modules, run.contract).records
        return finder.build(hits, learned.records, learned.info.dydx, run.score_cut, MIN_HITS)

    return find


def test_tracks_are_those_of_the_kernels_one_by_one(run, backend, find_tracks):
    track_builder = CsimTrackBuilder(run.contract)
    for event_id in FITTING:
        event = sample_store().read(event_id)
        graph = backend.graph(event).graph
        [scored] = backend.scores([graph])
        assert scored.n_partitions == 1
        expected = track_builder.build(
            graph.n_nodes, graph.src, graph.dst, scored.scores, run.score_cut, MIN_HITS
        )
        assert expected.start.size > 100
        got = find_tracks(event)
        for column in ("start", "nodes"):
            case = f"event {event_id} {column}"
            require_equal("track finder", case, getattr(expected, column), getattr(got, column))


def test_an_event_that_does_not_fit_the_partition_is_refused(find_tracks):
    with pytest.raises(CapacityError, match=r"11736 nodes of an event, 8191 in a partition"):
        find_tracks(sample_store().read(TOO_MANY_NODES))
    with pytest.raises(CapacityError, match=r"\d+ edges of an event, 6500 in a partition"):
        find_tracks(sample_store().read(TOO_MANY_EDGES))


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_compositions_compile_without_a_warning(backend, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed: its warnings are not checked")
    kernels, hls, project = load_kernels(), hls_dir(), backend.project
    include = [f"-I{hls / folder}" for folder in kernels.include]
    include += [f"-isystem{folder}" for folder in (ap_types_dir(), project, project / "firmware")]
    command = [compiler, *kernels.cxxflags, "-fsyntax-only", *include]
    for composition in kernels.compositions.values():
        for source in (composition.source, composition.bridge):
            done = subprocess.run([*command, hls / source], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
