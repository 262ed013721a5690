"""Reports of every kind about the shipped student, with hostile names, and the page of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_gnn.events.sample import sample_store
from fpga_gnn.files import sha256_of
from fpga_gnn.flows.report import subject_of, write_page
from fpga_gnn.hw.boards import load_board
from fpga_gnn.report.benchmark import Benchmark, BenchmarkRow, CallTime, Comparison, Machine
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.document import write_document
from fpga_gnn.report.evaluation import (
    BinnedFigure,
    CurveFigure,
    EdgeFigure,
    Evaluation,
    RateFigure,
    SampleFigure,
    TrackFigure,
)
from fpga_gnn.report.page.subject import Subject
from fpga_gnn.report.reconstruction import EventFigure, Reconstruction
from fpga_gnn.report.resources import KernelUse, ResourceTable
from fpga_gnn.report.summary import Drift, FlowReport, HardwareNumber, RungResult
from fpga_gnn.report.sweep import BuilderFigure, CostFigure, QualityFigure, RunFigure, Sweep
from fpga_gnn.report.throughput import KernelCycles, Throughput
from fpga_gnn.training.edge_model import weights_sha256
from fpga_gnn.training.run import RUN_FILE, default_run, load_run

HOSTILE = (
    '</script><script>hacked=1</script><img src=x onerror="hacked=1">'
    "<a href=\"javascript:hacked=1\" onclick='hacked=1'>{{ 7 * 7 }}</a>"
)
SAMPLE = SampleFigure(
    path=f"events {HOSTILE}",
    origin={"pileup": 200, HOSTILE: HOSTILE},
    event_ids=(1, 2),
    manifest_sha256="ab" * 32,
)
BUILDERS = ("cc", "cc-jr", "ckf")


def rate(passed: int, total: int = 100) -> RateFigure:
    value = passed / total
    return RateFigure(
        passed=passed, total=total, value=value, interval=(value - 0.02, value + 0.01)
    )


def binned(*edges: float) -> BinnedFigure:
    n = len(edges) - 1
    return BinnedFigure(
        edges=edges,
        passed=(9,) * (n - 1) + (0,),
        total=(10,) * (n - 1) + (0,),
        value=(0.9,) * (n - 1) + (None,),
        interval=((0.8,) * (n - 1) + (None,), (0.95,) * (n - 1) + (None,)),
    )


def evaluation(model_sha256: str | None, **changes) -> Evaluation:
    tracks = tuple(
        TrackFigure(
            builder=name,
            settings={},
            cuts={},
            n_targets=100,
            n_tracks=120,
            n_matched=110,
            n_distinct=100,
            efficiency=rate(90 + i),
            efficiency_two_way=rate(80 + i),
            efficiency_lhc=rate(70 + i),
            fake_rate=rate(5),
            strict_fake_rate=rate(15),
            duplicate_rate=0.1,
            by_pt=binned(1, 2, 5, 20),
            by_eta=binned(-4, 0, 4),
            time=None,
        )
        for i, name in enumerate(BUILDERS)
    )
    curve = CurveFigure(
        cuts=(-1, 0, 1),
        efficiency=(1, 0.9, 0.5),
        purity=(0.1, 0.5, None),
        fake_efficiency=(1, 0, 0),
    )
    bins = binned(1, 2, 5)
    edges = EdgeFigure(auc=0.99, cut=0, curve=curve, by_pt=bins, by_eta=bins, time=None)
    figures = {
        "model": HOSTILE,
        "model_sha256": model_sha256,
        "sample": SAMPLE,
        "targets": {},
        "graph": None,
        "edges": edges,
        "tracks": tracks,
    }
    return Evaluation(**figures | changes)


def candidate(name: str, luts: int, passed: int) -> RunFigure:
    found = BuilderFigure(settings={}, efficiency=rate(passed), fake_rate=rate(4))
    counts = dict.fromkeys(CostFigure.model_fields, 10)
    counts |= {"luts": luts, "note": "", "lane": Resources(lut=1, ff=1, dsp=0, bram_18k=1, uram=1)}
    return RunFigure(
        name=name,
        candidate=name,
        plan_sha256="ab",
        test_sha256=None,
        contract={},
        training={},
        seed=1,
        start=None,
        cost=CostFigure(**counts),
        validation=QualityFigure(n_events=2, edge_auc=0.9, builders=dict.fromkeys(BUILDERS, found)),
        test=None,
        seconds=1.0,
    )


def sweep() -> Sweep:
    runs = (candidate("w8", 9000, 96), candidate(HOSTILE, 4000, 80), candidate("bad", 9500, 70))
    return Sweep(
        contract=HOSTILE,
        training={},
        teacher_sha256=None,
        learning=(SAMPLE,),
        validation=SAMPLE,
        test=None,
        runs=runs,
        unfinished=(HOSTILE,),
    )


def number(name: str, value: float, label: str = "vivado") -> HardwareNumber:
    return HardwareNumber(name=name, value=value, unit="", label=label, basis=f"binary {HOSTILE}")


def documents() -> dict[str, object]:
    """Reports of every kind by the name of their file."""
    folder, contract, board = default_run(), load_run(default_run()).contract, load_board("u250")
    network = load_run(folder).student.integer_network().sha256
    hashes = {"contract_sha256": contract.sha256, "network_sha256": network}
    rung = {"left": "student", "right": "QONNX", "unit": "edges", "seconds": 0.5}
    used = Resources(lut=200_000, ff=1000, dsp=3, bram_18k=7, uram=160)
    large = Resources(lut=1, ff=1, dsp=0, bram_18k=0, uram=400)
    return {
        "evaluation.json": evaluation(weights_sha256(folder)),
        "teacher/evaluation.json": evaluation(load_run(folder).info.teacher_sha256),
        "sweep.json": sweep(),
        "report.json": FlowReport(
            flow="synth",
            contract=contract.name,
            **hashes,
            events=[1],
            rungs=[
                RungResult(kernel="edge classifier", compared=123_456, different=0, **rung),
                RungResult(kernel=HOSTILE, compared=5, different=0, **rung),
            ],
            hardware=[
                number("LUT in SLR0", 4321),
                number("LUT in SLR1", 9876),
                number("LUT", 14197),
                number("path", 1, "yosys"),
            ],
            tools={HOSTILE: "2024.2"},
            drift=[
                Drift(name="LUT", unit="", label="vivado", basis=HOSTILE, baseline=1.0, now=2.0)
            ],
        ),
        "resources.json": ResourceTable(
            label="yosys",
            contract=contract.name,
            **hashes,
            board=board.name,
            part=board.part,
            slrs=board.slrs,
            usable_per_slr=board.usable_per_slr,
            parts=(
                KernelUse(name="edge_classifier.mlp", copies=4, used=used),
                KernelUse(name=f"module_map, {HOSTILE}", copies=1, used=large),
            ),
        ),
        "throughput.json": Throughput(
            **hashes,
            clock_mhz=300.0,
            events=2,
            hits=10.0,
            edges=20.0,
            kernels=(
                KernelCycles(kernel="module map", cycles=3e6, copies=1, label="rtl-sim"),
                KernelCycles(kernel=HOSTILE, cycles=3e5, copies=2, label="rtl-sim"),
            ),
            cpu_ms={"module map": 500.0},
        ),
        "benchmark.json": Benchmark(
            machine=Machine(
                device="cpu", device_name=HOSTILE, cpu="Ohm", n_cpus=4, threads=1, versions={}
            ),
            model="student",
            model_sha256=None,
            backend="torch",
            sample=SAMPLE,
            repeat=3,
            hits_per_event=10,
            edges_per_event=20,
            rows=(
                BenchmarkRow(
                    stage="gnn",
                    name=HOSTILE,
                    measures="all",
                    device="cpu",
                    threads=1,
                    time=CallTime(n_events=1, n_calls=3, median=12.5, low=12, high=13, first=20),
                ),
                BenchmarkRow(
                    stage="gnn", name="x", measures="all", device="cpu", threads=1, not_run="no C++"
                ),
            ),
            comparisons=(
                Comparison(
                    what=HOSTILE, ours="a", peer="b", ratio=1, limit=2, n_compared=5, n_different=0
                ),
            ),
        ),
        "reconstruction.json": Reconstruction(
            settings={
                "backend": "csim",
                "against": "torch",
                "builder": "cc-jr",
                "model": sha256_of(folder / RUN_FILE),
            },
            setup_seconds=0.0,
            peak_memory_mib=1.0,
            events=(
                EventFigure(
                    **dict.fromkeys(
                        set(EventFigure.model_fields) - {"seconds", "compared"},
                        1,
                    ),
                    seconds={},
                    compared={"graph": 7, "scores": 8},
                ),
            ),
        ),
    }


def write(folder: Path, reports: dict[str, object]) -> Path:
    for name, report in reports.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_document(report, folder / name)
    return folder


@pytest.fixture(scope="session")
def reports(tmp_path_factory) -> Path:
    """A folder of reports of every kind."""
    return write(tmp_path_factory.mktemp("reports"), documents())


@pytest.fixture(scope="session")
def written(reports, tmp_path_factory):
    """The page of the shipped student and an event with these reports, its reports, its file."""
    file = tmp_path_factory.mktemp("page") / "deeper" / "page.html"
    store, board = sample_store(), load_board("u250")
    page, found = write_page(default_run(), [reports], store, None, "cc-jr", board, file)
    return page, found, file


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """The page of the shipped student without any report."""
    file = tmp_path_factory.mktemp("bare") / "page.html"
    store, board = sample_store(), load_board("u250")
    page, found = write_page(default_run(), [], store, None, "cc-jr", board, file)
    return page, found, file


@pytest.fixture(scope="session")
def subject() -> Subject:
    """The shipped student as pages have it."""
    return subject_of(load_run(default_run()), default_run())
