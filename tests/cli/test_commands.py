"""Commands that succeed, on small inputs."""

from __future__ import annotations

import pytest

from fpga_gnn import __version__
from fpga_gnn.cli import train as train_command
from fpga_gnn.cli.train import config_name
from fpga_gnn.contract import emit_header, load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.events import trackml
from fpga_gnn.events.sample import map_store, sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.module_map_store import load_module_map
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.training.run import FLOAT_FILE, load_run
from fpga_gnn.training.teacher_run import NETWORK_FILE

TRAIN = ("train", "--config", "small", "--float-epochs", 2, "--qat-epochs", 2)
STORE = ("--events", "events")


def test_version(fpga_gnn):
    outcome = fpga_gnn("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("config", "name"),
    [([], "w8"), (["--config", "w8"], "w8"), (["--config", "small.yaml"], "small")],
)
def test_header(fpga_gnn, place, config, name):
    outcome = fpga_gnn("header", *config, "--out", "generated")
    assert (outcome.code, outcome.out, outcome.err) == (0, "generated/contract.hpp\n", "")
    assert (place / "generated" / "contract.hpp").read_text() == emit_header(load_contract(name))


def test_import_trackml_of_a_shipped_event(fpga_gnn, tmp_path):
    event = sample_store().read(7)
    trackml.write_event(tmp_path / "csv", event)
    outcome = fpga_gnn("import", "trackml", tmp_path / "csv", "--out", tmp_path / "store")
    assert outcome.code == 0
    counts = f"1 events, {len(event.hits)} hits, {len(event.particles)} particles"
    assert outcome.out == f"{tmp_path / 'store'}: {counts}\n"
    assert EventStore.open(tmp_path / "store").read(7) == event


def test_export_trackml_is_what_import_reads(fpga_gnn, place):
    outcome = fpga_gnn("export", "trackml", "two_events", "--out", "written")
    store = EventStore.open(place / "two_events")
    hits = sum(record.n_hits for record in store.records)
    particles = sum(record.n_particles for record in store.records)
    counts = f"2 events, {hits} hits, {particles} particles"
    assert (outcome.code, outcome.out) == (0, f"written: {counts}\n")
    assert fpga_gnn("import", "trackml", "written", "--out", "back").out == f"back: {counts}\n"
    assert list(EventStore.open(place / "back")) == list(store)


def test_module_map_build(fpga_gnn, place):
    outcome = fpga_gnn(
        *("module-map", "build", "--events", "two_events", "--out", "new"),
        *("--pooling", "layer", "--widening", 0.1, "--spread", "rms", "--dydx", "physical"),
    )
    assert outcome.code == 0
    contract = load_contract("small")
    learned = load_module_map(place / "new", contract)
    records, info = learned.records, learned.info
    assert outcome.out.startswith(
        f"new: {records.n_modules} modules, {records.n_doublets} doublets, "
        f"{records.n_triplets} triplets from {info.n_tracks} tracks of 2 events;"
    )
    assert (info.pooling, info.widening, info.spread) == ("layer", 0.1, "rms")
    assert (info.dydx, info.small_sample) == ("physical", 0.0)
    store = EventStore.open(place / "two_events")
    assert info.source == {"events": EventView.of(store, "full").record}
    event = store.read(0)
    assert build_event_graph(event, learned, contract).graph.n_edges > 100


def test_a_map_of_few_tracks_is_called_so(fpga_gnn, place):
    outcome = fpga_gnn("module-map", "build", "--events", "two_events", "--out", "map")
    assert outcome.code == 0
    assert "windows are not converged" in outcome.out.splitlines()[-1]


def test_train(fpga_gnn, place):
    outcome = fpga_gnn(*TRAIN, *STORE, "--out", "run")
    assert outcome.code == 0
    run = load_run(place / "run")
    lines = outcome.out.splitlines()
    assert [line.split()[:3] for line in lines[:4]] == [
        ["float", "epoch", "1"],
        ["float", "epoch", "2"],
        ["qat", "epoch", "1"],
        ["qat", "epoch", "2"],
    ]
    assert lines[4] == "events: 3 to learn from, 1 for the cuts, 1 held out; pixel hits"
    assert [line.split()[0] for line in lines[5:-2]] == list(BUILDERS)
    assert run.info.builders.keys() == BUILDERS.keys()
    assert f"cut {run.info.builders['cc'].settings['cut']:g})" in lines[5]
    quality = run.info.quality["test"]
    assert lines[-2].startswith(f"held-out events 1, edges {quality['edges']}, edge efficiency ")
    assert lines[-1] == "saved run; next: fpga-gnn synth --board u250 --model run"
    assert run.info.events["test"]["ids"] == [4]
    assert run.info.training.seed == 1
    assert run.module_map.info.n_events == 3


def test_training_warns_of_features_that_clip(fpga_gnn, place):
    text = (place / "small.yaml").read_text()
    (place / "narrow.yaml").write_text(text.replace("node: {r: 2,", "node: {r: 0,"))
    options = ("--config", "narrow.yaml", "--float-epochs", 1, "--qat-epochs", 0)
    outcome = fpga_gnn("train", *options, *STORE, "--out", "run")
    assert outcome.code == 0
    share = load_run(place / "run").info.clipped["r"]
    assert share > 0.3
    assert f"warning: clipped features: r {100 * share:.0f} %" in outcome.out


