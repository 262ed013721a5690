from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from fpga_gnn.contract import Contract, load_contract
from fpga_gnn.events.event import NO_PARTICLE, Event, Hits, Particles
from fpga_gnn.events.sample import sample_store
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import ModuleMap

TARGET = {"px": 2, "charge": 1, "primary": 1}


@pytest.fixture(scope="session")
def w8() -> Contract:
    return load_contract("w8")


@pytest.fixture(scope="session")
def real_event() -> Event:
    """The smallest shipped event."""
    return sample_store().read(4)


@pytest.fixture(scope="session")
def make_event() -> Callable[..., Event]:
    def make(
        points: Sequence[tuple[float, float, float]],
        sensors: Sequence[tuple[int, int]] | None = None,
        owners: Sequence[int] | None = None,
        **particles: object,
    ) -> Event:
        """Hits at ``points`` on ``sensors`` (layer, module; default: all on one) of ``owners``
        (default: noise); ``particles`` replaces columns of its owners, which are targets else."""
        n = len(points)
        x, y, z = np.array(points, dtype=np.float32).reshape(n, 3).T
        layer, module = np.array(sensors or [(0, 0)] * n, dtype=np.int32).reshape(n, 2).T
        owner = np.array(owners or [NO_PARTICLE] * n, dtype=np.int64)
        volume = np.full(n, 8)
        hits = Hits(np.arange(n) + 100, x, y, z, volume, layer, module, owner)
        ids = np.unique(owner[owner != NO_PARTICLE])
        columns = {name: np.zeros(ids.size) for name in Particles.DTYPES}
        columns |= {"particle_id": ids, "pdg_id": columns["pdg_id"] + 211}
        columns |= {name: columns["px"] + value for name, value in TARGET.items()}
        columns |= {name: np.array(values) for name, values in particles.items()}
        return Event(3, hits, Particles(**columns))

    return make


@pytest.fixture(scope="session")
def real_map(real_event, w8) -> ModuleMap:
    """The layer-pooled map of the shipped event's own tracks."""
    return learn_module_map(
        [real_event], w8, settings=MapSettings(pooling="layer"), source={"event": 4}
    )
