"""Attacks by file, each refused in one line: see docs/untrusted_files.md."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile import Thrift, ending, join_parquet, open_parquet, thrift_bytes
from pydantic import ValidationError
from safetensors.torch import save

import fpga_gnn
from fpga_gnn.cli.output import console
from fpga_gnn.contract import (
    HitRecords,
    ModuleMapRecords,
    PartitionShape,
    load_contract,
    read_json,
    read_yaml,
)
from fpga_gnn.errors import CapacityError, FpgaGnnError, InputError
from fpga_gnn.events import trackml
from fpga_gnn.events.parquet import read_parquet
from fpga_gnn.events.samples import load_samples
from fpga_gnn.events.simulate import SimulationConfig
from fpga_gnn.events.store import EventStore
from fpga_gnn.files import inside, read_limited, sha256_of, write_whole
from fpga_gnn.flows.sweep_plan import load_spec
from fpga_gnn.graphs import module_map_numba
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.module_map_store import load_module_map
from fpga_gnn.hw.binary import load_record
from fpga_gnn.hw.rtl_classifier import classifier_module
from fpga_gnn.hw.toolchain import run as run_program
from fpga_gnn.hw.vectors import read_vectors
from fpga_gnn.models.embedding import EmbeddingConfig
from fpga_gnn.report import csynth
from fpga_gnn.report.baseline import load_baseline
from fpga_gnn.report.cosim import read_cosim
from fpga_gnn.report.csynth import read_csynth
from fpga_gnn.report.evaluation import load_evaluation
from fpga_gnn.report.resource_fit import load_fit
from fpga_gnn.report.summary import load_report
from fpga_gnn.report.sweep import load_run_figure
from fpga_gnn.report.vivado import read_kernel_clock, read_timing, read_utilization
from fpga_gnn.tracks.store import tracks_metadata
from fpga_gnn.training.checkpoint import load_progress, load_tensors, resuming
from fpga_gnn.training.config import Runtime, TeacherConfig, TrainingConfig
from fpga_gnn.training.metric_learning_run import load_metric_learning
from fpga_gnn.training.run import load_run
from fpga_gnn.training.teacher_run import load_teacher

pytestmark = pytest.mark.usefixtures("limited")

CSV = "event000000000-hits.csv"
EVENT = "event000000000-hits.parquet"
READERS = {
    "x.yaml": load_contract,
    "sweep.yaml": load_spec,
    "samples.yaml": load_samples,
    f"csv/{CSV}": lambda file: trackml.read_event(file.parent, 0),
    "events/manifest.json": lambda file: EventStore.open(file.parent),
    f"events/{EVENT}": lambda file: EventStore.open(file.parent).read(0),
    "run/run.json": lambda file: load_run(file.parent),
    "run/contract.json": lambda file: load_run(file.parent),
    "run/student.safetensors": lambda file: load_run(file.parent),
    "run/module_map/module_map.json": lambda file: load_run(file.parents[1]),
    "run/module_map/doublets.parquet": lambda file: load_run(file.parents[1]),
    "teacher/teacher.json": lambda file: load_teacher(file.parent),
    "teacher/teacher.safetensors": lambda file: load_teacher(file.parent),
    "embedding/embedding.json": lambda file: load_metric_learning(file.parent),
    "embedding/embedding.safetensors": lambda file: load_metric_learning(file.parent),
    "training/last.safetensors": lambda file: load_progress(file.parent, "key"),
    "float.safetensors": load_tensors,
    "tracks.parquet": tracks_metadata,
    "report.json": load_report,
    "evaluation.json": load_evaluation,
    "candidate.json": load_run_figure,
    "fit.json": load_fit,
    "baseline.json": load_baseline,
    "rtl/design.json": lambda file: classifier_module(file.parent, load_contract("small")),
    "card.xclbin": lambda file: load_record(file, load_contract("small"), "ab"),
    "card.xclbin.json": lambda file: load_record(
        file.with_suffix(""), load_contract("small"), "ab"
    ),
    "csynth.xml": read_csynth,
    "cosim.rpt": read_cosim,
    "utilization.rpt": read_utilization,
    "timing.rpt": read_timing,
    "x.xclbin.info": read_kernel_clock,
    "golden.txt": lambda file: read_vectors(file, "dwalk", load_contract("small")),
}
"""Every reader, by the file it reads, in the folder of valid files."""


@pytest.fixture
def place(valid, tmp_path):
    return shutil.copytree(valid, tmp_path / "place")


def refusal(call, *arguments) -> str:
    with pytest.raises(FpgaGnnError) as caught, ending():
        call(*arguments)
    assert str(caught.value).isprintable()
    return str(caught.value)


def put(file: Path, kind: str) -> None:
    """Make ``file`` something that is no ordinary file, or a very large one."""
    if file.exists():
        file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "folder":
        file.mkdir()
    elif kind == "ring":
        file.symlink_to(file)
    else:
        file.touch()
        os.truncate(file, 1 << 40)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "ring", "a terabyte"])
@pytest.mark.parametrize("name", READERS)
def test_no_file_or_too_large_a_one(place, name, kind):
    put(place / name, kind)
    if kind == "ring" and name in ("baseline.json", "training/last.safetensors"):
        assert READERS[name](place / name) is None  # a link to nothing: none is there
        return
    refusal(READERS[name], place / name)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_not_opened_to_be_read(tmp_path, kind):
    put(tmp_path / "x", kind)
    for read_file in (sha256_of, read_yaml, lambda file: read_limited(file, 9, "a file")):
        assert "a pipe or a device" in refusal(read_file, tmp_path / "x")


def test_a_name_with_a_nul():
    assert "null" in refusal(load_contract, "a\0.yaml")
    assert "null" in refusal(load_tensors, Path("a\0"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read(place):
    (place / "report.json").chmod(0)
    assert "Permission denied" in refusal(load_report, place / "report.json")


def test_a_file_of_the_largest_size_is_read(tmp_path):
    (tmp_path / "x").write_bytes(b"1234")
    assert read_limited(tmp_path / "x", 4, "a file") == b"1234"
    assert "4 bytes" in refusal(read_limited, tmp_path / "x", 3, "a file")


# ---------------------------------------------------------------------------------- what is written


def test_a_link_is_replaced_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in ("out.json", "run.log"):
        (tmp_path / name).symlink_to(precious)
    write_whole(tmp_path / "out.json", b"theirs")
    run_program([sys.executable, "-c", "print(1)"], tmp_path / "run.log", 60)
    assert precious.read_text() == "mine"
    assert (tmp_path / "out.json").read_bytes() == b"theirs"
    assert (tmp_path / "run.log").read_text() == "1\n"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\0", "out", "ring/x"])
def test_a_name_in_a_file_does_not_lead_out_of_its_folder(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "out").symlink_to("/etc/passwd")
    (folder / "ring").symlink_to("ring")
    assert "the name" in refusal(inside, folder, name)
    assert inside(folder, "fine.sv") == folder / "fine.sv"


@pytest.mark.parametrize("contract", ["../x.yaml", "/etc/x.yaml", "sub/x.yaml", "out.yaml"])
@pytest.mark.parametrize("where", ["sweep", "candidate"])
def test_the_contract_of_a_sweep_lies_beside_it(tmp_path, contract, where):
    folder = tmp_path / "sweep"
    folder.mkdir()
    shutil.copy(_small_yaml(), tmp_path / "x.yaml")
    (folder / "out.yaml").symlink_to(tmp_path / "x.yaml")
    shutil.copy(_small_yaml(), folder / "near.yaml")
    names = {"sweep": (contract, "near.yaml"), "candidate": ("near.yaml", contract)}[where]
    text = "contract: {}\ncandidates: [{{name: a, contract: {}}}]\n"
    (folder / "s.yaml").write_text(text.format(*names))
    refusal(load_spec, folder / "s.yaml")
    (folder / "s.yaml").write_text(text.format("near.yaml", "near.yaml"))
    assert load_contract(load_spec(folder / "s.yaml").contract) == load_contract("small")


NAMES = ["../../x", "/x", 'w8"; exec rm -rf /', "a b", "a\nb", "$(id)", "", "</script>", "x" * 500]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_go_into_paths_scripts_and_code(place, small, name):
    """Of contracts, candidates, samples, reports (which name a baseline) and RTL designs."""
    contract = {**read_yaml(_small_yaml()), "name": name}
    (place / "x.yaml").write_text(json.dumps(contract))
    assert "name" in refusal(load_contract, place / "x.yaml")
    spec = {"contract": "small", "candidates": [{"name": name}]}
    (place / "x.yaml").write_text(json.dumps(spec))
    assert "candidates.0.name" in refusal(load_spec, place / "x.yaml")
    sample = {"name": name, "purpose": "x", "simulation": {"pileup": 1, "events": 1, "seed": 1}}
    (place / "x.yaml").write_text(json.dumps([sample]))
    assert "name" in refusal(load_samples, place / "x.yaml")
    report = json.loads((place / "report.json").read_text())
    for key in ("contract", "board"):
        (place / "x.json").write_text(json.dumps({**report, key: name}))
        assert key in refusal(load_report, place / "x.json")
    design = json.loads((place / "rtl" / "design.json").read_text())
    for change in ({"top": name}, {"sources": [name]}, {"inputs": {name: 1}}):
        (place / "rtl" / "design.json").write_text(json.dumps(design | change))
        assert next(iter(change)) in refusal(classifier_module, place / "rtl", small)


def test_a_source_of_a_design_that_is_a_link_out_of_it(place, small):
    (place / "rtl" / "top.sv").unlink()
    (place / "rtl" / "top.sv").symlink_to("/etc/passwd")
    assert "top.sv" in refusal(classifier_module, place / "rtl", small)


def test_text_from_a_file_cannot_command_the_terminal(capsys):
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r"
    assert str(InputError(evil, evil, "b\nc")).isprintable()
    assert len(str(InputError("a", "x" * 10_000_000, "b"))) < 2000
    console().print(evil)
    assert capsys.readouterr().out.strip("\n").isprintable()


def _small_yaml() -> Path:
    return Path(fpga_gnn.__file__).parents[1] / "quant_configs" / "small.yaml"


# ------------------------------------------------------------------------------------- YAML, JSON

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: v}\n" + "".join(
    f"{b}: &{b} {{<<: [*{a}, *{a}]}}\n" for a, b in pairwise("abcdefghijklmnopq")
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (LAUGHS, "aliases written out"),
        (MERGES, "aliases written out"),
        ("&a [*a]", "an alias inside what it repeats"),
        ("a: &a {b: *a}", "an alias inside what it repeats"),
        ("[" * 100_000, "32 levels"),
        ("{a: " * 50_000, "32 levels"),
        ("- " * 100_000, "32 levels"),
        ("a: " + "9" * 100_000, "a value of 100000 characters"),
        ("a: 1" + ":1" * 100_000, "a value of 200001 characters"),
        ("\n".join(f"k{i}: 1" for i in range(20_001)), "20000 values"),
        ("a: !!python/object/apply:os.system [ls]", "a tag"),
        ("a: !!int []", "a tag"),
        ("a: 2001-13-45", "month"),
        ("a: 0b_", "invalid literal"),
        ("a: 1" + ":59" * 300 + ".5", "too large"),
        ("a: \0", "special characters"),
        ("#" * 300_000, "of at most"),
    ],
    ids=lambda value: value[:20],
)
def test_yaml(tmp_path, text, found):
    (tmp_path / "x.yaml").write_text(text)
    assert found in refusal(read_yaml, tmp_path / "x.yaml")


def test_yaml_that_is_no_text(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    assert "codec" in refusal(read_yaml, tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("[" * 100_000 + "]" * 100_000, "recursion limit"),
        ("1" * 100_000, "broken JSON"),
        ("1e999", "finite"),
        ("NaN", "finite"),
        ("{" + ", ".join(f'"{i}": ""' for i in range(200_000)) + "}", "200000 wrong"),
    ],
    ids=lambda value: value[:20],
)
def test_json(tmp_path, value, found):
    from fpga_gnn.training.track_points import WorkingPoint

    text = f'{{"settings": {{}}, "efficiency": {value}, "fake_rate": 0}}'
    if value.startswith("{"):
        text = f'{{"settings": {{}}, "efficiency": 1, "fake_rate": 0, {value[1:]}'
    (tmp_path / "x.json").write_text(text)
    assert found in refusal(read_json, tmp_path / "x.json", WorkingPoint, "a point")


# ------------------------------------------------------------------------------- Parquet and CSV


def parquet(table, **options) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def read(data, most_rows=1 << 21):
    return read_parquet(data, {"a": np.int64}, most_rows, "x.parquet")


ONE = parquet(pa.table({"a": np.arange(1)}), compression="zstd", use_dictionary=False)


def test_a_table_of_more_rows_than_an_event_has():
    bomb = parquet(pa.table({"a": np.zeros(3_000_000, np.int64)}), compression="zstd")
    assert len(bomb) < 20_000
    assert "3000000 rows, expected 2097152 at the most" in refusal(read, bomb)


def first_chunk(footer):
    """The metadata of the first column of the first row group."""
    groups = next(value for field, _, value in footer if field == 4)
    chunks = next(value for field, _, value in groups[1][0] if field == 1)
    return next(value for field, _, value in chunks[1][0] if field == 3)


def put_field(struct, field, value):
    next(one for one in struct if one[0] == field)[2] = value


def test_a_page_that_is_large_when_it_is_unpacked():
    body, footer = open_parquet(ONE)
    page = Thrift(body, 4)
    packed = pa.Codec("zstd").compress(bytes(64 << 20), asbytes=True)
    put_field(page.fields, 2, 64 << 20)
    put_field(page.fields, 3, len(packed))
    pages = thrift_bytes(page.fields) + packed
    put_field(first_chunk(footer), 7, len(pages))
    bomb = join_parquet(b"PAR1" + pages, footer)
    assert len(bomb) < 20_000
    assert "67108864 bytes in 1 rows" in refusal(read, bomb)


def test_long_texts_that_a_dictionary_repeats():
    texts = pa.array(["x" * 500_000]).dictionary_encode()
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), texts.dictionary)
    bomb = parquet(
        pa.table({"a": repeated.cast(pa.string())}) if False else pa.table({"a": repeated})
    )
    assert len(bomb) < 1 << 20
    assert "type" in refusal(read, bomb)


@pytest.mark.parametrize(
    ("field", "value"),
    [(7, -1), (7, 1 << 62), (9, -1), (9, 1 << 40), (4, 99)],
    ids=str,
)
def test_sizes_of_a_chunk_that_make_no_sense(field, value):
    body, footer = open_parquet(ONE)
    put_field(first_chunk(footer), field, value)
    refusal(read, join_parquet(body, footer))


@pytest.mark.parametrize("rows", [-1, 0, 7, 1 << 62])
def test_rows_of_the_footer_that_are_not_there(rows):
    body, footer = open_parquet(ONE)
    put_field(footer, 3, rows)
    refusal(read, join_parquet(body, footer))


def test_a_row_group_with_fewer_columns_than_the_schema():
    """Arrow's bindings end the process at it."""
    body, footer = open_parquet(parquet(pa.table({"a": np.arange(3), "b": np.arange(3)})))
    groups = next(value for field, _, value in footer if field == 4)
    chunks = next(value for field, _, value in groups[1][0] if field == 1)
    chunks[1].pop()
    assert "1 chunks in this file of 2 columns" in refusal(read, join_parquet(body, footer))