def test_a_map_learned_from_events_held_out_is_refused(fpga_gnn, place):
    build = ("module-map", "build", "--config", "small", "--pooling", "layer")
    assert fpga_gnn(*build, *STORE, "--detector", "pixel", "--out", "seen").code == 0
    outcome = fpga_gnn(*TRAIN, *STORE, "--module-map", "seen", "--out", "run")
    assert outcome.code == 2
    assert "seen: found a map learned from 1 of the 1 events held out" in outcome.err


def test_export_trackml_writes_shipped_events_unless_told(fpga_gnn, tmp_path):
    outcome = fpga_gnn("export", "trackml", "--out", tmp_path / "csv")
    assert outcome.code == 0
    store = map_store()
    assert len(list((tmp_path / "csv").glob("event*-hits.csv"))) == len(store)
    assert trackml.read_event(tmp_path / "csv", 3) == store.read(3)


def test_train_on_several_stores_with_every_option(fpga_gnn, place, teacher):
    command = (
        *(*TRAIN, *STORE, "--events", "two_events", "--max-events", 2, "--validation", "events"),
        *("--teacher", teacher, "--teacher-cache", "answers", "--amp"),
        *("--soft-scores", 0.7, "--features", 0.2, "--sparsity", 0.5, "--prune", "unit"),
        *("--no-batch-norm", "--batch-edges", 256, "--monitored", 1, "--seed", 3),
        *("--learning-rate", 0.02, "--qat-learning-rate", 0.001, "--detector", "full"),
    )
    first = fpga_gnn(*command, "--out", "run")
    assert first.code == 0
    run = load_run(place / "run")
    assert [view["ids"] for view in run.info.events["train"]] == [[0, 1], [0, 1]]
    assert run.info.events["validation"]["ids"] == [0, 1, 2, 3, 4]
    assert run.info.events["test"] is None
    assert run.module_map.info.n_events == 4
    training = run.info.training
    assert (training.soft_scores, training.features, training.sparsity) == (0.7, 0.2, 0.5)
    assert (training.prune, training.batch_norm, training.batch_edges) == ("unit", False, 256)
    assert (training.learning_rate, training.qat_learning_rate) == (0.02, 0.001)
    assert run.info.teacher_sha256 == sha256_of(teacher / NETWORK_FILE)
    assert "validation events 5," in first.out.splitlines()[-2]
    # the two stores hold the same events
    assert len(list((place / "answers").rglob("*.safetensors"))) == 3
    later = fpga_gnn(*TRAIN[:3], *STORE, "--float-epochs", 0, "--qat-epochs", 1)
    assert later.code == 0
    assert (place / "runs" / "small-seed1" / "run.json").is_file()


def test_train_from_the_float_network_of_a_run(fpga_gnn, place):
    train = (*TRAIN[:3], *STORE, "--module-map", "map")
    assert fpga_gnn(*train, "--float-epochs", 1, "--qat-epochs", 0, "--out", "run").code == 0
    again = (*train, "--float-epochs", 0, "--qat-epochs", 1, "--float-from", "run")
    assert fpga_gnn(*again, "--out", "again").code == 0
    run = load_run(place / "again")
    assert run.info.start_sha256 == sha256_of(place / "run" / FLOAT_FILE)
    assert [row["phase"] for row in run.info.history] == ["qat"]
    files = [(place / folder / FLOAT_FILE).read_bytes() for folder in ("run", "again")]
    assert files[0] == files[1]


def contents(folder):
    return [(folder / name).read_bytes() for name in ("run.json", "student.safetensors")]


@pytest.fixture
def interrupted(fpga_gnn, place, monkeypatch):
    """The outcome of a training into ``run`` that Ctrl-C stops after its third epoch."""
    rows = []

    def interrupt(row):
        rows.append(row)
        if len(rows) == 3:
            raise KeyboardInterrupt
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(train_command, "epoch_line", interrupt)
        return fpga_gnn(*TRAIN, *STORE, "--module-map", "map", "--out", "run")


def test_an_interrupt_says_that_the_same_command_goes_on(interrupted):
    assert interrupted.code == 130
    last = interrupted.err.splitlines()[-1]
    assert last == "fpga-gnn: error: interrupted; the same command goes on where it stopped"


def test_the_same_command_goes_on_where_it_was_interrupted(fpga_gnn, place, interrupted):
    assert interrupted.code == 130
    assert not (place / "run" / "run.json").exists()
    whole = [*TRAIN, *STORE, "--module-map", "map", "--out", "whole"]
    assert fpga_gnn(*whole).code == 0
    for _ in range(2):
        assert fpga_gnn(*whole[:-1], "run").code == 0
        assert contents(place / "run") == contents(place / "whole")


@pytest.mark.parametrize(
    ("bits", "config", "name"),
    [(None, None, "w8"), ("8", None, "w8"), ("06", None, "w6"), (None, "x.yaml", "x.yaml")],
)
def test_config_name(bits, config, name):
    assert config_name(bits, config) == name


@pytest.mark.parametrize(
    ("bits", "config"), [("3.5", None), ("", None), ("-8", None), ("8", "w8"), ("eight", None)]
)
def test_config_name_refuses(bits, config):
    with pytest.raises(InputError, match=r"whole number of bits|one of them"):
        config_name(bits, config)
