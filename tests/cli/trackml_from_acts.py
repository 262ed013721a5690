"""Make events in the CSV format of the TrackML challenge, with ACTS and nothing of ours.

    python trackml_from_acts.py generic|telescope FOLDER

``generic``: ACTS' own sequencer simulates 300 pions of 1 to 20 GeV from 150 vertices in the Generic
Detector (Fatras, geometric digitization: hits are clusters of cells) and writes its CSV files; this
program translates them into ``event000000123-{hits,truth,particles,cells}.csv.gz``. As in the
challenge, floats have six digits, 5 % of the hits are noise, and particle ids are bit patterns.

``telescope``: 15 events from 1000 on, each of 100 pions from 100 vertices in twelve planes across
the beam, ahead of the collision: one volume, no barrel. Its files are plain, rows of truth and
particles come in any order, blank lines end them, and ``detectors.csv`` lies beside.
"""

import csv
import gzip
import json
import shutil
import sys
import tempfile
from pathlib import Path

import acts
import numpy as np
from acts import examples
from acts.examples import simulation

PLANES_MM = [60.0 + 40.0 * plane for plane in range(12)]
SENSORS = {
    (7, 8, 9): ((8.4, 0.05), (36.0, 0.05)),
    (12, 14): ((40.0, 0.08), (78.0, 1.2)),
    (13,): ((24.0, 0.08), (54.0, 1.2)),
    (16, 18): ((72.0, 0.12), (78.0, 10.8)),
    (17,): ((24.0, 0.12), (54.0, 10.8)),
}
"""Half width of the sensors and pitch in mm, along local x and y, by volume."""

HITS = "hit_id,x,y,z,volume_id,layer_id,module_id"
TRUTH = "hit_id,particle_id,tx,ty,tz,tpx,tpy,tpz,weight"
PARTICLES = "particle_id,vx,vy,vz,px,py,pz,q,nhits"
CELLS = "hit_id,ch0,ch1,value"


def main(name, out):
    """Simulate the events of detector ``name`` and write their tables into ``out``."""
    telescope = name == "telescope"
    events = range(1000, 1015) if telescope else (123,)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        simulate(folder, telescope, events)
        for event in events:
            tables = translate(folder, event, half_width=200.0 if telescope else 5.0)
            for kind, (header, rows) in tables.items():
                stem = f"event{event:09d}-{kind}.csv"
                if telescope and kind in ("truth", "particles"):
                    np.random.default_rng(event).shuffle(rows)
                lines = [header, *(",".join(map(text, row)) for row in rows)]
                if telescope:
                    (out / stem).write_text("\n".join(lines) + "\n\n\n")
                else:
                    with gzip.open(out / f"{stem}.gz", "wt") as file:
                        file.write("\n".join(lines) + "\n")
        if telescope:
            shutil.copy(folder / "detectors.csv", out)


def simulate(folder, telescope, events):
    """Let ACTS simulate ``events`` and write its CSV files into ``folder``."""
    unit, level = acts.UnitConstants, acts.logging.FATAL
    flat = [0.0] * len(PLANES_MM)
    detector = (
        examples.TelescopeDetector(
            bounds=[250.0, 250.0],
            positions=PLANES_MM,
            stereos=flat,
            offsets=[0.0, 0.0],
            thickness=0.3,
            rotDirection=2,
            logLevel=level,
        )
        if telescope
        else examples.GenericDetector(logLevel=level)
    )
    geometry = detector.trackingGeometry()
    field = acts.ConstantBField(acts.Vector3(0, 0, 2 * unit.T))
    random = examples.RandomNumbers(seed=20180428)
    digitization = folder / "digitization.json"
    digitization.write_text(json.dumps(digitization_config(telescope)))
    sequencer = examples.Sequencer(
        skip=events[0],
        events=len(events),
        numThreads=1,
        logLevel=level,
        trackFpes=False,
        outputDir=str(folder),
    )
    simulation.addParticleGun(
        sequencer,
        momentumConfig=simulation.MomentumConfig(1 * unit.GeV, 20 * unit.GeV, True, True),
        etaConfig=simulation.EtaConfig(*((1.2, 3.2) if telescope else (-3.0, 3.0)), True),
        particleConfig=simulation.ParticleConfig(
            1 if telescope else 2, acts.PdgParticle.ePionPlus, True
        ),
        multiplicity=100 if telescope else 150,
        vtxGen=examples.GaussianVertexGenerator(
            mean=acts.Vector4(0, 0, 0, 0),
            stddev=acts.Vector4(0.0125, 0.0125, 10 if telescope else 55.5, 0),
        ),
        rnd=random,
    )
    simulation.addFatras(sequencer, geometry, field, random, outputDirCsv=folder)
    simulation.addDigitization(
        sequencer, geometry, field, digitization, outputDirCsv=folder, rnd=random
    )
    sequencer.addWriter(
        examples.CsvTrackingGeometryWriter(
            level=level, trackingGeometry=geometry, outputDir=str(folder), writePerEvent=False
        )
    )
    sequencer.run()