def test_a_footer_of_a_thousand_columns():
    data = parquet(pa.table({f"c{i}": np.arange(1) for i in range(3000)}))
    assert "footer" in refusal(read, data)


@pytest.mark.parametrize(
    "struct", [b"\x15", b"\x1c" * 100, b"\x19" * 5000, b"\x19\xfc" + b"\xff" * 9, b"\x1d\0"]
)
def test_a_footer_that_is_no_struct(struct):
    refusal(read, b"PAR1" + struct + len(struct).to_bytes(4, "little") + b"PAR1")


def test_a_gzip_that_is_large_when_it_is_unpacked(place, monkeypatch):
    monkeypatch.setattr(trackml, "_MOST_BYTES", 8 << 20)
    (place / "csv" / CSV).unlink()
    bomb = 40 * gzip.compress(bytes(64 << 20))  # 2.5 GiB
    (place / "csv" / f"{CSV}.gz").write_bytes(bomb)
    assert "bytes unpacked" in refusal(trackml.read_event, place / "csv", 0)


def test_a_csv_of_more_rows_than_an_event_has(place):
    (place / "csv" / CSV).write_bytes(b"hit_id\n" + b"1\n" * 3_000_000)
    assert "3000000 rows" in refusal(trackml.read_event, place / "csv", 0)


