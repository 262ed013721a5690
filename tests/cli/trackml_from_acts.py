"""Make one event in the CSV format of the TrackML challenge, with ACTS and nothing of ours.

    python trackml_from_acts.py FOLDER

ACTS' own sequencer simulates 300 pions of 1 to 20 GeV from 150 vertices in the Generic Detector
(Fatras, geometric digitization: hits are clusters of cells) and writes its CSV files; this program
translates them into ``event000000123-{hits,truth,particles,cells}.csv.gz``. As in the challenge,
floats have six digits, 5 % of the hits are noise, and particle ids are bit patterns.
"""

import csv
import gzip
import json
import sys
import tempfile
from pathlib import Path

import acts
import numpy as np
from acts import examples
from acts.examples import simulation

EVENT = 123
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


def main(out):
    """Simulate the event and write its four tables into ``out``."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder))
        tables = translate(Path(folder))
    out.mkdir(parents=True, exist_ok=True)
    for kind, (header, rows) in tables.items():
        lines = [header, *(",".join(map(text, row)) for row in rows)]
        with gzip.open(out / f"event{EVENT:09d}-{kind}.csv.gz", "wt") as file:
            file.write("\n".join(lines) + "\n")


def simulate(folder):
    """Let ACTS simulate the event and write its CSV files into ``folder``."""
    unit, level = acts.UnitConstants, acts.logging.FATAL
    detector = examples.GenericDetector(logLevel=level)
    geometry = detector.trackingGeometry()
    field = acts.ConstantBField(acts.Vector3(0, 0, 2 * unit.T))
    random = examples.RandomNumbers(seed=20180428)
    digitization = folder / "digitization.json"
    digitization.write_text(json.dumps(digitization_config()))
    sequencer = examples.Sequencer(
        skip=EVENT, events=1, numThreads=1, logLevel=level, trackFpes=False, outputDir=str(folder)
    )
    simulation.addParticleGun(
        sequencer,
        momentumConfig=simulation.MomentumConfig(1 * unit.GeV, 20 * unit.GeV, True, True),
        etaConfig=simulation.EtaConfig(-3.0, 3.0, True),
        particleConfig=simulation.ParticleConfig(2, acts.PdgParticle.ePionPlus, True),
        multiplicity=150,
        vtxGen=examples.GaussianVertexGenerator(
            mean=acts.Vector4(0, 0, 0, 0), stddev=acts.Vector4(0.0125, 0.0125, 55.5, 0)
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


def digitization_config():
    """Return ACTS' description of segmented sensors that share charge between cells."""
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
    header = {"format-version": 0, "value-identifier": "digitization-configuration"}
    return {"acts-geometry-hierarchy-map": header, "entries": entries}


def translate(folder):
    """Return the TrackML tables by kind, header and rows, of ACTS' CSV files in ``folder``."""
    modules = {row["geometry_id"]: row for row in read(folder / "detectors.csv")}
    stem = f"event{EVENT:09d}"
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
    found += [(*place, None, None) for place in noise(modules, len(measurements) // 20)]
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


def noise(modules, n):
    """Return module and position of ``n`` points in the middle of random sensors."""
    sensitive = [row for row in modules.values() if int(row["module_id"]) > 0]
    random = np.random.default_rng(EVENT)
    for index in random.integers(len(sensitive), size=n):
        module, local = sensitive[index], random.uniform(-5, 5, 2)
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
    main(Path(sys.argv[1]))
