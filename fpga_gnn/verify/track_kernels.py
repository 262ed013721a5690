"""The track-building kernels of one implementation, run as the track builder of a trained model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.hw.csim import CsimConnectedComponents, CsimDwalk, CsimTrackBuilder
from fpga_gnn.hw.kernel_calls import (
    ConnectedComponentsKernel,
    DwalkKernel,
    KernelCall,
    TrackBuilderKernel,
)
from fpga_gnn.hw.rtl_tracks import RtlConnectedComponents, RtlTrackBuilder
from fpga_gnn.reference import connected_components, dwalk, track_builder
from fpga_gnn.reference.hit_lists import HitLists
from fpga_gnn.tracks.builder import ConnectedComponents, Dwalk, JunctionRemoval, TrackBuilder
from fpga_gnn.tracks.connected_components import tracks_from_labels


@dataclass(frozen=True, eq=False)
class TrackKernels:
    """The kernels with the arguments of their references, the track builder's contract apart.

    ``walk`` is DWALK; None: there is none.
    """

    components: Callable[..., Int64]
    tracks: Callable[..., HitLists]
    walk: Callable[..., dwalk.Walk] | None = None

    @classmethod
    def reference(cls, contract: Contract) -> TrackKernels:
        """Return the integer references."""
        tracks = partial(track_builder.build, contract=contract)
        return cls(connected_components.label, tracks, dwalk.build)

    @classmethod
    def csim(cls, contract: Contract) -> TrackKernels:
        """Return the C simulation; compiles what is not in the cache."""
        components, tracks = CsimConnectedComponents(contract), CsimTrackBuilder(contract)
        return cls(components.label, tracks.build, CsimDwalk(contract).build)

    @classmethod
    def rtl(cls, contract: Contract) -> TrackKernels:
        """Return the RTL, which has no DWALK; compiles what is not in the cache."""
        return cls(RtlConnectedComponents(contract).label, RtlTrackBuilder(contract).build)

    @classmethod
    def called(cls, contract: Contract, kernel: Callable[[str], KernelCall]) -> TrackKernels:
        """Return the kernels that ``kernel`` gives by their names."""
        components = ConnectedComponentsKernel(contract, kernel("connected_components"))
        tracks = TrackBuilderKernel(contract, kernel("track_builder"))
        return cls(components.label, tracks.build, DwalkKernel(contract, kernel("dwalk")).build)

    def labels(
        self, builder: TrackBuilder, n_nodes: int, src: Int64, dst: Int64, score: Int64
    ) -> Int64:
        """Return what ``builder.labels`` does, with integer ``score`` [E] and cuts."""
        if isinstance(builder, ConnectedComponents):
            found = self.components(n_nodes, src, dst, score > builder.cut)
            return tracks_from_labels(found, builder.min_hits)
        return self.hit_lists(builder, n_nodes, src, dst, score).labels(n_nodes)

    def hit_lists(
        self, builder: TrackBuilder, n_nodes: int, src: Int64, dst: Int64, score: Int64
    ) -> HitLists:
        """Return the tracks of a ``builder`` whose kernel writes them hit by hit."""
        edges = n_nodes, src, dst, score
        if isinstance(builder, Dwalk):
            assert self.walk is not None
            return self.walk(*edges, _dwalk_settings(builder)).tracks
        assert isinstance(builder, JunctionRemoval)
        return self.tracks(*edges, builder.cut, builder.min_hits)


def _dwalk_settings(builder: Dwalk) -> dwalk.DwalkSettings:
    return dwalk.DwalkSettings(
        component_cut=builder.component_cut,
        min_cut=builder.min_cut,
        add_cut=builder.add_cut,
        min_hits=builder.min_hits,
        by_length=builder.metric == "length",
    )