@pytest.mark.parametrize("head", ["x," * 100_000, "hit_id,hit_id", '"' + "a" * 200_000])
def test_names_of_columns_that_make_no_sense(place, head):
    (place / "csv" / CSV).write_text(f"{head}\n1\n")
    refusal(trackml.read_event, place / "csv", 0)


def test_an_event_that_cannot_be_numbered(place):
    manifest = json.loads((place / "events" / "manifest.json").read_text())
    manifest["events"][0]["event_id"] = 1 << 63
    (place / "events" / "manifest.json").write_text(json.dumps(manifest))
    assert "event_id" in refusal(EventStore.open, place / "events")


# ------------------------------------------------------------------------------------ checkpoints


def resigned(folder: Path, weights: bytes) -> Path:
    (folder / "student.safetensors").write_bytes(weights)
    record = json.loads((folder / "run.json").read_text())
    record["student_sha256"] = sha256_of(folder / "student.safetensors")
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("size", [1 << 62, 100 << 20, (1 << 64) - 1])
def test_a_header_that_is_larger_than_any(place, size):
    data = (place / "float.safetensors").read_bytes()
    (place / "float.safetensors").write_bytes(size.to_bytes(8, "little") + data[8:])
    assert f"a header of {size} bytes" in refusal(load_tensors, place / "float.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [1 << 62, 1 << 62]},
        {"shape": [-1]},
        {"data_offsets": [0, 1 << 40]},
        {"data_offsets": [24, 0]},
        {"dtype": "F4"},
        {"dtype": "O"},
    ],
)
def test_a_tensor_that_is_not_there(tmp_path, change):
    tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} | change
    header = json.dumps({"weight": tensor}).encode()
    file = tmp_path / "x.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(24))
    refusal(load_tensors, file)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda weight: weight.fill_(float("nan")), "not finite"),
        (lambda weight: weight.fill_(float("inf")), "not finite"),
        (lambda weight: weight.double(), "float64"),
        (lambda weight: weight[:, :2].contiguous(), "network"),
        (lambda weight: weight.fill_(1e30), "quantizer scale"),
    ],
)
def test_weights_that_no_training_gives(place, change, found):
    tensors, metadata = load_tensors(place / "run" / "student.safetensors")
    tensors["decoder.0.weight"] = change(tensors["decoder.0.weight"].clone())
    folder = resigned(place / "run", save(tensors, metadata))
    assert found in refusal(lambda: load_run(folder).grid)