def digitization_config(telescope):
    """Return ACTS' description of the sensors: segmented ones that share charge between cells, or
    planes with a Gaussian error."""
    if telescope:
        error = [{"index": i, "mean": 0.0, "stddev": 0.02, "type": "Gauss"} for i in (0, 1)]
        return digitization_file([{"volume": 1, "value": {"smearing": error}}])
    entries = []
    for volumes, axes in SENSORS.items():
        bins = [
            {
                "bins": round(2 * half_width / pitch),
                "min": -half_width,
                "max": half_width,
                "option": "open",
                "type": "equidistant",
                "value": value,
            }
            for value, (half_width, pitch) in zip(("binX", "binY"), axes, strict=True)
        ]
        geometric = {
            "indices": [0, 1],
            "segmentation": {"binningdata": bins},
            "digital": False,
            "thickness": 0.15,
            "threshold": 1e-5,
            "charge-smearing": {"type": "Gauss", "mean": 0.0, "stddev": 1e-6},
        }
        entries += [{"volume": volume, "value": {"geometric": geometric}} for volume in volumes]
    return digitization_file(entries)


def digitization_file(entries):
    header = {"format-version": 0, "value-identifier": "digitization-configuration"}
    return {"acts-geometry-hierarchy-map": header, "entries": entries}


def translate(folder, event, half_width):
    """Return the TrackML tables by kind, header and rows, of ACTS' CSV files in ``folder``."""
    modules = {row["geometry_id"]: row for row in read(folder / "detectors.csv")}
    stem = f"event{event:09d}"
    measurements = read(folder / f"{stem}-measurements.csv")
    simhits = read(folder / f"{stem}-hits.csv")
    simhit_of = {}
    for row in read(folder / f"{stem}-measurement-simhit-map.csv"):
        simhit_of.setdefault(row["measurement_id"], simhits[int(row["hit_id"])])

    found = [
        (
            row["geometry_id"],
            [float(row[f"global_{axis}"]) for axis in "xyz"],
            simhit_of[row["measurement_id"]],
            row["measurement_id"],
        )
        for row in measurements
    ]
    n_noise = len(measurements) // 20
    found += [(*place, None, None) for place in noise(modules, n_noise, event, half_width)]
    found.sort(key=lambda hit: int(hit[0]))

    owners = [particle_id(simhit) for _, _, simhit, _ in found if simhit]
    n_hits = {owner: owners.count(owner) for owner in owners}
    weight = 1.0 / sum(n for n in n_hits.values() if n > 3)
    hits, truth, number_of = [], [], {}
    for number, (module, position, simhit, measurement) in enumerate(found, start=1):
        number_of[measurement] = number
        place = [int(modules[module][f"{level}_id"]) for level in ("volume", "layer", "module")]
        hits.append([number, *position, *place])
        if simhit is None:
            truth.append([number, 0, *position, 1e6, 1e6, 1e6, 0.0])
        else:
            owner = particle_id(simhit)
            numbers = [float(simhit[name]) for name in ("tx", "ty", "tz", "tpx", "tpy", "tpz")]
            truth.append([number, owner, *numbers, weight if n_hits[owner] > 3 else 0.0])
    particles = []
    for row in read(folder / f"{stem}-particles_simulated.csv"):
        numbers = [float(row[name]) for name in ("vx", "vy", "vz", "px", "py", "pz")]
        owner = particle_id(row)
        particles.append([owner, *numbers, int(row["q"]), n_hits.get(owner, 0)])
    cells = [
        [
            number_of[row["measurement_id"]],
            int(row["channel0"]),
            int(row["channel1"]),
            float(row["value"]),
        ]
        for row in read(folder / f"{stem}-cells.csv")
    ]
    return {
        "hits": (HITS, hits),
        "truth": (TRUTH, truth),
        "particles": (PARTICLES, particles),
        "cells": (CELLS, cells),
    }


def noise(modules, n, seed, half_width):
    """Return module and position of ``n`` points up to ``half_width`` mm off the middle of random
    sensors."""
    sensitive = [row for row in modules.values() if int(row["module_id"]) > 0]
    random = np.random.default_rng(seed)
    for index in random.integers(len(sensitive), size=n):
        module, local = sensitive[index], random.uniform(-half_width, half_width, 2)
        yield (
            module["geometry_id"],
            [
                float(module[f"c{axis}"])
                + sum(
                    float(module[f"rot_{axis}{name}"]) * shift
                    for name, shift in zip("uv", local, strict=True)
                )
                for axis in "xyz"
            ],
        )


def particle_id(row):
    """Return the id as the challenge packs it: vertex, particle, generation, sub-particle."""
    vertex, particle, generation, sub_particle = (
        int(row[f"particle_id_{name}"]) for name in ("pv", "part", "gen", "subpart")
    )
    return vertex << 52 | particle << 36 | generation << 16 | sub_particle


def read(file):
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
