"""``fpga-gnn sweep`` on the shipped example and small events."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import fpga_gnn.flows.sweep as flow
from fpga_gnn.cli.main import run
from fpga_gnn.flows.sweep_plan import load_spec, plan_sweep
from fpga_gnn.report.sweep import Sweep, sweep_lines

RUNS = ["w8", "w4", "narrow-seed1", "narrow-seed2"]
ONE = "contract: small\ntraining: {float_epochs: 1, qat_epochs: 1, monitored: 1}\n"
CANDIDATES = "candidates: [{name: a}, {name: b, contract: {network: {hidden: 4}}}]\n"


def command(place, out, *more, spec="example", events="events"):
    return (
        *("sweep", spec, "--events", place / events, "--module-map", place / "map"),
        *("--out", out, *more),
    )


@pytest.fixture(scope="module")
def swept(inputs, tmp_path_factory):
    """The example's folder, done in one process."""
    folder = tmp_path_factory.mktemp("sweep") / "done"
    with pytest.raises(SystemExit) as exit_:
        run([str(argument) for argument in command(inputs, folder)])
    assert not exit_.value.code
    return folder


@pytest.fixture
def trained(monkeypatch):
    """Names of the runs that are trained from now on."""
    names, train_run = [], flow.train_run

    def spy(contract, config, events, module_map, folder, **options):
        names.append(folder.name)
        return train_run(contract, config, events, module_map, folder, **options)

    monkeypatch.setattr(flow, "train_run", spy)
    return names


def figures(folder):
    """All figures but the seconds."""
    found = Sweep.model_validate_json((folder / "sweep.json").read_bytes())
    return [run.model_dump(exclude={"seconds"}) for run in found.runs]