def test_a_state_that_its_training_cannot_take_up(tmp_path):
    for wrong in (KeyError("network"), RuntimeError("shape"), TypeError("auc"), ValueError("no.")):
        with pytest.raises(InputError, match="this training's state"), resuming(tmp_path):
            raise wrong


@pytest.mark.parametrize(
    "points",
    [
        {"cc": {"cut": "high"}},
        {"cc": {"cut": float("nan")}},
        {"cc": {"colour": 1}},
        {"cc": {"min_hits": 1 << 40}},
        {"unknown": {}},
        {"dwalk": {"min_cut": 0.9, "add_cut": 0.1}},
    ],
    ids=str,
)
@pytest.mark.parametrize(("folder", "load"), [("run", load_run), ("teacher", load_teacher)])
def test_working_points_that_no_builder_has(place, folder, load, points):
    file = place / folder / f"{folder}.json"
    record = json.loads(file.read_text())
    figures = {"efficiency": 0.5, "fake_rate": 0.1}
    record["builders"] = {
        name: {"settings": settings, **figures} for name, settings in points.items()
    }
    file.write_text(json.dumps(record))
    assert "builders" in refusal(load, place / folder)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (TeacherConfig, {"hidden": 10**9}),
        (TeacherConfig, {"node_features": ["r"] * 1000}),
        (TeacherConfig, {"partition_edges": 1 << 40}),
        (TrainingConfig, {"float_epochs": 10**12}),
        (TrainingConfig, {"seed": 1 << 64}),
        (TrainingConfig, {"threads": 10**6}),
        (TrainingConfig, {"batch_edges": 1 << 40}),
        (Runtime, {"device": "cuda:0; rm -rf /"}),
        (EmbeddingConfig, {"hidden": 10**9}),
        (EmbeddingConfig, {"layers": 10**9}),
        (PartitionShape, {"max_nodes": 1 << 40, "max_edges": 1}),
        (SimulationConfig, {"pileup": 1e9, "events": 1, "seed": 1}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_settings_that_would_fill_the_memory(kind, settings):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        kind(**settings)


# ------------------------------------------------------------------------------------ module maps


def open_map(small, n_modules: int, pairs: list[tuple[int, int]]) -> ModuleMapRecords:
    """A map whose doublets accept every pair of hits."""
    source, target = np.array(pairs).T
    ends = [(small.windows.of(name).min_int, small.windows.of(name).max_int) for name in WINDOWS]
    return ModuleMapRecords(
        doublet_start=np.searchsorted(source, np.arange(n_modules + 1)),
        doublet_target=target,
        doublet_windows=np.array([ends] * len(pairs)),
        triplet_start=np.zeros(len(pairs) + 1),
        triplet_outer=np.zeros(0),
        triplet_windows=np.zeros((0, 10, 2)),
    )


WINDOWS = ("z0", "dphi", "deta", "phi_slope")


def test_a_map_that_joins_every_hit_with_every_other(small, monkeypatch):
    n = 1000
    place = np.arange(1, 2 * n + 1)
    hits = HitRecords(*[place] * 4, place % 1000, place, np.array([0, n, 2 * n]))
    monkeypatch.setattr(module_map_numba, "MOST_CANDIDATES", 100_000)
    for build in (module_map_numba.build_candidates, build_candidates):
        with pytest.raises(CapacityError, match="too many candidates"):
            build(hits, open_map(small, 2, [(0, 1)]), small)


def test_a_map_with_a_doublet_for_every_hit(small):
    starts = np.r_[0, np.full(20_001, 20_000)]
    many = open_map(small, 20_001, [(0, i) for i in range(1, 20_001)])
    with pytest.raises(CapacityError, match="400000000 pairs of a hit and a doublet"):
        module_map_numba.require_few_queries(starts, many)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("doublets", "source", 1 << 30),
        ("doublets", "target", -1),
        ("triplets", "inner", -(1 << 31)),
        ("triplets", "outer", (1 << 31) - 1),
        ("doublets", "z0_high", (1 << 31) - 1),
    ],
)
def test_a_map_that_points_out_of_its_tables(place, small, table, column, value):
    folder = place / "run" / "module_map"
    file = folder / f"{table}.parquet"
    content = pq.read_table(file)
    values = content.column(column).to_numpy().copy()
    values[-1] = value
    at = content.column_names.index(column)
    file.write_bytes(parquet(content.set_column(at, column, pa.array(values))))
    manifest = json.loads((folder / "module_map.json").read_text())
    manifest["sha256"][table] = sha256_of(file)
    (folder / "module_map.json").write_text(json.dumps(manifest))
    refusal(load_module_map, folder, small)


