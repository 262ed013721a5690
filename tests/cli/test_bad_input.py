"""Bad input: one line on standard error, exit code 2, and not a byte on disk is changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fpga_gnn.events.store import EventStore
from fpga_gnn.flows import synth as synth_flow

HITS = Path("events", "event000000001-hits.parquet")
CSV = Path("csv", "event000000000-hits.csv")
TRAIN = ("train", "--module-map", "map", "--float-epochs", "1", "--qat-epochs", "1", "--out", "run")


@pytest.fixture
def refused(fpga_gnn, place):
    """Run a command that must be refused; return its only line on standard error."""

    def call(*arguments, code=2):
        before = tree(place)
        outcome = fpga_gnn(*arguments)
        assert outcome.code == code, outcome.err
        assert "Traceback" not in outcome.err
        assert len(outcome.err.splitlines()) == 1, outcome.err
        assert outcome.err.startswith("fpga-gnn: error: ")
        assert tree(place) == before
        return outcome.err.removeprefix("fpga-gnn: error: ").rstrip("\n")

    return call


def tree(folder):
    """Every folder and file with its bytes."""
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def build_map(*arguments):
    return ("module-map", "build", "--events", "events", "--out", "map", *arguments)


def import_csv(directory="csv", out="imported"):
    return ("import", "trackml", directory, "--out", out)


def rewrite_hits(change):
    """Change the columns of one event's hits and list the new file in the manifest."""
    columns = pq.read_table(HITS).to_pydict()
    types = {field.name: field.type for field in pq.read_schema(HITS)}
    change(columns)
    pq.write_table(pa.table({k: pa.array(v, types[k]) for k, v in columns.items()}), HITS)
    manifest = Path("events", "manifest.json")
    record = json.loads(manifest.read_text())
    record["events"][1]["hits_sha256"] = hashlib.sha256(HITS.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(record))


READERS = [build_map(), (*TRAIN, "--events", "events")]
STORED = [
    (lambda c: c.pop("z"), "a column z"),
    (lambda c: c["x"].__setitem__(3, float("nan")), "x, row 4: found no number"),
    (lambda c: c["y"].__setitem__(0, float("inf")), "y, row 1: found inf, expected a finite"),
    (lambda c: c["hit_id"].__setitem__(1, c["hit_id"][0]), "hit_id: found duplicate"),
    (lambda c: c["particle_id"].__setitem__(0, 12345), "an id listed in the particles table"),
    (lambda c: [values.pop() for values in c.values()], "rows, expected"),
]


@pytest.mark.parametrize(("change", "message"), STORED, ids=[message for _, message in STORED])
@pytest.mark.parametrize("command", READERS, ids=lambda c: c[0])
def test_wrong_hits_in_a_store(refused, command, change, message):
    rewrite_hits(change)
    assert message in refused(*command)


@pytest.mark.parametrize("command", READERS, ids=lambda c: c[0])
def test_a_truncated_event_file(refused, command):
    HITS.write_bytes(HITS.read_bytes()[:-100])
    message = refused(*command)
    assert message.startswith(f"{HITS}: found ")
    assert "delete it and repeat the command that made the store" in message


def test_an_event_file_with_another_hash(refused):
    text = bytearray(HITS.read_bytes())
    text[len(text) // 2] ^= 1
    HITS.write_bytes(text)
    assert f"{HITS}: found {len(text)} bytes with sha256 " in refused(*build_map())


def test_an_event_file_that_is_gone(refused):
    HITS.unlink()
    assert refused(*build_map()).startswith(f"{HITS}: found No such file")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "broken JSON"), ('{"origin": {}, "owner": "me"}', "unknown key owner")],
)
def test_a_damaged_manifest(refused, text, message):
    Path("events", "manifest.json").write_text(text)
    assert message in refused(*build_map())


def without_last_column(lines):
    return [line.rsplit(",", 1)[0] for line in lines]


