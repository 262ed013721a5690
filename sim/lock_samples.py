"""Lock the hashes of the samples in a folder: write ``sim/samples.lock.json``.

    python sim/lock_samples.py FOLDER NAME...

FOLDER is what ``fpga-gnn samples build --out FOLDER`` made. Lock a sample again only when its
settings or the simulation changed, and say so in CHANGELOG.md: results before and after differ.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from fpga_gnn.events.samples import (
    LOCK,
    Lock,
    LockedSample,
    load_samples,
    read_sample,
    write_json,
)

PACKAGES = ("numpy", "pyacts", "pyarrow", "pythia8mc")


def main(folder: Path, names: list[str]) -> None:
    """Read the samples ``names`` of ``folder`` and write the lock."""
    samples = load_samples()
    locked = {}
    for name in names:
        record = read_sample(samples[name], folder)
        locked[name] = LockedSample(events=record.events, sha256=record.sha256)
        print(f"{name}: {record.events} events, sha256 {record.sha256}")
    lock = Lock(made_with={name: version(name) for name in PACKAGES}, samples=locked)
    write_json(Path(__file__).with_name(LOCK), lock)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