# -------------------------------------------------------------------------------- vendors' reports

ENTITIES = "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{ENTITIES}]><x>&h;</x>', "document type"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "/etc/passwd">]><x>&a;</x>', "document type"),
        ('<!DOCTYPE x SYSTEM "http://localhost/x.dtd"><x/>', "document type"),
        ("<a>" * 100_000, "depth 65"),
        ("<a>" + "<b/>" * 2000 + "</a>", "element 1001"),
        ('<?xml version="1.0" encoding="no-such"?><x/>', "unknown encoding"),
        ("<profile/>", "no UserAssignments"),
    ],
    ids=lambda value: value[:25],
)
def test_xml(tmp_path, monkeypatch, text, found):
    monkeypatch.setattr(csynth, "_MOST_ELEMENTS", 1000)
    (tmp_path / "csynth.xml").write_text(text)
    assert found in refusal(read_csynth, tmp_path / "csynth.xml")


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e9", "nan", "\u0663"])
def test_a_number_that_no_tool_writes(tmp_path, number):
    data = Path(__file__).parents[1] / "reports" / "data"
    xml = (data / "csynth_2023.2.xml").read_text()
    lut = xml.index("<LUT>") + len("<LUT>")
    (tmp_path / "x.xml").write_text(xml[:lut] + number + xml[xml.index("</LUT>") :])
    refusal(read_csynth, tmp_path / "x.xml")


