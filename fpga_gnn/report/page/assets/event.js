// The event display: one event in three views, drawn on canvases; hits are rows of typed arrays.
"use strict";
(() => {
  const data = document.getElementById("event-data");
  if (!data) return;
  const TYPES = {
    u1: Uint8Array, u2: Uint16Array, i2: Int16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array,
    i8: BigInt64Array,
  };
  const { step, score, columns } = JSON.parse(data.textContent);
  const column = (name) => {
    const { type, data: text } = columns[name];
    return new TYPES[type](Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  };
  const e = Object.fromEntries(Object.keys(columns).map((name) => [name, column(name)]));
  const nHits = e.x.length, nEdges = e.src.length, nTracks = e.trackMatched.length;
  const [x, y, z] = ["x", "y", "z"].map((a) => Float32Array.from(e[a], (v) => v * step[a]));
  const r = Float32Array.from(x, (v, i) => Math.hypot(v, y[i]));
  const element = (id) => document.getElementById(id);
  const probability = (s) => 1 / (1 + Math.exp(-s / 2 ** score.frac));

  // Edges by rising score, so that those above a cut are a tail, and the best are drawn last.
  const order = Uint32Array.from(e.src.keys()).sort((a, b) => e.score[a] - e.score[b] || a - b);
  const firstAbove = (cut) => {
    let low = 0, high = nEdges;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (e.score[order[middle]] > cut) high = middle; else low = middle + 1;
    }
    return low;
  };

  // Edges and track of each hit.
  const edgesAt = new Map();
  const edgesOf = (hit) => {
    if (!edgesAt.size) {
      for (let k = 0; k < nEdges; k++) {
        for (const end of [e.src[k], e.dst[k]]) {
          if (edgesAt.has(end)) edgesAt.get(end).push(k); else edgesAt.set(end, [k]);
        }
      }
    }
    return edgesAt.get(hit) ?? [];
  };
  const trackOf = new Int32Array(nHits).fill(-1);
  for (let t = 0; t < nTracks; t++) {
    for (let k = e.trackStart[t]; k < e.trackStart[t + 1]; k++) trackOf[e.trackHits[k]] = t;
  }
  const hitsOfTrack = (t) => [...e.trackHits.subarray(e.trackStart[t], e.trackStart[t + 1])];
  const trackClass = (t) => {
    const p = e.trackMatched[t];
    return p < 0 ? "fake" : e.target[p] ? "track" : "other";
  };
  const segmentsOf = (p) => {
    const found = [];
    for (let k = 0; k < e.inner.length; k++) {
      if (e.particle[e.inner[k]] === p) found.push([e.inner[k], e.outer[k]]);
    }
    return found;
  };

  const styles = getComputedStyle(document.documentElement);
  const colourOf = (name) => styles.getPropertyValue(`--${name}`).trim();
  const RAMP = ["#f3d9b1", "#e8cfa6", "#d3d0a8", "#b4cdae", "#8fc3b4", "#68b3b9", "#469dba", "#2c82b3",
    "#1c64a3", "#173f86"];
  const MOST_MOVING = 30000; // edges drawn while a view moves
  const TRUTH = [colourOf("fake"), "#0b5cad", "#9aa5b0"];
  document.querySelector(".ramp i").style.background = `linear-gradient(90deg, ${RAMP.join()})`;

  const state = { cut: score.cut, focus: null };
  const option = (id) => element(id).checked;

  class View {
    constructor(name, horizontal, vertical, square) {
      this.box = element(`view-${name}`);
      this.layers = [...this.box.querySelectorAll("canvas")].map((canvas) => canvas.getContext("2d"));
      this.square = square;
      this.turns = name === "turn";
      [this.u, this.v] = [horizontal, vertical];
      [this.px, this.py] = [new Float32Array(nHits), new Float32Array(nHits)];
      if (this.turns) this.turn(1.0, 0.4);
      this.listen();
    }

    turn(yaw, pitch) {
      [this.yaw, this.pitch] = [yaw, Math.max(-1.57, Math.min(1.57, pitch))];
      const [c, s, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
      this.u = Float32Array.from(z, (v, i) => c * v + s * x[i]);
      this.v = Float32Array.from(y, (v, i) => cp * v - sp * (c * x[i] - s * z[i]));
    }

    fit(hits) {
      let [u0, u1, v0, v1] = [Infinity, -Infinity, Infinity, -Infinity];
      for (const i of hits ?? this.u.keys()) {
        u0 = Math.min(u0, this.u[i]); u1 = Math.max(u1, this.u[i]);
        v0 = Math.min(v0, this.v[i]); v1 = Math.max(v1, this.v[i]);
      }
      if (!(u1 >= u0)) [u0, u1, v0, v1] = [-1, 1, -1, 1];
      const margin = hits ? 1.5 : 1.06;
      [this.cu, this.cv] = [(u0 + u1) / 2, (v0 + v1) / 2];
      this.su = this.box.clientWidth / (margin * Math.max(u1 - u0, 1));
      this.sv = this.box.clientHeight / (margin * Math.max(v1 - v0, 1));
      if (this.square) this.su = this.sv = Math.min(this.su, this.sv);
    }

    // Where each hit is on the screen.
    project() {
      const { u, v, cu, cv, su, sv, px, py } = this;
      const [w, h] = [this.box.clientWidth / 2, this.box.clientHeight / 2];
      for (let i = 0; i < nHits; i++) {
        px[i] = (u[i] - cu) * su + w;
        py[i] = h - (v[i] - cv) * sv;
      }
    }

    prepare(layer) {
      const context = this.layers[layer], ratio = window.devicePixelRatio || 1;
      const [w, h] = [this.box.clientWidth, this.box.clientHeight];
      const size = [Math.round(w * ratio), Math.round(h * ratio)];
      if (context.canvas.width !== size[0] || context.canvas.height !== size[1]) {
        [context.canvas.width, context.canvas.height] = size;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, w, h);
      return [context, w, h];
    }

    // Lines between hits 0 and 1, 2 and 3, ..; those entirely on one side of the view are left out.
    lines(context, w, h, ends) {
      const { px, py } = this;
      context.beginPath();
      for (let k = 0; k < ends.length; k += 2) {
        const ax = px[ends[k]], ay = py[ends[k]], bx = px[ends[k + 1]], by = py[ends[k + 1]];
        if ((ax < 0 && bx < 0) || (ay < 0 && by < 0) || (ax > w && bx > w) || (ay > h && by > h)) continue;
        context.moveTo(ax, ay);
        context.lineTo(bx, by);
      }
      context.stroke();
    }

    draw(moving) {
      const [context, w, h] = this.prepare(0);
      this.project();
      if (!this.turns) this.grid(context, w, h);
      if (option("show-edges")) this.edges(context, w, h, moving);
      context.globalAlpha = 1;
      const dashed = { truth: [5, 4], missed: [6, 3] };
      for (const [name, width, ends] of layersShown()) {
        [context.strokeStyle, context.lineWidth] = [colourOf(name), width];
        context.setLineDash(dashed[name] ?? []);
        this.lines(context, w, h, ends);
      }
      context.setLineDash([]);
      if (option("show-hits")) this.hits(context, w, h);
      this.overlay();
    }

    edges(context, w, h, moving) {
      const every = moving ? Math.ceil(state.shown.length / MOST_MOVING) : 1;
      context.globalAlpha = 0.75;
      context.lineWidth = 0.9;
      for (const [colour, ends] of state.classes) {
        context.strokeStyle = colour;
        this.lines(context, w, h, every > 1 ? thinned(ends, every) : ends);
      }
    }

    hits(context, w, h) {
      const size = Math.min(4, Math.max(1, 0.35 * Math.sqrt(this.su * this.sv)));
      context.fillStyle = "#39434d";
      for (let i = 0; i < nHits; i++) {
        const a = this.px[i], b = this.py[i];
        if (a > 0 && a < w && b > 0 && b < h) context.fillRect(a - size / 2, b - size / 2, size, size);
      }
    }

    grid(context, w, h) {
      context.font = "11px system-ui, sans-serif";
      context.lineWidth = 1;
      for (const [scale, centre, length, across] of [[this.su, this.cu, w, h], [this.sv, this.cv, h, w]]) {
        const upright = across === h && scale === this.su;
        const rough = 90 / scale, power = 10 ** Math.floor(Math.log10(rough));
        const tick = [1, 2, 5, 10].map((m) => m * power).find((t) => t >= rough);
        const half = length / 2 / scale;
        for (let t = Math.ceil((centre - half) / tick) * tick; t < centre + half; t += tick) {
          const at = Math.round(length / 2 + (upright ? 1 : -1) * (t - centre) * scale) + 0.5;
          context.strokeStyle = "#eef1f4";
          context.beginPath();
          context.moveTo(upright ? at : 0, upright ? 0 : at);
          context.lineTo(upright ? at : w, upright ? h : at);
          context.stroke();
          context.fillStyle = "#52606d";
          context.fillText(`${+t.toPrecision(6)}`, upright ? at + 3 : 3, upright ? h - 4 : at - 3);
        }
      }
    }

    overlay() {
      const [context, w, h] = this.prepare(1), focus = state.focus;
      if (!focus) return;
      for (const [ends, colour, dash, width] of focus.lines) {
        [context.strokeStyle, context.lineWidth] = [colour, width];
        context.setLineDash(dash);
        this.lines(context, w, h, ends);
      }
      context.setLineDash([]);
      context.strokeStyle = "black";
      context.lineWidth = 1.5;
      for (const i of focus.hits) {
        context.beginPath();
        context.arc(this.px[i], this.py[i], 5, 0, 7);
        context.stroke();
      }
    }

    nearest(a, b) {
      let [best, distance] = [-1, 64];
      for (let i = 0; i < nHits; i++) {
        const d = (this.px[i] - a) ** 2 + (this.py[i] - b) ** 2;
        if (d < distance) [best, distance] = [i, d];
      }
      return best;
    }

    zoom(factor, a, b) {
      const [du, dv] = [(a - this.box.clientWidth / 2), (this.box.clientHeight / 2 - b)];
      this.cu += (du / this.su) * (1 - 1 / factor);
      this.cv += (dv / this.sv) * (1 - 1 / factor);
      this.su *= factor;
      this.sv *= factor;
    }

    move(dx, dy) {
      if (this.turns) {
        this.turn(this.yaw + dx / 150, this.pitch + dy / 150);
      } else {
        this.cu -= dx / this.su;
        this.cv += dy / this.sv;
      }
    }

    listen() {
      let last = null;
      const box = this.box;
      box.addEventListener("pointerdown", (event) => {
        last = [event.clientX, event.clientY];
        box.setPointerCapture(event.pointerId);
      });
      box.addEventListener("pointerup", () => { last = null; });
      box.addEventListener("pointermove", (event) => {
        if (last) {
          this.move(event.clientX - last[0], event.clientY - last[1]);
          last = [event.clientX, event.clientY];
          redraw([this], true);
        } else {
          const rectangle = box.getBoundingClientRect();
          const hit = this.nearest(event.clientX - rectangle.left, event.clientY - rectangle.top);
          if (hit >= 0) showHit(hit);
        }
      });
      box.addEventListener("wheel", (event) => {
        event.preventDefault();
        const rectangle = box.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY / 500), event.clientX - rectangle.left, event.clientY - rectangle.top);
        redraw([this], true);
      }, { passive: false });
      box.addEventListener("dblclick", () => { this.fit(); redraw([this]); });
      box.addEventListener("keydown", (event) => {
        const moves = { ArrowLeft: [30, 0], ArrowRight: [-30, 0], ArrowUp: [0, 30], ArrowDown: [0, -30] };
        const zooms = { "+": 1.25, "-": 0.8 };
        if (moves[event.key]) this.move(...moves[event.key]);
        else if (zooms[event.key]) this.zoom(zooms[event.key], box.clientWidth / 2, box.clientHeight / 2);
        else return;
        event.preventDefault();
        redraw([this], true);
      });
    }
  }

  const trackEnds = (t) => hitsOfTrack(t).slice(1).flatMap((hit, k) => [e.trackHits[e.trackStart[t] + k], hit]);
  const ends = { track: [], other: [], fake: [], truth: [], missed: [] };
  for (let t = 0; t < nTracks; t++) ends[trackClass(t)].push(...trackEnds(t));
  e.inner.forEach((hit, k) => ends[e.found[e.particle[hit]] ? "truth" : "missed"].push(hit, e.outer[k]));

  function layersShown() {
    return [
      ["other", 1.1, "show-others"], ["track", 1.4, "show-tracks"], ["fake", 1.8, "show-fakes"],
      ["truth", 1.2, "show-truth"], ["missed", 2, "show-missed"],
    ].filter(([, , id]) => option(id)).map(([name, width]) => [name, width, ends[name]]);
  }

  // The edges shown, by colour.
  function classesOf(edges) {
    const byScore = element("edge-colour").value === "score", colours = byScore ? RAMP : TRUTH;
    const classes = colours.map((colour) => [colour, []]);
    for (const k of edges) {
      const which = byScore ? Math.min(9, Math.floor(10 * probability(e.score[k]))) : e.truth[k];
      classes[which][1].push(e.src[k], e.dst[k]);
    }
    return classes;
  }
  const thinned = (all, every) => all.filter((_, k) => (k >> 1) % every === 0);

  const views = [
    new View("xy", x, y, true), new View("turn", null, null, true), new View("rz", z, r, false),
  ];
  const waiting = new Map();
  let settle = 0;
  function redraw(some = views, moving = false) {
    if (!waiting.size) {
      requestAnimationFrame(() => {
        for (const [view, fast] of waiting) view.draw(fast);
        waiting.clear();
      });
    }
    for (const view of some) waiting.set(view, moving);
    clearTimeout(settle);
    if (moving) settle = setTimeout(() => redraw(some), 200);
  }

  function choose() {
    state.cut = +element("cut").value;
    const truth = element("edge-truth").value;
    const above = order.subarray(firstAbove(state.cut));
    state.shown = truth === "all" ? above : above.filter((edge) => e.truth[edge] === +truth);
    state.classes = classesOf(state.shown);
    const count = option("show-edges") ? state.shown.length : 0;
    element("cut-text").textContent = `${(state.cut / 2 ** score.frac).toFixed(2)} (p > ${probability(state.cut).toFixed(3)})`;
    element("edge-count").textContent = `${count.toLocaleString("en")} of ${nEdges.toLocaleString("en")} edges`;
    element("edge-count").dataset.drawn = count;
    redraw();
  }

  function tell(rows) {
    element("event-info").replaceChildren(...rows.flatMap(([name, text]) => {
      const [term, description] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, description.textContent] = [name, text];
      return [term, description];
    }));
  }

  const particleText = (p) => (p < 0 ? "none (noise)" : `${e.particleId[p]}, pdg ${e.pdgId[p]}, `
    + `pT ${e.pt[p].toFixed(2)} GeV, eta ${e.eta[p].toFixed(2)}`
    + (e.target[p] ? (e.found[p] ? ", target, found" : ", target, missed") : ", no target"));
  const trackText = (t) => (t < 0 ? "none" : `${t}: ${e.trackStart[t + 1] - e.trackStart[t]} hits, `
    + (e.trackMatched[t] < 0 ? "fake" : `of particle ${e.particleId[e.trackMatched[t]]}`));
  const segmentText = (segments) => {
    const edges = segments.map(([a, b]) => edgesOf(a).find((k) => e.src[k] === a && e.dst[k] === b));
    const known = edges.filter((k) => k !== undefined);
    const kept = known.filter((k) => e.score[k] > score.cut);
    return `${segments.length} segments, ${known.length} of them edges, ${kept.length} above the working point`;
  };

  function focusOn(hits, particle, track) {
    const segments = particle >= 0 ? segmentsOf(particle) : [];
    state.focus = {
      hits,
      lines: [
        [track >= 0 ? trackEnds(track) : [], colourOf(track >= 0 ? trackClass(track) : "track"), [], 3],
        [segments.flat(), colourOf("missed"), [6, 3], 2],
      ],
    };
    for (const view of views) view.overlay();
    return segments;
  }

  function showHit(hit) {
    const particle = e.particle[hit], track = trackOf[hit];
    const segments = focusOn([hit], particle, track);
    const scores = edgesOf(hit).filter((k) => e.score[k] > state.cut)
      .sort((a, b) => e.score[b] - e.score[a]).slice(0, 8)
      .map((k) => `${e.dst[k] === hit ? "in" : "out"} ${probability(e.score[k]).toFixed(3)}`);
    tell([
      ["hit", `${e.hitId[hit]} at x ${x[hit].toFixed(1)}, y ${y[hit].toFixed(1)}, z ${z[hit].toFixed(1)} mm, `
        + `r ${r[hit].toFixed(1)} mm`],
      ["sensor", `volume ${e.volume[hit]}, layer ${e.layer[hit]}, module ${e.module[hit]}`],
      ["particle", particleText(particle)],
      ...(segments.length ? [["truth", segmentText(segments)]] : []),
      ["track", trackText(track)],
      ["edges, best p", scores.join(", ") || "none above the cut"],
    ]);
  }

  function goTo(value) {
    const [kind, index] = [value[0], +value.slice(1)];
    let hits, rows;
    if (kind === "p") {
      const segments = focusOn([], index, -1);
      hits = [...new Set(segments.flat())];
      rows = [["missed target", particleText(index)], ["truth", segmentText(segments)]];
    } else {
      hits = hitsOfTrack(index);
      focusOn([], -1, index);
      const owners = new Map();
      for (const hit of hits) owners.set(e.particle[hit], (owners.get(e.particle[hit]) ?? 0) + 1);
      rows = [["fake track", trackText(index)],
        ...[...owners].map(([p, n]) => [`${n} hits of`, particleText(p)])];
    }
    state.focus.hits = hits;
    for (const view of views) view.fit(hits);
    tell(rows);
    redraw();
  }

  function listPlaces() {
    const group = (title, places) => {
      const list = document.createElement("optgroup");
      list.label = `${title} (${places.length})`;
      list.append(...places.map(([value, text]) => new Option(text, value)));
      element("go-to").append(list);
    };
    const missed = [...e.target.keys()].filter((p) => e.target[p] && !e.found[p]).sort((a, b) => e.pt[b] - e.pt[a]);
    group("missed targets", missed.map((p) => [`p${p}`, `pT ${e.pt[p].toFixed(2)} GeV, eta ${e.eta[p].toFixed(2)}`]));
    const fakes = [...e.trackMatched.keys()].filter((t) => e.trackMatched[t] < 0);
    group("fake tracks", fakes.map((t) => [`t${t}`, `track ${t}, ${hitsOfTrack(t).length} hits`]));
  }

  const slider = element("cut");
  [slider.min, slider.max, slider.value] = [score.min - 1, score.max, score.cut];
  slider.addEventListener("input", choose);
  for (const input of element("display").querySelectorAll("input[type=checkbox], #edge-colour, #edge-truth")) {
    input.addEventListener("change", choose);
  }
  element("working-point").addEventListener("click", () => { slider.value = score.cut; choose(); });
  element("go-to").addEventListener("change", (event) => { if (event.target.value) goTo(event.target.value); });
  const startOver = () => {
    state.focus = null;
    element("go-to").value = "";
    tell([["pointer", "point at a hit"]]);
    for (const view of views) view.fit();
    redraw();
  };
  element("start-over").addEventListener("click", startOver);
  window.addEventListener("resize", () => redraw());
  listPlaces();
  startOver();
  choose();
})();