def with_cell(row, column, value):
    def change(lines):
        cells = lines[row].split(",")
        cells[column] = value
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_last_column, "a column module_id"),
        (with_cell(2, 1, "nan"), "x, row 2: found no number"),
        (with_cell(2, 1, "wide"), "a TrackML table"),
        (with_cell(2, 0, "123456789"), "in only one of the two"),
        (lambda lines: [*lines, lines[-1]], "twice, expected each id once"),
        (lambda lines: lines[:1], "in only one of the two"),
    ],
)
def test_wrong_hits_in_csv(refused, change, message):
    CSV.write_text("\n".join(change(CSV.read_text().splitlines())) + "\n")
    assert message in refused(*import_csv())


def test_a_truncated_csv_file(refused):
    CSV.write_bytes(CSV.read_bytes()[:-3])
    assert "expected a whole file" in refused(*import_csv())


def test_an_import_into_a_store_of_something_else(refused):
    assert "a store of other events" in refused(*import_csv(out="events"))
    assert "found other files" in refused(*import_csv(out="map"))


def test_an_export_into_a_folder_of_something_else(refused):
    message = refused("export", "trackml", "events", "--out", "map")
    assert (
        message == "map: found other files, expected an empty or new folder; choose another --out"
    )
    assert "found no manifest.json" in refused("export", "trackml", "csv", "--out", "new")


@pytest.mark.parametrize("directory", ["nowhere", "map", "small.yaml"])
def test_an_import_from_no_folder_of_events(refused, directory):
    assert "a folder of TrackML events" in refused(*import_csv(directory))


YAML = [
    ("name: small", "name: small\ncolour: blue", "unknown key colour, expected one of features, "),
    ("hidden: 8", "hidden: 8\n  depth: 3", "unknown key network.depth, expected one of "),
    ("hidden: 8", "hidden: many", "network.hidden: found 'many'"),
    ("hidden: 8", "hidden: 8.5", "network.hidden: found 8.5"),
    ("  hidden: 8\n", "", "no key network.hidden"),
    ("name: small", "name: [small", "expected valid YAML"),
    ("phi: {bits: 18, frac: 18}", "phi: {bits: 18, frac: 17}", "a binary angle"),
]