def test_the_report_of_the_example(swept):
    found = Sweep.model_validate_json((swept / "sweep.json").read_bytes())
    assert [run.name for run in found.runs] == RUNS
    assert found.unfinished == ()
    by_name = {run.name: run for run in found.runs}
    w8, w4, narrow = (by_name[name] for name in RUNS[:3])
    assert w4.cost.luts < w8.cost.luts
    assert w4.cost.weights == w8.cost.weights > narrow.cost.weights
    assert (w4.start, w4.training) == ("w8", {"float_epochs": 0})
    assert w4.contract["network.bits.edge_update.weight"] == 4
    assert narrow.contract == {"network.hidden": 4, "network.iterations": 1}
    assert by_name["narrow-seed2"].training == {"seed": 2}
    for figure in found.runs:
        assert set(figure.validation.builders) == set(figure.test.builders) == {"cc", "cc-jr"}
        assert figure.cost.partitions_per_event >= 1
    assert found.test is not None
    assert not set(found.test.event_ids) & set(found.validation.event_ids)
    assert (swept / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert "| w4 |" in (swept / "sweep.md").read_text()


def test_the_module_map_is_kept_once(swept):
    assert [p.parent.parent for p in swept.rglob("module_map.json")] == [swept]


def test_again_nothing_is_trained(fpga_gnn, inputs, swept, tmp_path, trained):
    again = shutil.copytree(swept, tmp_path / "again")
    before = figures(again)
    outcome = fpga_gnn(*command(inputs, again))
    assert (outcome.code, outcome.err, trained) == (0, "", [])
    assert figures(again) == before
    found = Sweep.model_validate_json((again / "sweep.json").read_bytes())
    assert outcome.out.splitlines()[:-2] == sweep_lines(found)
    assert outcome.out.endswith("sweep.md and pareto.png beside it\n")


def test_test_events_are_measured_without_training(fpga_gnn, inputs, swept, tmp_path, trained):
    again = shutil.copytree(swept, tmp_path / "again")
    before = figures(again)
    held_out = ("--test", inputs / "two_events", "--max-test", 1)
    assert fpga_gnn(*command(inputs, again, *held_out)).code == 0
    assert trained == []
    for old, new in zip(before, figures(again), strict=True):
        assert new["test"]["n_events"] == 1
        assert (new["validation"], new["cost"]) == (old["validation"], old["cost"])


def test_a_killed_sweep_goes_on(fpga_gnn, inputs, swept, tmp_path, monkeypatch):
    out, names, train_run = tmp_path / "killed", [], flow.train_run

    def train(contract, config, events, module_map, folder, **options):
        names.append(folder.name)
        if len(names) == 2:
            raise KeyboardInterrupt
        return train_run(contract, config, events, module_map, folder, **options)

    monkeypatch.setattr(flow, "train_run", train)
    assert fpga_gnn(*command(inputs, out)).code == 130
    assert names == RUNS[:2]
    assert fpga_gnn(*command(inputs, out)).code == 0
    assert names == [*RUNS[:2], *RUNS[1:]]
    assert figures(out) == figures(swept)


def test_a_killed_worker_changes_nothing(fpga_gnn, inputs, swept, tmp_path, worker_killed_at):
    pytest.importorskip("distributed")
    killed = worker_killed_at("fpga_gnn.flows.sweep", "network_luts")
    outcome = fpga_gnn(*command(inputs, tmp_path / "two", "--workers", 2))
    assert (outcome.code, outcome.err, killed.exists()) == (0, "", True)
    assert figures(tmp_path / "two") == figures(swept)
    for name in RUNS:
        file = Path(name, "student.safetensors")
        assert (tmp_path / "two" / file).read_bytes() == (swept / file).read_bytes()


def test_a_failure_names_its_run_and_spares_the_others(fpga_gnn, inputs, tmp_path, monkeypatch):
    train_run = flow.train_run

    def train(contract, config, events, module_map, folder, **options):
        if folder.name == "w8":
            raise ZeroDivisionError("three eggs")
        return train_run(contract, config, events, module_map, folder, **options)

    monkeypatch.setattr(flow, "train_run", train)
    outcome = fpga_gnn(*command(inputs, tmp_path / "out"))
    assert outcome.code == 1
    assert "w8: ZeroDivisionError: three eggs; see" in outcome.out
    assert "w4: its start w8 has no result" in outcome.out
    assert "2 of 4 runs failed (w8, w4)" in outcome.err
    assert "ZeroDivisionError" in (tmp_path / "out" / "w8" / "error.log").read_text()
    found = Sweep.model_validate_json((tmp_path / "out" / "sweep.json").read_bytes())
    assert [run.name for run in found.runs] == RUNS[2:]
    assert found.unfinished == ("w8", "w4")


def test_a_teacher_is_asked_once_and_decides_the_training(fpga_gnn, inputs, tmp_path, monkeypatch):
    distilled, alone = "{name: a}", "{name: b, training: {soft_scores: 0}}"
    spec, out = tmp_path / "one.yaml", tmp_path / "out"
    spec.write_text(f"{ONE}candidates: [{distilled}, {alone}]\n")
    asked = []
    ask = flow.Distiller._compute
    monkeypatch.setattr(
        flow.Distiller, "_compute", lambda *args: asked.append(args[1].event_id) or ask(*args)
    )
    line = command(inputs, out, "--teacher", "shipped", spec=spec)
    assert fpga_gnn(*line).code == 0
    assert sorted(asked) == [0, 1, 2]
    first = figures(out)
    outcome = fpga_gnn(*command(inputs, out, spec=spec))
    assert outcome.code == 2
    assert "a: found a run with other teacher" in outcome.err
    shutil.rmtree(out / "a")
    assert fpga_gnn(*command(inputs, out, spec=spec)).code == 0
    assert figures(out)[1] == first[1]
    assert figures(out)[0] != first[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{hidden: 4}", "{hidden: 6}", "b: found a run with other contract, expected"),
        ("{name: a}", "{name: a, training: {seed: 5}}", "a: found a run with other training"),
        ("hidden: 4}}", "hidden: 4}}, start: a", "start a with a float network of another shape"),
    ],
)
def test_a_changed_entry_is_refused(fpga_gnn, inputs, tmp_path, monkeypatch, old, new, message):
    spec, out = tmp_path / "one.yaml", tmp_path / "out"
    spec.write_text(ONE + CANDIDATES)

    def nothing(*_, **__):
        raise ValueError("not trained")

    monkeypatch.setattr(flow, "train_run", nothing)
    assert fpga_gnn(*command(inputs, out, spec=spec)).code == 1
    spec.write_text(ONE + CANDIDATES.replace(old, new))
    outcome = fpga_gnn(*command(inputs, out, spec=spec))
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert message in outcome.err


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (None, ("--workers", 0), "--workers"),
        (None, ("--workers", 2, "--dask", "tcp://x:1"), "--workers and --dask: found both"),
        (None, ("--dask", "nonsense://x"), "--dask: found nonsense://x, expected the address"),
        (None, ("--max-test", 1), "--max-test without --test"),
        (None, ("--max-events", 1), "--max-events without --validation"),
        (None, ("--validation", "csv"), "csv: found no manifest.json"),
        (None, ("--module-map", "csv"), "module_map.json"),
        (None, ("--teacher", "nowhere"), "nowhere"),
        (ONE, (), "found no key candidates"),
        (f"{ONE}candidates: []\n", (), "candidates"),
        (f"{ONE}{CANDIDATES}contract: w8\n", (), "key contract given twice"),
        (f"{ONE}{CANDIDATES}comment: x\n", (), "unknown key comment"),
        ("contract: w99\n" + CANDIDATES, (), "quant config: found 'w99'"),
        ("contract: small\ntraining: {epochs: 3}\n" + CANDIDATES, (), "unknown key epochs"),
    ],
)
def test_bad_input_is_one_line(fpga_gnn, place, text, options, message):
    if text is not None:
        (place / "bad.yaml").write_text(text)
    spec = "bad.yaml" if text else "example"
    outcome = fpga_gnn(*command(place, "new", *options, spec=spec))
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert re.search(re.escape(message), outcome.err)
    assert not (place / "new" / "w8").exists()


def test_an_unknown_sweep(fpga_gnn, place):
    outcome = fpga_gnn(*command(place, "new", spec="nothing"))
    assert outcome.code == 2
    known = "bits, coordinates, distillation, example"
    assert f"sweep: found 'nothing', expected one of {known}" in outcome.err


@pytest.mark.parametrize("name", ["bits", "coordinates", "distillation", "example"])
def test_every_shipped_sweep_is_a_plan(name):
    assert plan_sweep(load_spec(name)).runs


def test_a_folder_of_other_files(fpga_gnn, place):
    (place / "new" / "w4").mkdir(parents=True)
    (place / "new" / "w4" / "letter.txt").write_text("hello")
    outcome = fpga_gnn(*command(place, "new"))
    assert outcome.code == 2
    assert "w4: found other files, expected a run of this sweep" in outcome.err
