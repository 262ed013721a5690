from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.serve.protocol import (
    DTYPES,
    INPUTS,
    OUTPUTS,
    EventTracks,
    Limits,
    decode,
    encode,
    request_arrays,
)

LIMITS = Limits(max_hits=40, max_events=4)
QUICK = settings(deadline=None, max_examples=60)


def slices(*sizes: int):
    """Events of the first hits of a shipped one."""
    event = sample_store().read(0)
    return [event.select_hits(np.arange(len(event.hits)) < size) for size in sizes]


def tracks(*labels: int) -> EventTracks:
    return EventTracks(np.array(labels, dtype=np.int64), 1, 2, 3, 4)


@QUICK
@given(st.lists(st.integers(1, 10), min_size=1, max_size=4))
def test_a_request_becomes_its_events(sizes):
    events = slices(*sizes)
    found = decode(request_arrays(events), LIMITS)
    assert [event.event_id for event in found] == list(range(len(sizes)))
    for event, expected in zip(found, events, strict=True):
        assert event.hits.hit_id.tolist() == list(range(len(expected.hits)))
        assert not event.hits.particle_id.any()
        assert len(event.particles) == 0
        for name in ("x", "y", "z", "module_key"):
            assert np.array_equal(getattr(event.hits, name), getattr(expected.hits, name))


def test_without_sizes_all_hits_are_of_one_event():
    arrays = request_arrays(slices(3, 4))
    del arrays["hits_per_event"]
    [event] = decode(arrays, LIMITS)
    assert len(event.hits) == 7


def test_answers_become_the_tensors_of_the_protocol():
    arrays = encode([tracks(0, -1, 1, 0), tracks(-1)])
    assert [(name, array.dtype) for name, array in arrays.items()] == [
        (spec.name, DTYPES[spec.datatype]) for spec in OUTPUTS
    ]
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "track_id": [0, -1, 1, 0, -1],
        "tracks_per_event": [2, 0],
        "unmapped_hits": [1, 1],
        "edges": [2, 2],
        "saturated_features": [3, 3],
        "unplaced_edges": [4, 4],
    }


def test_every_counter_of_an_answer_is_sent():
    counters = {field.name for field in dataclasses.fields(EventTracks)}
    assert {spec.name for spec in OUTPUTS} == counters | {"tracks_per_event"}


HOSTILE = {
    "a missing tensor": (lambda a: a.pop("layer_id"), "no tensor 'layer_id'"),
    "an extra tensor": (lambda a: a.update(time=a["x"]), "tensor 'time'"),
    "a wide type": (lambda a: a.update(x=a["x"].astype(np.float64)), "'x': found float64"),
    "no integers": (lambda a: a.update(module_id=a["x"]), "'module_id': found float32"),
    "unsigned sizes": (
        lambda a: a.update(hits_per_event=a["hits_per_event"].astype(np.uint64)),
        "'hits_per_event': found uint64",
    ),
    "a matrix": (lambda a: a.update(y=a["y"][:, None]), r"'y': found shape \[7, 1\]"),
    "a short tensor": (lambda a: a.update(z=a["z"][:-1]), "'z': found 6 hits"),
    "no number": (lambda a: a["x"].__setitem__(1, np.nan), r"Hits\.x\[1\]: found nan"),
    "no end": (lambda a: a["z"].__setitem__(6, -np.inf), r"Hits\.z\[3\]: found -inf"),
    "a negative id": (lambda a: a["layer_id"].__setitem__(0, -1), "layer_id: found -1"),
    "a large id": (lambda a: a["volume_id"].__setitem__(0, 1 << 20), "volume_id: found 1048576"),
    "sizes of fewer hits": (
        lambda a: a["hits_per_event"].__setitem__(1, 3),
        "found 6 hits in all, expected 7",
    ),
    "sizes that overflow": (
        lambda a: a["hits_per_event"].__setitem__(0, (1 << 63) - 1),
        r"'hits_per_event'\[0\]: found 9223372036854775807",
    ),
    "an empty event": (
        lambda a: a.update(hits_per_event=np.array([7, 0])),
        r"'hits_per_event'\[1\]: found 0",
    ),
    "no event": (lambda a: a.update(hits_per_event=np.zeros(0, np.int64)), "found 0 events"),
    "many events": (lambda a: a.update(hits_per_event=np.ones(7, np.int64)), "found 7 events"),
    "no hit": (lambda a: a.update({k: v[:0] for k, v in a.items()}), "found 0 hits"),
    "many hits": (lambda a: a.update(request_arrays(slices(41))), "found 41 hits, expected 1..40"),
}


@pytest.mark.parametrize(("change", "message"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_a_request_is_refused_with_a_sentence(change, message):
    arrays = {name: array.copy() for name, array in request_arrays(slices(3, 4)).items()}
    change(arrays)
    with pytest.raises(InputError, match=message) as error:
        decode(arrays, LIMITS)
    assert "\n" not in str(error.value)


ARRAYS = st.builds(
    lambda dtype, values, rows: np.array(values).astype(dtype).reshape(rows, -1).squeeze(),
    st.sampled_from([*DTYPES.values(), np.dtype(np.float64), np.dtype(bool)]),
    st.lists(st.integers(-3, 1 << 40), min_size=4, max_size=4),
    st.sampled_from([1, 2, 4]),
)


@QUICK
@given(st.dictionaries(st.sampled_from([spec.name for spec in INPUTS]), ARRAYS))
def test_arrays_of_any_kind_are_events_or_refused(changed):
    arrays = {**request_arrays(slices(4)), **changed}
    try:
        events = decode(arrays, LIMITS)
    except InputError:
        return
    assert sum(len(event.hits) for event in events) == arrays["x"].size