@pytest.mark.parametrize(("old", "new", "message"), YAML, ids=[message for *_, message in YAML])
@pytest.mark.parametrize(
    "command", [TRAIN, build_map(), ("header", "--out", "map")], ids=lambda c: c[0]
)
def test_a_wrong_quant_config(refused, command, old, new, message):
    text = Path("small.yaml").read_text()
    assert old in text
    Path("x.yaml").write_text(text.replace(old, new, 1))
    found = refused(*command, "--config", "x.yaml")
    assert found.startswith("x.yaml")
    assert message in found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bits", "3.5"], "--bits: found 3.5, expected a whole number of bits"),
        (["--bits", "3"], "quant config: found 'w3', expected one of "),
        (["--bits", "8", "--config", "w8"], "found --bits and --config, expected one of them"),
        (["--config", "none.yaml"], "none.yaml: found No such file or directory"),
        (["--config", "w99"], "quant config: found 'w99', expected one of "),
        (["--seed", "-1"], "seed: found -1"),
        (["--qat-epochs", "-1"], "qat_epochs: found -1"),
        (["--qat-epochs", "0", "--float-epochs", "0"], "no epoch and no float network"),
        (["--sparsity", "1"], "sparsity: found 1.0"),
        (["--sparsity", "-0.5"], "sparsity: found -0.5"),
        (["--sparsity", "0.5", "--float-epochs", "0"], "pruning is part of the float training"),
        (["--prune", "rows"], "prune: found 'rows'"),
        (["--soft-scores", "2", "--teacher", "shipped"], "soft_scores: found 2.0"),
        (["--features", "-1", "--teacher", "shipped"], "features: found -1.0"),
        (["--soft-scores", "0.5"], "found --soft-scores or --features without --teacher"),
        (["--features", "1"], "found --soft-scores or --features without --teacher"),
        (["--batch-edges", "3"], "batch_edges: found 3"),
        (["--monitored", "0"], "monitored: found 0"),
        (["--teacher", "events"], "events: found no teacher.json, expected a finished teacher"),
        (["--teacher", "nowhere"], "nowhere: found no teacher.json"),
        (["--float-from", "events"], "float.safetensors: found No such file"),
        (
            ["--events", "events", "--events", "two_events"],
            "train: found 2 event stores without --validation, expected --validation EVENTS",
        ),
        (["--max-events", "2"], "train: found --max-events without --validation"),
        (["--max-events", "0"], "Invalid value for '--max-events'"),
        (["--detector", "strips"], "Invalid value for '--detector'"),
        (["--validation", "nowhere"], "nowhere: found no manifest.json"),
        (
            ["--events", "two_events", "--max-events", "3", "--validation", "events"],
            "two_events: found 2 events, expected at least 3",
        ),
        (["--learning-rate", "0"], "learning_rate: found 0"),
        (["--learning-rate", "nan"], "learning_rate: found nan"),
        (["--threads", "0"], "threads: found 0"),
        (["--seed", "x"], "Invalid value for '--seed'"),
        (["--events", "nowhere"], "nowhere: found no manifest.json, expected an event store"),
        (["--events", "two_events"], "two_events: found 2 events, expected at least 3"),
        (["--module-map", "events"], "expected a module map"),
        (["--speed", "9"], "No such option: --speed"),
        (["now"], "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train(refused, options, message):
    assert message in refused(*TRAIN, *options)


def test_a_module_map_of_another_hit_format(refused):
    text = Path("small.yaml").read_text()
    other = text.replace("eta: {bits: 18, frac: 14}", "eta: {bits: 17, frac: 13}")
    other = other.replace("deta: {bits: 18, frac: 14}", "deta: {bits: 17, frac: 13}")
    Path("x.yaml").write_text(other)
    message = refused(*TRAIN, "--config", "x.yaml", "--events", "events")
    assert "module map of hit format" in message
    assert "fpga-gnn module-map build" in message


def test_training_into_the_folder_of_another_run(fpga_gnn, refused):
    command = (*TRAIN, "--config", "small", "--events", "events")
    assert fpga_gnn(*command).code == 0
    message = refused(*command, "--seed", "2")
    assert message.startswith("run: found a run with other settings, contract or events")


def test_a_float_network_of_another_shape(fpga_gnn, place, refused):
    assert fpga_gnn(*TRAIN, "--config", "small", "--events", "events").code == 0
    shallow = Path("small.yaml").read_text().replace("iterations: 2", "iterations: 1")
    Path("x.yaml").write_text(shallow)
    other = [*TRAIN[:-1], "other", "--events", "events", "--float-from", "run"]
    for options in (["--config", "x.yaml"], ["--config", "small", "--no-batch-norm"]):
        message = refused(*other, *options)
        assert message.startswith("float network to start from: found ")
    damaged = Path("run", "float.safetensors")
    damaged.write_bytes(damaged.read_bytes()[:-3])
    assert "expected a safetensors checkpoint" in refused(*other)


@pytest.mark.parametrize("command", ["synth", "validate"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--board", "u999"], "board: found 'u999', expected one of "),
        (["--board", "../boards/u250"], "board: found '../boards/u250'"),
        (["--model", "nowhere"], "nowhere: found no run.json, expected a finished training run"),
        (["--model", "map"], "map: found no run.json"),
        (["--events", "nowhere"], "nowhere: found no manifest.json"),
        (["--out", "csv"], "csv: found files of something else"),
        (["--edges", "0"], "Invalid value for '--edges'"),
        (["--edges", "many"], "Invalid value for '--edges'"),
        (["--fast"], "No such option: --fast"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_synth_and_validate(refused, command, options, message):
    assert message in refused(command, "--out", "design", *options)


@pytest.mark.parametrize("command", ["synth", "validate"])
def test_a_store_without_events(refused, place, command):
    EventStore.create(place / "empty", {})
    assert "events" in refused(command, "--events", "empty", "--out", "design")


def test_required_vitis_that_is_not_there(refused, monkeypatch):
    monkeypatch.setattr(synth_flow, "find_vitis", lambda: None)
    message = refused("synth", "--require-vitis", "--out", "design")
    assert "is not on PATH; install Vitis" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--flow", "vivado"], "Invalid value for '--flow'"),
        (
            ["--flow", "vitis", "--steps", "csim,route"],
            "steps: found 'route', expected some of csim,",
        ),
        (["--flow", "vitis", "--hours", "0"], "Invalid value for '--hours'"),
        (["--steps", "csim"], "--steps and --hours: found --flow auto, expected --flow vitis"),
        (["--hours", "2"], "--steps and --hours: found --flow auto, expected --flow vitis"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_vendor_flow(refused, options, message):
    assert message in refused("synth", "--out", "design", *options)


def test_blessing_what_is_no_report_of_a_tool(refused, place):
    assert "nowhere.json: found No such file" in refused("bless", "nowhere.json")
    (place / "x.json").write_text("{}")
    assert "x.json: found no key flow" in refused("bless", "x.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pooling", "row"], "Invalid value for '--pooling'"),
        (["--min-occurrence", "0"], "module-map: min_occurrence: found 0"),
        (["--widening", "-1"], "module-map: widening: found -1"),
        (["--small-sample", "nan"], "module-map: small_sample: found nan"),
        (["--n-rms", "0"], "module-map: n_rms: found 0"),
        (["--spread", "iqr"], "Invalid value for '--spread'"),
        (["--dydx", "exact"], "Invalid value for '--dydx'"),
        (["--detector", "strips"], "Invalid value for '--detector'"),
        (["--max-events", "99"], "events: found 5 events, expected at least 99"),
        (["--widening", "wide"], "Invalid value for '--widening'"),
        (["--events", "nowhere"], "nowhere: found no manifest.json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_module_map_build(refused, options, message):
    assert message in refused(*build_map(*options))


def test_a_module_map_replaces_nothing_but_a_module_map(refused):
    assert "csv" in refused(*build_map("--out", "csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--events", "0"], "events: found 0"),
        (["--pileup", "-1"], "pileup: found -1"),
        (["--noise", "nan"], "noise_fraction: found nan"),
        (["--pileup", "0", "--hard-process", "none"], "nothing to simulate"),
        (["--detector", "muon"], "Invalid value for '--detector'"),
        (["--workers", "0"], "Invalid value for '--workers'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_simulate(refused, options, message):
    assert message in refused("simulate", "--out", "new", *options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "No such command 'fly'"),
        (["import", "root"], "No such command 'root'"),
        (["--colour"], "No such option: --colour"),
        (["simulate"], "Missing option '--out'"),
        (["import", "trackml", "csv"], "Missing option '--out'"),
        (["import", "trackml", "--out", "new"], "Missing argument 'directory'"),
        (["module-map", "build"], "Missing option"),
        (["demo", "--edges", "0"], "Invalid value for '--edges'"),
        (["header", "--config"], "requires an argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage(refused, arguments, message):
    assert message in refused(*arguments)


@pytest.mark.parametrize(
    "command",
    [
        ("header",),
        ("import", "trackml", "csv"),
        ("export", "trackml", "events"),
        ("module-map", "build", "--events", "events"),
        (*TRAIN[:-2], "--events", "events"),
        ("synth",),
        ("validate",),
    ],
    ids=lambda c: c[0],
)
def test_an_output_folder_that_is_a_file(refused, command):
    assert "small.yaml" in refused(*command, "--out", "small.yaml")