@pytest.mark.parametrize("read", [read_utilization, read_timing, read_kernel_clock, read_cosim])
def test_a_line_without_an_end(tmp_path, read):
    (tmp_path / "x.rpt").write_text("| Design Timing Summary\n" + "- " * 1_000_000)
    assert "a line of 2000000 characters" in refusal(read, tmp_path / "x.rpt")


# ----------------------------------------------------------------------------------- every reader

ROOT = Path(fpga_gnn.__file__).parent
OURS = {
    "contract/documents.py": "the home of YAML",
    "export/": "sources and projects that we wrote a moment ago",
    "files.py": "the home of reading",
    "flows/benchmark.py": "/proc/cpuinfo",
    "hw/": "logs and scratch files of programs that we ran",
    "report/page/html.py": "the page's own style and scripts",
}
"""Where files are read in another way, and what they are."""
READS = {"read_text", "read_bytes", "read_table", "safe_open", "load_file", "parse", "open"}
LOADS = {"yaml.load", "yaml.safe_load", "json.load", "np.loadtxt", "np.fromfile"}
FINE = {"EventStore.open", "cls.open", "gzip.open", "Reconstructor.open", "ast.parse"}


def test_files_are_read_within_limits():
    """Whoever adds a reader uses ``files.read_limited``, or says here why not."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in LOADS or (called.split(".")[-1] in READS and called not in FINE):
                    found.append(name)
    assert [name for name in found if not name.startswith(tuple(OURS))] == []
    assert [home for home in OURS if not any(name.startswith(home) for name in found)] == []


def test_valid_files_are_read(valid):
    for name, read_file in READERS.items():
        if (valid / name).exists() and not name.startswith(("card", "rtl")):
            read_file(valid / name)
