"""The page in a browser without a network: it draws, it reacts, and nothing on it is obeyed."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from fpga_gnn.report.page.blocks import Picture

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars"),
    *("--enable-logging=stderr", "--virtual-time-budget=30000", "--window-size=1300,1900"),
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (apt install chromium)")

LISTEN = """
<script>
// The virtual clock of --dump-dom does not wait for frames, but for timers.
window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 16);
const problems = [];
addEventListener("error", (e) => problems.push(`error: ${e.message}`));
addEventListener("unhandledrejection", (e) => problems.push(`rejection: ${e.reason}`));
addEventListener("securitypolicyviolation", (e) => problems.push(`csp: ${e.blockedURI}`));
</script>
"""
DRIVE = """
<script>
const found = {};
const frames = () => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
const element = (id) => document.getElementById(id);
const drawn = () => +element("edge-count").dataset.drawn;
const set = (id, value) => {
  const input = element(id);
  if (input.type === "checkbox") input.checked = value; else input.value = value;
  for (const name of ["input", "change"]) input.dispatchEvent(new Event(name, { bubbles: true }));
};
const inks = (layer) => [...document.querySelectorAll(".canvases")].map((box) => {
  const { width, height } = box.children[layer];
  const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  [copy.canvas.width, copy.canvas.height] = [width, height];
  copy.drawImage(box.children[layer], 0, 0);
  const pixels = copy.getImageData(0, 0, width, height).data;
  let ink = 0;
  for (let i = 3; i < pixels.length; i += 4) ink += pixels[i] > 0;
  return ink;
});
const info = () => element("event-info").textContent;
async function drive() {
  await frames();
  found.working_point = drawn();
  found.ink = inks(0);
  for (const cut of ["min", "max"]) {
    set("cut", element("cut")[cut]);
    await frames();
    found[`drawn_${cut}`] = drawn();
    found[`ink_${cut}`] = inks(0);
  }
  element("working-point").click();
  found.back = drawn();
  for (const truth of ["0", "1", "2"]) {
    set("edge-truth", truth);
    found[`truth_${truth}`] = drawn();
  }
  set("edge-truth", "all");
  for (const box of ["show-edges", "show-hits", "show-fakes", "show-missed"]) set(box, false);
  await frames();
  found.ink_nothing = inks(0);
  for (const name of ["tracks", "truth", "missed", "fakes", "others", "hits"]) {
    set(`show-${name}`, true);
    await frames();
    found[`ink_${name}`] = inks(0);
    set(`show-${name}`, false);
  }
  const box = element("view-xy"), corner = box.getBoundingClientRect();
  for (let step = 0; step < 400 && !info().includes("sensor"); step++) {
    box.dispatchEvent(new PointerEvent("pointermove", {
      clientX: corner.left + step * corner.width / 400, clientY: corner.top + corner.height / 2,
    }));
  }
  found.hover = info();
  found.overlay = inks(1);
  const places = [...element("go-to").querySelectorAll("option")].filter((o) => o.value);
  found.places = places.map((o) => o.value);
  set("go-to", places[0].value);
  await frames();
  found.place = info();
  set("show-hits", true);
  await frames();
  for (const name of ["xy", "turn", "rz"]) {
    const picture = () => element(`view-${name}`).children[0].toDataURL();
    const before = picture();
    element(`view-${name}`).dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    await frames();
    found[`moves_${name}`] = picture() !== before;
  }
  found.plots = [...document.querySelectorAll("figure.plot")].map((figure) => [
    figure.querySelector(".plotly").id,
    figure.querySelectorAll(".points path, .point, .js-line").length,
  ]);
  found.links = [...document.querySelectorAll("a")].map((a) => a.getAttribute("href"));
  found.linksInPlots = document.querySelectorAll(".plotly a[*|href]:not([data-title])").length;
  found.sections = [...document.querySelectorAll("h2")].map((h) => h.textContent);
  found.hacked = typeof hacked !== "undefined";
  found.images = document.images.length;
  found.requests = performance.getEntriesByType("resource").length;
  found.text = document.body.innerText;
}
drive().catch((e) => problems.push(`${e.stack}`)).finally(() => {
  const result = document.createElement("pre");
  result.id = "found";
  result.textContent = btoa(unescape(encodeURIComponent(JSON.stringify({ ...found, problems }))));
  document.body.append(result);
});
</script>
"""


def chromium(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def event(written):
    page, _, _ = written
    blocks = (block for section in page.sections for block in section.blocks)
    return next(block.event for block in blocks if isinstance(block, Picture))


@pytest.fixture(scope="module")
def found(written, tmp_path_factory):
    """What a visitor finds who tries everything on the page."""
    folder = tmp_path_factory.mktemp("browser")
    html = written[2].read_text()
    head, title, rest = html.partition("<title>")
    body, end, _ = rest.rpartition("</body>")
    (folder / "driven.html").write_text(f"{head}{LISTEN}{title}{body}{DRIVE}{end}")
    done = chromium(folder / "driven.html", folder / "profile", "--dump-dom")
    (result,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout)
    return json.loads(base64.b64decode(result))


def test_no_error_no_request_and_no_hostile_name_is_obeyed(found):
    assert found["problems"] == []
    assert not found["hacked"]
    assert (found["images"], found["requests"], found["linksInPlots"]) == (0, 0, 0)
    assert [link for link in found["links"] if not link or link[0] != "#"] == []
    assert "{{ 7 * 7 }}" in found["text"]


def test_all_sections_are_there(found):
    assert found["sections"] == [
        *("Pipeline", "Event display", "Physics", "Quantization", "Verification ladder"),
        *("FPGA resources", "Throughput", "Provenance"),
    ]


def test_the_slider_changes_the_edges_drawn(found, event):
    assert found["working_point"] == found["back"] == event.n_kept
    assert found["drawn_min"] == event.edges.score.size > event.n_kept > found["drawn_max"] == 0
    inks = zip(found["ink_min"], found["ink"], found["ink_max"], strict=True)
    assert all(more > some > none for more, some, none in inks)


def test_edges_of_one_truth_are_drawn_alone(found, event):
    kept = event.edges.truth[event.edges.score > event.edges.cut]
    assert [found[f"truth_{truth}"] for truth in range(3)] == np.bincount(
        kept, minlength=3
    ).tolist()


def test_hits_tracks_and_truth_are_drawn_when_asked_for(found, event):
    nothing = found["ink_nothing"]
    missed = event.particles.target & ~event.particles.found
    shown = {"tracks": True, "truth": True, "hits": True, "others": True}
    shown |= {"missed": bool(missed.any()), "fakes": bool((event.tracks.matched < 0).any())}
    for name, there in shown.items():
        inks = zip(found[f"ink_{name}"], nothing, strict=True)
        assert [more > none for more, none in inks] == [there] * 3, name


def test_pointing_at_a_hit_shows_it(found):
    assert re.search(r"hit\d+ at x .*sensorvolume \d+, layer \d+, module \d+", found["hover"])
    assert all(ink > 0 for ink in found["overlay"])


def test_missed_targets_and_fakes_can_be_gone_to(found, event):
    missed = np.flatnonzero(event.particles.target & ~event.particles.found)
    fakes = np.flatnonzero(event.tracks.matched < 0)
    assert sorted(found["places"]) == sorted(
        [*(f"p{p}" for p in missed), *(f"t{t}" for t in fakes)]
    )
    assert ("missed target" if missed.size else "fake track") in found["place"]
    assert all(found[f"moves_{name}"] for name in ("xy", "turn", "rz"))


def test_every_plot_is_drawn(found):
    names = [name.removeprefix("plot-") for name, _ in found["plots"]]
    assert names == [*("by_pt0", "by_eta0", "edges0", "scores", "pareto0", "resources", "times0")]
    assert all(points > 0 for _, points in found["plots"]), found["plots"]


def test_the_screenshot_is_a_picture(written, tmp_path):
    picture = tmp_path / "page.png"
    chromium(written[2], tmp_path / "profile", f"--screenshot={picture}")
    pixels = np.round(255 * matplotlib.image.imread(picture)[..., :3]).astype(np.int64)
    assert pixels.shape == (1900, 1300, 3)
    colours, counts = np.unique(pixels.reshape(-1, 3) @ [65536, 256, 1], return_counts=True)
    assert colours.size > 1000
    assert 0.2 < counts.max() / counts.sum() < 0.95
