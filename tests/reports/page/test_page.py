"""What is on the page: figures of the reports, the event as the pipeline sees it, safe HTML."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows import report as flow
from fpga_gnn.flows.event_display import event_display
from fpga_gnn.hw.boards import load_board
from fpga_gnn.report.evaluation import load_evaluation
from fpga_gnn.report.page.blocks import Picture, Pipeline, Plot, Table
from fpga_gnn.report.page.event import FAKE, OTHER, TARGET
from fpga_gnn.report.page.html import render
from fpga_gnn.report.page.physics import physics
from fpga_gnn.training.run import default_run, load_run


def blocks(page, kind):
    return [block for section in page.sections for block in section.blocks if type(block) is kind]


def table(page, caption):
    (found,) = (b for b in blocks(page, Table) if b.caption.startswith(caption))
    return found


def plot(page, name):
    (found,) = (b for b in blocks(page, Plot) if b.name == name)
    return found


def test_headlines_are_those_of_the_reports(written):
    efficiency, compared, share, rate = written[0].tiles
    assert efficiency.value == "91.00 %"
    beside = "91.00 +1.00 -2.00 in 2 events, CKF 92.00 % on the same; fakes 5.00 %"
    assert efficiency.detail == beside
    assert (compared.value, compared.detail) == ("0 differ", "of 123,461 values on 2 rungs")
    assert (share.value, share.label) == (f"{(4 * 160 + 400) / (4 * 320):.1%}", "yosys")
    assert "URAM" in share.detail
    assert (rate.value, rate.label) == ("100 events/s", "rtl-sim")


def test_headlines_without_reports_are_no_invention(bare):
    efficiency, compared, share, rate = bare[0].tiles
    assert "validation events" in efficiency.detail
    assert (compared.value, rate.value) == ("-", "-")
    assert share.label == "estimate"


def test_curves_have_the_ckf_once_and_points_with_intervals(written):
    figure = plot(written[0], "by_pt0").figure
    names = [trace["name"] for trace in figure["data"]]
    assert names == ["student, cc-jr", "CKF", "teacher, cc-jr", "student, cc", "teacher, cc"]
    assert [trace["visible"] for trace in figure["data"]] == [True] * 3 + ["legendonly"] * 2
    trace = figure["data"][0]
    assert trace["y"] == [90, 90, None]
    assert trace["error_y"]["array"] == [5, 5, None]
    assert trace["error_y"]["arrayminus"] == [10, 10, None]
    assert [1 < x < 2 for x in trace["x"]] == [True, False, False]
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert "type" not in plot(written[0], "by_eta0").figure["layout"]["xaxis"]


def test_no_evaluation_hides_another(subject, reports, bare):
    student = load_evaluation(reports / "evaluation.json")
    again = student.model_copy(update={"version": "another"})
    elsewhere = student.model_copy(
        update={"sample": student.sample.model_copy(update={"event_ids": (3,)})}
    )
    event = blocks(bare[0], Picture)[0].event
    section = physics(subject, [student, again, elsewhere], event)
    plotted = {block.name: block.figure for block in section.blocks if isinstance(block, Plot)}
    names = [trace["name"] for trace in plotted["by_pt0"]["data"]]
    assert names == [
        "student, cc-jr",
        "CKF",
        "student (2), cc-jr",
        "student, cc",
        "student (2), cc",
    ]
    assert [trace["name"] for trace in plotted["by_pt1"]["data"]][:2] == ["student, cc-jr", "CKF"]
    rates = [b for b in section.blocks if isinstance(b, Table) and b.caption.startswith("Track b")]
    assert [len(table.rows) for table in rates] == [5, 3]


def test_the_pareto_front_is_that_of_the_sweep(written):
    dominated, front = plot(written[0], "pareto0").figure["data"]
    assert dominated["text"] == ["bad"]
    assert front["x"] == [4000, 9000]
    assert front["y"] == [80, 96]
    assert front["text"][1] == "w8"
    assert "<" not in front["text"][0]


def test_kernels_share_the_board_and_one_that_is_too_large_is_named(written):
    title = "of one SLR: w8 on u250 (xcu250-figd2104-2L-e) [yosys]"
    found = table(written[0], f"One copy of each kernel, {title}")
    assert found.head[:2] == ("kernel", "copies")
    assert [(row[0], row[1], row[2], row[-2]) for row in found.rows] == [
        ("edge_classifier", "4", "58.0%", "50.0%"),
        ("module_map", "1", "0.0%", "125.0%"),
    ]
    filled = {
        trace["name"]: dict(zip(trace["y"], trace["x"], strict=True))
        for trace in plot(written[0], "resources").figure["data"]
    }
    assert filled["edge_classifier"]["URAM"] == pytest.approx(4 * 160 / 320)
    assert found.note.endswith("Larger than an SLR, so to be spread: module_map.")
    placed = table(written[0], "Placed [vivado]")
    assert [(row[0], row[1]) for row in placed.rows] == [("SLR0", "4,321"), ("SLR1", "9,876")]
    others = table(written[0], "Other figures")
    assert [row[0] for row in others.rows if row[3] == "yosys"] == []


def test_the_pipeline_shows_what_was_compared(written):
    (picture,) = blocks(written[0], Pipeline)
    checks = {stage.title: [c.names for c in stage.checks] for stage in picture.stages}
    assert checks["edge classifier"] == ["student == QONNX"]
    assert checks["module map"] == []


def test_the_event_is_what_the_pipeline_makes_of_it(bare):
    event = blocks(bare[0], Picture)[0].event
    run = load_run(default_run())
    read = sample_store().read(event.event_id)
    assert event.hits.hit_id.tolist() == read.hits.hit_id.tolist()
    points = run.builder("cc-jr")
    n_nodes = event.hits.x.size
    assert points.cut == event.edges.cut
    assert ((event.edges.src >= 0) & (event.edges.src < n_nodes)).all()
    owner = event.particles.particle_id[event.hits.particle]
    same = owner[event.edges.src] == owner[event.edges.dst]
    linked = (event.hits.particle >= 0)[event.edges.src]
    assert ((event.edges.truth != FAKE) == (same & linked)).all()
    target = event.particles.target[event.hits.particle[event.edges.src]]
    assert (target[event.edges.truth == TARGET]).all()
    assert {FAKE, TARGET, OTHER} >= set(event.edges.truth.tolist())
    radius = np.hypot(np.hypot(event.hits.x, event.hits.y), event.hits.z)[event.tracks.hits]
    inside = np.repeat(np.arange(event.tracks.matched.size), np.diff(event.tracks.start))
    assert (np.diff(radius)[np.diff(inside) == 0] >= 0).all()
    for t in range(0, event.tracks.matched.size, 50):
        hits = event.tracks.hits[event.tracks.start[t] : event.tracks.start[t + 1]]
        counts = np.bincount(event.hits.particle[hits] + 1, minlength=2)[1:]
        best = counts.argmax() if 2 * counts.max() > hits.size else -1
        assert event.tracks.matched[t] == best
    found = np.unique(event.tracks.matched[event.tracks.matched >= 0])
    assert np.flatnonzero(event.particles.found).tolist() == found.tolist()


def test_the_event_is_packed_without_loss(bare):
    event = blocks(bare[0], Picture)[0].event
    packed = json.loads(json.dumps(event.packed()))

    def column(name):
        entry = packed["columns"][name]
        return np.frombuffer(base64.b64decode(entry["data"]), dtype=f"<{entry['type']}")

    for name, expected in (
        ("hitId", event.hits.hit_id),
        ("module", event.hits.module),
        ("src", event.edges.src),
        ("score", event.edges.score),
        ("trackMatched", event.tracks.matched),
        ("particleId", event.particles.particle_id),
        ("outer", event.particles.outer),
    ):
        assert column(name).tolist() == expected.tolist()
    for axis in "xyz":
        exact = getattr(event.hits, axis)
        off = np.abs(column(axis) * packed["step"][axis] - exact).max()
        assert off <= packed["step"][axis] / 2 + 1e-9 < 0.03
    assert packed["score"]["cut"] == event.edges.cut


def test_a_builder_with_several_cuts_is_shown_at_even_odds():
    run = load_run(default_run())
    display = event_display(run, sample_store().read(3), "dwalk", "somewhere")
    assert display.tracks.builder == "dwalk"
    assert display.edges.cut == run.grid.cut(0.5)


def test_an_event_that_the_model_comes_from_says_so(bare, monkeypatch, tmp_path):
    assert "held out" in blocks(bare[0], Picture)[0].event.sample
    monkeypatch.setattr(flow, "held_out_ids", lambda run, store: ())
    store, board = sample_store(), load_board("u250")
    page, _ = flow.write_page(default_run(), [], store, None, "cc", board, tmp_path / "x.html")
    shown = blocks(page, Picture)[0].event
    assert shown.event_id == 0
    assert shown.sample == "the shipped events (which the model comes from)"


def test_an_event_without_an_edge_is_shown_too():
    event = sample_store().read(0)
    three = event.select_hits(np.arange(len(event.hits)) < 3)
    display = event_display(load_run(default_run()), three, "cc-jr", "somewhere")
    assert (display.hits.x.size, display.n_kept, display.tracks.matched.size) == (3, 0, 0)
    assert display.packed()["columns"]["src"]["data"] == ""


class Tags(HTMLParser):
    """Elements and attributes as a browser reads them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]


def test_no_name_becomes_html(written):
    html = written[2].read_text()
    assert "hacked=1" in html
    tags = Tags(html)
    assert {"img", "iframe", "link", "object", "embed", "form"}.isdisjoint(tags.tags)
    assert [name for name in tags.attributes if name.startswith("on")] == []
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL):
        json.loads(text)


def test_equal_pages_give_equal_html(written):
    assert render(written[0]) == render(written[0]) == written[2].read_text()
