"""The peers do the same work as ours: otherwise their times would say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows.benchmark_peers import PeerModuleMap, component_tracks, use_threads
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.tracks.builder import ConnectedComponents


@pytest.mark.parametrize(
    ("map_settings", "n_tagged"),
    [
        (MapSettings(pooling="layer"), 1000),
        (MapSettings(widening=0.5), 50),
        (MapSettings(widening=0.5, dydx="physical"), 50),
    ],
    ids=str,
)
def test_the_module_map_peer_finds_our_candidates(map_settings, n_tagged):
    contract, store = load_contract("w8"), sample_store()
    events = [store.read(i) for i in range(3)]
    module_map = learn_module_map(events, contract, settings=map_settings)
    use_threads(1)
    peer = PeerModuleMap(module_map.records, contract, map_settings.dydx, threads=1)
    for event_id in (1, 2):
        hits = quantize_hits(store.read(event_id), module_map.modules, contract).records
        ours = module_map.candidates(hits, contract)
        src, dst, tagged = peer.build(hits)
        keys, our_keys = src * len(hits) + dst, ours.src * len(hits) + ours.dst
        order = np.argsort(keys)
        assert n_tagged < np.count_nonzero(tagged) < our_keys.size
        np.testing.assert_array_equal(keys[order], our_keys)
        different = np.count_nonzero(tagged[order] != (ours.tagged == 1))
        assert different <= 1e-4 * our_keys.size


def test_an_event_without_hits_has_no_candidates():
    contract, event = load_contract("w8"), sample_store().read(4)
    module_map = learn_module_map([event], contract)
    none = event.select_hits(np.zeros(len(event.hits), dtype=np.bool_))
    hits = quantize_hits(none, module_map.modules, contract).records
    peer = PeerModuleMap(module_map.records, contract, module_map.info.dydx, threads=1)
    assert [column.size for column in peer.build(hits)] == [0, 0, 0]


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 12))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1])
    edges = sorted(draw(st.sets(pairs, max_size=30))) if n > 1 else []
    score = draw(st.lists(st.floats(0, 1), min_size=len(edges), max_size=len(edges)))
    src, dst = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return n, src, dst, np.array(score, dtype=np.float64)


@given(graphs(), st.integers(1, 4))
@settings(deadline=None)
def test_the_component_peer_numbers_tracks_as_ours(graph, min_hits):
    n, src, dst, score = graph
    ours = ConnectedComponents(cut=0.5, min_hits=min_hits).labels(n, src, dst, score)
    peer = component_tracks(n, src, dst, score, 0.5, min_hits)
    np.testing.assert_array_equal(peer, ours)


@pytest.mark.parametrize("threads", [0, 10_000])
def test_threads_that_are_not_there(threads):
    with pytest.raises(InputError, match=f"threads: found {threads}, expected 1"):
        use_threads(threads)
