"""The TrackML reader returns what the files say and names the file that is wrong."""

import gzip
import re

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events import trackml
from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore

HITS = """hit_id,x,y,z,volume_id,layer_id,module_id
1,-64.4099,-7.1637,-1502.5,7,2,1
2,-55.3361,0.635342,-1502.5,7,2,1
3,31.9,4.5,12.25,8,2,7
"""
TRUTH = """hit_id,particle_id,tx,ty,tz,tpx,tpy,tpz,weight
3,4503668346847232,31.9,4.5,12.2,1,2,3,1e-06
1,0,-64.4,-7.1,-1502.5,250710,-149908,-956385,0
2,4503668346847232,-55.3,0.63,-1502.5,-0.57,0.02,-15.49,9.6e-06
"""
PARTICLES = """particle_id,vx,vy,vz,px,py,pz,q,nhits
4503668346847232,-0.01,0.02,5.5,0.5,-1.5,2.5,-1,2
4503737066323968,-0.01,0.02,5.5,0.5,-1.5,2.5,1,0
"""


@pytest.fixture
def directory(tmp_path):
    for kind, text in (("hits", HITS), ("truth", TRUTH), ("particles", PARTICLES)):
        (tmp_path / f"event000001000-{kind}.csv").write_text(text)
    (tmp_path / "event000001000-cells.csv").write_text("hit_id,ch0,ch1,value\n1,2,3,0.4\n")
    (tmp_path / "detectors.csv").write_text("volume_id\n7\n")
    return tmp_path


def test_reads_a_file_of_the_challenge(directory):
    event = trackml.read_event(directory, 1000)
    assert event.event_id == 1000
    assert event.hits.hit_id.tolist() == [1, 2, 3]
    assert event.hits.x.tolist() == np.float32([-64.4099, -55.3361, 31.9]).tolist()
    assert event.hits.particle_id.tolist() == [NO_PARTICLE, 4503668346847232, 4503668346847232]
    assert event.particles.charge.tolist() == [-1, 1]
    assert event.particles.pdg_id.tolist() == [0, 0]
    assert event.particles.primary.tolist() == [1, 1]
    assert event.particles.pz.tolist() == [2.5, 2.5]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\n\n") + "\n\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"\ufeff{text}",
        lambda text: text.replace("31.9", "3.19e+01").replace("1e-06", "0.000001"),
        lambda text: re.sub(r"[^,\n]+", r'"\g<0>"', text),
        lambda text: re.sub(r"(?m)^(?=.)", "7,", text).replace("7,", "more,", 1),
    ],
    ids=["blank lines", "CRLF", "byte order mark", "exponents", "quotes", "one more column"],
)
def test_reads_other_ways_to_write_the_same(directory, change):
    expected = trackml.read_event(directory, 1000)
    for file in directory.glob("event*-*.csv"):
        file.write_bytes(change(file.read_text()).encode())
    assert trackml.read_event(directory, 1000) == expected


def test_hits_without_truth(directory, tmp_path):
    expected = trackml.read_event(directory, 1000).hits
    for kind in ("truth", "particles"):
        (directory / f"event000001000-{kind}.csv").unlink()
    store = trackml.import_directory(directory, tmp_path / "store", with_truth=False)
    event = store.read(1000)
    assert event.hits.particle_id.tolist() == [NO_PARTICLE] * 3
    assert event.hits.x.tolist() == expected.x.tolist()
    assert len(event.particles) == 0
    assert store.origin["truth"] is False


def test_reads_optional_columns(directory):
    lines = PARTICLES.splitlines()
    text = "\n".join(
        [lines[0] + ",particle_type,primary", lines[1] + ",211,0", lines[2] + ",-13,1"]
    )
    (directory / "event000001000-particles.csv").write_text(text + "\n")
    particles = trackml.read_event(directory, 1000).particles
    assert particles.pdg_id.tolist() == [211, -13]
    assert particles.primary.tolist() == [0, 1]


