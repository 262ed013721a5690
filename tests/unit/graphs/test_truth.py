from __future__ import annotations

import numpy as np

from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.truth import label_edges, truth_segments

ANY = TargetSelection(min_pt=0.0, min_hits=1)


def segments(event, selection=ANY):
    found = truth_segments(event, selection)
    return list(zip(found.inner.tolist(), found.outer.tolist(), found.target.tolist(), strict=True))


def line(*distances):
    return [(float(d), 0.0, 0.0) for d in distances]


def test_hits_are_ordered_by_distance_from_the_vertex(make_event):
    event = make_event(line(90, 30, 60), owners=[7, 7, 7])
    assert segments(event) == [(1, 2, True), (2, 0, True)]


def test_the_vertex_is_the_particles_own(make_event):
    points = line(30, 60, 90, 30, 60, 90)
    event = make_event(points, owners=[1, 1, 1, 2, 2, 2], vx=[0, 70])
    assert segments(event) == [(0, 1, True), (1, 2, True), (4, 5, True), (5, 3, True)]
    along_z = make_event([(1, 0, 10), (1, 0, 40), (1, 0, 30)], owners=[1] * 3, vz=[41])
    assert segments(along_z) == [(1, 2, True), (2, 0, True)]


def test_hits_at_one_distance_keep_the_order_of_the_event(make_event):
    event = make_event([(0, 30, 0), (30, 0, 0), (-30, 0, 0)], owners=[4, 4, 4])
    assert segments(event) == [(0, 1, True), (1, 2, True)]


def test_one_hit_or_noise_makes_no_segment(make_event):
    owners = [1, NO_PARTICLE, 2, NO_PARTICLE, 2]
    assert segments(make_event(line(10, 20, 30, 40, 50), owners=owners)) == [(2, 4, True)]
    assert segments(make_event(line(10, 20))) == []
    assert segments(make_event([])) == []


def test_two_particles_on_one_module_stay_apart(make_event):
    sensors = [(2, 1), (2, 1), (4, 1), (4, 1)]
    event = make_event(line(30, 31, 60, 61), sensors, owners=[5, 6, 6, 5])
    assert segments(event) == [(0, 3, True), (1, 2, True)]


def test_segments_of_particles_that_are_no_targets_are_not_target(make_event):
    points, owners = line(10, 20, 30, 40, 50, 60, 70), [1, 1, 2, 2, 3, 3, 3]
    event = make_event(points, owners=owners, primary=[1, 0, 1])
    selection = TargetSelection(min_hits=3)
    assert segments(event, selection) == [
        (0, 1, False),  # two hits
        (2, 3, False),  # secondary
        (4, 5, True),
        (5, 6, True),
    ]


def test_every_pair_of_hits_has_its_label(make_event):
    owners = [1, 2, 1, NO_PARTICLE, 1, 2, NO_PARTICLE, 2, 3]
    event = make_event(line(*range(10, 100, 10)), owners=owners, primary=[1, 0, 1])
    rows = np.random.default_rng(0).permutation(len(owners))
    src, dst = (pairs.ravel() for pairs in np.indices((len(owners), len(owners))))
    labels = label_edges(event, TargetSelection(), rows, src, dst)
    consecutive = {(0, 2): True, (2, 4): True, (1, 5): False, (5, 7): False}
    for edge, pair in enumerate(zip(rows[src].tolist(), rows[dst].tolist(), strict=True)):
        same = owners[pair[0]] == owners[pair[1]] != NO_PARTICLE
        target = consecutive.get(pair, False)
        assert labels.true[edge] == (pair in consecutive)
        assert labels.target[edge] == target
        assert labels.ignored[edge] == (same and not target)
    assert labels.target.sum() == labels.n_target_segments == 2


def test_target_segments_are_counted_where_the_graph_has_none(make_event):
    event = make_event(line(10, 20, 30), owners=[1, 1, 1])
    none = np.zeros(0, dtype=np.int64)
    labels = label_edges(event, TargetSelection(), np.arange(3), none, none)
    assert labels.n_target_segments == 2
    assert labels.true.shape == labels.target.shape == labels.ignored.shape == (0,)


def test_an_event_of_noise_has_no_signal(make_event):
    labels = label_edges(make_event(line(10, 20)), ANY, np.arange(2), np.array([0]), np.array([1]))
    assert not np.concatenate([labels.true, labels.target, labels.ignored]).any()
    assert labels.n_target_segments == 0


def test_segments_of_a_real_event_are_the_steps_of_its_particles(real_event):
    hits, particles = real_event.hits, real_event.particles
    found = truth_segments(real_event, TargetSelection())
    owner = hits.particle_id[found.inner]
    assert np.array_equal(owner, hits.particle_id[found.outer])
    _, counts = np.unique(hits.particle_id[hits.particle_id != NO_PARTICLE], return_counts=True)
    assert found.inner.size == (counts - 1).sum()
    row = {int(p): i for i, p in enumerate(particles.particle_id)}
    vertex = np.array([row[int(p)] for p in owner])
    distance = [
        np.sqrt(
            sum(
                (getattr(hits, axis)[end].astype(float) - getattr(particles, f"v{axis}")[vertex])
                ** 2
                for axis in "xyz"
            )
        )
        for end in (found.inner, found.outer)
    ]
    assert (distance[0] <= distance[1]).all()
