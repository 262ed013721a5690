from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.report.reconstruction import STAGES
from fpga_gnn.serve.config import ReconstructorConfig
from fpga_gnn.serve.protocol import Limits, decode, request_arrays
from fpga_gnn.serve.reconstructor import Reconstructor


@pytest.fixture(scope="module")
def reconstructor():
    return Reconstructor.open(ReconstructorConfig(), None)


@pytest.fixture(scope="module")
def events():
    event = sample_store().read(0)
    turn = np.arctan2(event.hits.y, event.hits.x) / (2 * np.pi) + 0.5
    return [event.select_hits((8 * turn).astype(np.int64) == sector) for sector in range(3)]


def test_events_together_are_answered_as_one_by_one(reconstructor, events):
    answers, seconds = reconstructor.find(events)
    assert list(seconds) == list(STAGES)
    for event, answer in zip(events, answers, strict=True):
        [alone], _ = reconstructor.find([event])
        assert np.array_equal(answer.track_id, alone.track_id)
        assert answer.track_id.size == len(event.hits)
        assert answer.tracks_per_event > 10
        assert (answer.edges, answer.unmapped_hits) == (alone.edges, alone.unmapped_hits)
        assert answer.edges > 100


def test_tracks_follow_their_hits_in_any_order(reconstructor, events):
    event = events[0]
    order = np.random.default_rng(1).permutation(len(event.hits))
    shuffled = type(event)(0, event.hits.take(order), event.particles)
    [expected], _ = reconstructor.find([event])
    [found], _ = reconstructor.find([shuffled])
    assert found.tracks_per_event == expected.tracks_per_event
    pairs = set(zip(found.track_id.tolist(), expected.track_id[order].tolist(), strict=True))
    assert len(pairs) == expected.tracks_per_event + 1


def test_an_event_that_is_refused_leaves_the_others_their_tracks(reconstructor, events):
    arrays = {name: array.copy() for name, array in request_arrays(events).items()}
    arrays["z"][len(events[0].hits)] = 1e6
    first, second, third = decode(arrays, Limits())
    answers, _ = reconstructor.find([first, second, third])
    assert isinstance(answers[1], InputError)
    assert "event 1: hit 0: found z = 1e+06" in str(answers[1])
    for i in (0, 2):
        [expected], _ = reconstructor.find([events[i]])
        assert np.array_equal(answers[i].track_id, expected.track_id)
    assert all(isinstance(a, InputError) for a in reconstructor.find([second, second])[0])


def test_a_builder_that_the_backend_lacks_is_refused():
    with pytest.raises(InputError, match="'walkthrough', expected one of cc, cc-jr, dwalk"):
        Reconstructor.open(ReconstructorConfig(backend="reference", builder="walkthrough"), None)