def test_reads_gzip(directory):
    plain = trackml.read_event(directory, 1000)
    for file in list(directory.glob("event*.csv")):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert trackml.list_events(directory) == (1000,)
    assert trackml.read_event(directory, 1000) == plain


@pytest.mark.parametrize("event_id", sample_store().event_ids[:2])
def test_round_trip(tmp_path, event_id):
    event = sample_store().read(event_id)
    trackml.write_event(tmp_path, event)
    assert trackml.read_event(tmp_path, event_id) == event
    particles = (tmp_path / f"event{event_id:09d}-particles.csv").read_text().splitlines()
    assert particles[0].startswith("particle_id,px,py,pz,vx,vy,vz,q,nhits")
    nhits = [int(line.split(",")[8]) for line in particles[1:]]
    assert sum(nhits) == len(event.hits)


def test_import_fills_a_store(tmp_path):
    sample = sample_store()
    for event_id in (8, 0):
        trackml.write_event(tmp_path / "csv", sample.read(event_id))
    calls = []
    trackml.import_directory(
        tmp_path / "csv", tmp_path / "out", lambda done, total: calls.append((done, total))
    )
    store = EventStore.open(tmp_path / "out")
    assert store.event_ids == (0, 8)
    assert [store.read(i) == sample.read(i) for i in (0, 8)] == [True, True]
    assert calls == [(0, 2), (1, 2), (2, 2)]
    assert len(trackml.import_directory(tmp_path / "csv", tmp_path / "out")) == 2


def test_folder_without_events_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file event\*-hits.csv"):
        trackml.list_events(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        trackml.list_events(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["hits", "truth", "particles"])
def test_missing_file_is_named(directory, kind):
    (directory / f"event000001000-{kind}.csv").unlink()
    with pytest.raises(InputError, match=f"{kind}.csv: found No such file"):
        trackml.read_event(directory, 1000)


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("hits", "layer_id", "layer", "a column layer_id"),
        ("truth", "particle_id", "particle", "a column particle_id"),
        ("truth", "hit_id", "hit", "a column hit_id"),
        ("particles", ",q,", ",charge,", "a column q"),
        ("particles", "particle_id", "barcode", "a column particle_id"),
        ("hits", "12.25", "nan", "z, row 3: found no number"),
        ("hits", "12.25", "inf", "z, row 3: found inf"),
        ("hits", "31.9", "", "x, row 3: found no number"),
        ("particles", "5.5", "NaN", "vz, row 1: found no number"),
        ("hits", "31.9", "3l.9", "Row #4.*'3l.9'"),
        ("hits", "3,31.9", "2,31.9", "hit_id: found 2 twice"),
        ("truth", "\n2,", "\n1,", "hit_id: found 1 twice"),
        ("truth", "\n2,", "\n4,", "hit 2 in only one of the two"),
        ("particles", "4503737066323968", "4503668346847232", "4503668346847232 twice"),
        ("truth", "4503668346847232", "77", "found particle 77, expected the particles"),
        ("hits", ",8,2,7\n", "\n", "Expected 7 columns, got 4"),
        ("hits", ",8,2,7\n", ",8,2,7", "a last line without its end"),
    ],
)
def test_wrong_file_is_named(directory, kind, old, new, message):
    file = directory / f"event000001000-{kind}.csv"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=f"{re.escape(file.name)}.*{message}") as error:
        trackml.read_event(directory, 1000)
    assert "\n" not in str(error.value)


def test_truncated_gzip_is_named(directory):
    file = directory / "event000001000-hits.csv"
    packed = directory / f"{file.name}.gz"
    packed.write_bytes(gzip.compress(file.read_bytes())[:-12])
    file.unlink()
    with pytest.raises(InputError, match=r"hits.csv.gz: "):
        trackml.read_event(directory, 1000)
