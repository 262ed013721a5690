"""Commands that succeed, on small inputs."""

from __future__ import annotations

import pytest

from fpga_gnn import __version__
from fpga_gnn.cli import train as train_command
from fpga_gnn.cli.train import config_name
from fpga_gnn.contract import emit_header, load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.events import trackml
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.module_map_store import load_module_map
from fpga_gnn.training.run import load_run

COMMANDS = [
    [],
    ["demo"],
    ["simulate"],
    ["import"],
    ["import", "trackml"],
    ["export"],
    ["export", "trackml"],
    ["samples"],
    ["samples", "list"],
    ["samples", "build"],
    ["samples", "verify"],
    ["module-map"],
    ["module-map", "build"],
    ["module-map", "study"],
    ["train"],
    ["synth"],
    ["benchmark"],
    ["validate"],
    ["header"],
]
TRAIN = ("train", "--bits", 8, "--events", "events", "--float-epochs", 2, "--qat-epochs", 2)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(fpga_gnn, command):
    outcome = fpga_gnn(*command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: {' '.join(['fpga-gnn', *command])} ")
    assert "--help" in outcome.out


def test_every_command_is_listed(fpga_gnn):
    listing = fpga_gnn("--help").out
    assert all(f"  {command[0]} " in listing for command in COMMANDS if len(command) == 1)


@pytest.mark.parametrize(
    "command", [[], ["import"], ["export"], ["samples"], ["module-map"]], ids=" ".join
)
def test_without_a_command_the_help_is_shown(fpga_gnn, command):
    outcome = fpga_gnn(*command)
    assert "error" not in outcome.err
    assert (outcome.out + outcome.err) == fpga_gnn(*command, "--help").out


def test_version(fpga_gnn):
    outcome = fpga_gnn("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("config", [[], ["--config", "w8"], ["--config", "w8.yaml"]])
def test_header(fpga_gnn, place, config):
    outcome = fpga_gnn("header", *config, "--out", "generated")
    assert (outcome.code, outcome.out, outcome.err) == (0, "generated/contract.hpp\n", "")
    assert (place / "generated" / "contract.hpp").read_text() == emit_header(load_contract("w8"))


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
    contract = load_contract("w8")
    learned = load_module_map(place / "new", contract)
    records, info = learned.records, learned.info
    assert outcome.out.startswith(
        f"new: {records.n_modules} modules, {records.n_doublets} doublets, "
        f"{records.n_triplets} triplets from {info.n_tracks} tracks of 2 events;"
    )
    assert (info.pooling, info.widening, info.spread) == ("layer", 0.1, "rms")
    assert (info.dydx, info.small_sample) == ("physical", 0.0)
    assert info.source == {"events": {"made": "for a test"}, "detector": "full"}
    event = EventStore.open(place / "two_events").read(0)
    assert build_event_graph(event, learned, contract).graph.n_edges > 100


def test_a_map_of_few_tracks_is_called_so(fpga_gnn, place):
    outcome = fpga_gnn("module-map", "build", "--events", "two_events", "--out", "map")
    assert outcome.code == 0
    assert "windows are not converged" in outcome.out.splitlines()[-1]


def test_train(fpga_gnn, place):
    outcome = fpga_gnn(*TRAIN, "--out", "run")
    assert outcome.code == 0
    run = load_run(place / "run")
    lines = outcome.out.splitlines()
    assert [line.split()[:3] for line in lines[:4]] == [
        ["float", "epoch", "1"],
        ["float", "epoch", "2"],
        ["qat", "epoch", "1"],
        ["qat", "epoch", "2"],
    ]
    assert lines[4].startswith(f"score cut {run.info.score_cut},")
    quality = run.info.quality["test"]
    assert lines[5].startswith(f"held-out events 1, edges {quality['edges']}, edge efficiency ")
    assert lines[6] == "saved run; next: fpga-gnn synth --board u250 --model run"
    assert run.info.events["test"] == [4]
    assert run.info.training.seed == 1
    assert run.module_map.info.n_events == 3


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
        return fpga_gnn(*TRAIN, "--module-map", "map", "--out", "run")


def test_an_interrupt_says_that_the_same_command_goes_on(interrupted):
    assert interrupted.code == 130
    last = interrupted.err.splitlines()[-1]
    assert last == "fpga-gnn: error: interrupted; the same command goes on where it stopped"


def test_the_same_command_goes_on_where_it_was_interrupted(fpga_gnn, place, interrupted):
    assert interrupted.code == 130
    assert not (place / "run" / "run.json").exists()
    whole = [*TRAIN, "--module-map", "map", "--out", "whole"]
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
