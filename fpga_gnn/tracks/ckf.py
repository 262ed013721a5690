"""The peer: ACTS triplet seeding, combinatorial Kalman filter and greedy ambiguity resolution.

It runs on any event of the Generic Detector (TrackML geometry): hits are moved back to the local
frames of their sensors and become measurements of covariance pitch^2 / 12. Truth is not used.
ACTS: X. Ai et al., Comput. Softw. Big Sci. 6 (2022) 8.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.events.acts_detector import (
    FIELD_TESLA,
    PITCHES_MM,
    PIXEL_VOLUMES,
    acts_detector,
    require,
)
from fpga_gnn.events.event import Event
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.fit import Perigee

_MAX_HEIGHT_MM = 1.0
"""Hits farther off the plane of their sensor belong to another geometry."""

_NO_LIMIT = 1_000_000


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SeedingConfig(_Config):
    """Windows of the grid triplet seeding; lengths in mm, momenta in GeV.

    ``volumes`` are those whose hits are space points. ``r`` bounds the space points,
    ``r_middle`` the middle one of a triplet, ``delta_r`` the radial distance and ``max_delta_z``
    the distance in z of two neighbours. A triplet points to ``|z| < max_z0`` and passes the beam
    axis within ``max_impact``. Bending may exceed what ``min_pt`` allows by ``sigma_scattering``
    standard deviations of multiple scattering in ``radiation_lengths``. Per middle space point the
    best ``extra_seeds`` + 1 triplets are kept.
    """

    volumes: tuple[int, ...] = PIXEL_VOLUMES
    min_pt: float = Field(default=0.9, gt=0)
    max_cot_theta: float = Field(default=27.3, gt=0, description="27.3 is |eta| = 4")
    r: tuple[float, float] = (25.0, 200.0)
    max_z: float = Field(default=1600.0, gt=0)
    r_middle: tuple[float, float] = (30.0, 180.0)
    delta_r: tuple[float, float] = (5.0, 300.0)
    max_delta_z: float = Field(default=600.0, gt=0)
    max_z0: float = Field(default=250.0, gt=0)
    max_impact: float = Field(default=5.0, gt=0)
    sigma_scattering: float = Field(default=3.0, ge=0)
    radiation_lengths: float = Field(default=0.05, ge=0)
    extra_seeds: int = Field(default=1, ge=0)


class TrackCuts(_Config):
    """What a track with ``|eta|`` below ``max_abs_eta`` (and above the bin before) must satisfy.

    Outliers are hits off the track by more than the chi2 cut, holes are sensors without a hit;
    both stop the search when they exceed their maximum. ``max_d0`` in mm.
    """

    max_abs_eta: float = Field(gt=0)
    min_measurements: int = Field(ge=3)
    max_holes: int = Field(ge=0)
    max_outliers: int = Field(ge=0)
    max_d0: float = Field(gt=0)


class CkfConfig(_Config):
    """Settings of the whole chain; ``PIXEL_CKF`` and ``FULL_CKF`` are the tuned ones.

    ``detector`` says which hits are used. A measurement
    joins a track below ``chi2_measurement``, at most ``max_candidates`` per sensor; below
    ``chi2_outlier`` it is an outlier. ``cuts`` are bins in rising ``|eta|``; tracks beyond the
    last are dropped. ``min_pt`` in GeV, ``max_z0`` in mm. ``max_shared_hits``: tracks that share
    more hits with better ones are removed.
    """

    detector: Literal["pixel", "full"]
    cuts: tuple[TrackCuts, ...] = Field(min_length=1)
    seeding: SeedingConfig = SeedingConfig()
    chi2_measurement: float = Field(default=15.0, gt=0)
    chi2_outlier: float = Field(default=25.0, gt=0)
    max_candidates: int = Field(default=2, ge=1)
    stay_on_seed: bool = True
    min_pt: float = Field(default=0.9, ge=0)
    max_z0: float = Field(default=260.0, gt=0)
    max_shared_hits: int = Field(default=3, ge=0)

    @model_validator(mode="after")
    def _bins_rise(self) -> Self:
        edges = [cuts.max_abs_eta for cuts in self.cuts]
        if sorted(set(edges)) != edges:
            raise ValueError("cuts: max_abs_eta does not rise from bin to bin")
        return self


def _cuts(*rows: tuple[float, int, int, int, float]) -> tuple[TrackCuts, ...]:
    names = tuple(TrackCuts.model_fields)
    return tuple(TrackCuts.model_validate(dict(zip(names, row, strict=True))) for row in rows)


PIXEL_CKF = CkfConfig(
    detector="pixel",
    seeding=SeedingConfig(extra_seeds=5),
    cuts=_cuts(
        (1.2, 4, 1, 1, 20.0), (2.3, 3, 0, 0, 0.5), (2.7, 4, 1, 1, 20.0), (4.5, 5, 3, 3, 20.0)
    ),
    max_shared_hits=2,
)
"""Tuned on two validation events at 200 collisions: highest efficiency with fakes below 5 %."""

FULL_CKF = CkfConfig(
    detector="full",
    seeding=SeedingConfig(
        volumes=(*PIXEL_VOLUMES, 12, 13, 14),
        r=(25.0, 700.0),
        max_z=3000.0,
        r_middle=(30.0, 560.0),
        max_delta_z=800.0,
        max_impact=20.0,
    ),
    cuts=_cuts((4.5, 6, 3, 3, 100.0)),
    max_candidates=1,
)
"""Tuned likewise; short strips as space points find the particles of secondary vertices."""


@dataclass(frozen=True, eq=False)
class CkfResult:
    """Tracks of one event with their hits from inside out, and their fitted parameters [T].

    ``seconds`` is the wall time of ``seeding`` (space points, triplets, their parameters),
    ``finding`` and ``ambiguity``, one thread each; conversion from and to arrays is not counted.
    """

    tracks: Tracks
    perigee: Perigee
    seconds: dict[str, float]


class Ckf:
    """The configured chain; ``ToolMissingError`` if pyacts is not installed."""

    def __init__(self, config: CkfConfig) -> None:
        require("CKF", "acts")
        from acts import ActsPythonBindings as core
        from acts import examples

        self._volumes = PIXEL_VOLUMES if config.detector == "pixel" else tuple(PITCHES_MM)
        self._stages = _stages(config)
        seeding, _, ambiguity = self._stages.values()
        self._input = examples.WriteDataHandle(seeding[0], examples.MeasurementSubset, "Input")
        self._input.initialize("measurements")
        self._seeds = examples.ReadDataHandle(seeding[1], core.SeedContainer, "Seeds")
        self._seeds.initialize("seeds")
        self._output = examples.ReadDataHandle(
            ambiguity[0], examples.ConstTrackContainer, "Resolved"
        )
        self._output.initialize("resolved")

    def find(self, event: Event) -> CkfResult:
        """Find the tracks of ``event``; the same event gives the same tracks.

        ``InputError`` for a hit that is on no sensor of the detector.
        """
        import acts
        from acts import examples

        rows = np.flatnonzero(np.isin(event.hits.volume_id, self._volumes))
        measurements = _measurements(event, rows)
        board = examples.WhiteBoard(acts.logging.FATAL)

        def context(number: int) -> Any:
            return examples.AlgorithmContext(number, event.event_id, board, 0)

        self._input(context(0), examples.MeasurementSubset(measurements, range(rows.size)))
        seconds = {}
        number = 0
        for stage, algorithms in self._stages.items():
            start = time.perf_counter()
            for algorithm in algorithms:
                number += 1
                if algorithm.execute(context(number)) != examples.ProcessCode.SUCCESS:
                    raise ToolFailedError(f"event {event.event_id}: CKF {stage} failed")
            seconds[stage] = time.perf_counter() - start
        found = self._output(board)
        return CkfResult(_tracks(found, rows), _perigee(found), seconds)


def _stages(config: CkfConfig) -> dict[str, tuple[Any, ...]]:
    """Return the ACTS algorithms of each stage, joined by the names of what they exchange."""
    import acts
    from acts import examples

    unit, level = acts.UnitConstants, acts.logging.FATAL
    detector = acts_detector()
    common = {"level": level, "trackingGeometry": detector.geometry}
    space_points = examples.SpacePointMaker(
        inputMeasurements="measurements",
        outputSpacePoints="space_points",
        geometrySelection=[_volume(volume) for volume in config.seeding.volumes],
        **common,
    )
    window = config.seeding
    shortest, longest = window.delta_r
    triplets = examples.GridTripletSeedingAlgorithm(
        level=level,
        inputSpacePoints="space_points",
        outputSeeds="triplets",
        bFieldInZ=FIELD_TESLA * unit.T,
        minPt=window.min_pt * unit.GeV,
        cotThetaMax=window.max_cot_theta,
        rMin=window.r[0],
        rMax=window.r[1],
        zMin=-window.max_z,
        zMax=window.max_z,
        rMinMiddle=window.r_middle[0],
        rMaxMiddle=window.r_middle[1],
        **dict.fromkeys(("deltaRMin", "deltaRMinBottom", "deltaRMinTop"), shortest),
        **dict.fromkeys(("deltaRMax", "deltaRMaxBottom", "deltaRMaxTop"), longest),
        deltaZMin=-window.max_delta_z,
        deltaZMax=window.max_delta_z,
        collisionRegionMin=-window.max_z0,
        collisionRegionMax=window.max_z0,
        impactMax=window.max_impact,
        sigmaScattering=window.sigma_scattering,
        radLengthPerSeed=window.radiation_lengths,
        maxSeedsPerSpM=window.extra_seeds,
    )
    parameters = examples.TrackParamsEstimationAlgorithm(
        inputSeeds="triplets",
        outputSeeds="seeds",
        outputTrackParameters="parameters",
        magneticField=detector.field,
        **common,
    )
    window_per_sensor = ([config.chi2_measurement], [config.chi2_outlier], [config.max_candidates])
    makers = examples.TrackFindingAlgorithm
    finder = examples.TrackFindingAlgorithm(
        inputMeasurements="measurements",
        inputInitialTrackParameters="parameters",
        inputSeeds="seeds",
        outputTracks="candidates",
        magneticField=detector.field,
        findTracks=makers.makeTrackFinderFunction(detector.geometry, detector.field, level),
        findTracksBrem=makers.makeBremTrackFinderFunction(detector.geometry, detector.field, level),
        measurementSelectorCfg=acts.MeasurementSelector.Config(
            [(acts.GeometryIdentifier(), ([], *window_per_sensor))]
        ),
        trackSelectorCfg=_track_selection(config),
        seedDeduplication=True,
        stayOnSeed=config.stay_on_seed,
        trimTracks=False,
        endOfWorldVolumeIds=_volumes_outside(config),
        **common,
    )
    ambiguity = examples.GreedyAmbiguityResolutionAlgorithm(
        level=level,
        inputTracks="candidates",
        outputTracks="resolved",
        maximumSharedHits=config.max_shared_hits,
        nMeasurementsMin=min(cuts.min_measurements for cuts in config.cuts),
        maximumIterations=_NO_LIMIT,
    )
    return {
        "seeding": (space_points, triplets, parameters),
        "finding": (finder,),
        "ambiguity": (ambiguity,),
    }


def _volume(number: int) -> Any:
    import acts

    identifier = acts.GeometryIdentifier()
    identifier.volume = number
    return identifier


def _volumes_outside(config: CkfConfig) -> list[int]:
    """Return the volumes that end the search: in the pixel view, all beyond the pixel detector."""
    if config.detector == "full":
        return []
    numbers = {identifier.volume for identifier in acts_detector().surfaces}
    return sorted(number for number in numbers if number > max(PIXEL_VOLUMES))


def _track_selection(config: CkfConfig) -> Any:
    import acts

    bins = [
        acts.TrackSelector.Config(
            minMeasurements=cuts.min_measurements,
            maxHoles=cuts.max_holes,
            maxOutliers=cuts.max_outliers,
            loc0=(-cuts.max_d0, cuts.max_d0),
            loc1=(-config.max_z0, config.max_z0),
            ptMin=config.min_pt * acts.UnitConstants.GeV,
        )
        for cuts in config.cuts
    ]
    edges = [0.0, *(cuts.max_abs_eta for cuts in config.cuts)]
    return acts.TrackSelector.EtaBinnedConfig(cutSets=bins, absEtaEdges=edges)


def _measurements(event: Event, rows: Int64) -> Any:
    """Return the ACTS measurements of hit ``rows``, in their order."""
    from acts import examples

    detector = acts_detector()
    hits = event.hits.take(rows)
    sensor = detector.sensors.rows(hits)
    position = np.column_stack([hits.x, hits.y, hits.z]).astype(np.float64)
    local = detector.sensors.to_local(sensor, position)
    off = np.flatnonzero(np.abs(local[:, 2]) > _MAX_HEIGHT_MM)
    if off.size:
        raise InputError(
            f"event {event.event_id}: hit {hits.hit_id[off[0]]}",
            f"a position {abs(local[off[0], 2]):.3g} mm off the plane of its sensor",
            "a hit of the Generic Detector (TrackML geometry)",
        )
    variances = {volume: [p * p / 12 for p in pitches] for volume, pitches in PITCHES_MM.items()}
    measurements = examples.MeasurementContainer()
    measurements.reserve(rows.size)
    for row, volume, point in zip(
        sensor.tolist(), hits.volume_id.tolist(), local[:, :2].tolist(), strict=True
    ):
        measurements.emplaceMeasurement(detector.identifiers[row], (0, 1), point, variances[volume])
    return measurements


def _tracks(found: Any, rows: Int64) -> Tracks:
    from acts import examples

    index = examples.IndexSourceLink.fromSourceLink
    start: list[int] = [0]
    hits: list[int] = []
    for track in found:
        own = [
            index(state.uncalibratedSourceLink).index()
            for state in track.trackStatesReversed
            if state.typeFlags.isMeasurement and not state.typeFlags.isOutlier
        ]
        hits += dict.fromkeys(reversed(own))
        start.append(len(hits))
    return Tracks(np.array(start, np.int64), rows[np.array(hits, np.int64)])


def _perigee(found: Any) -> Perigee:
    parameters = np.array(found.parameters, np.float64).reshape(-1, 6)
    d0, z0, phi, theta, q_over_p, _ = parameters.T
    return Perigee(d0=d0, z0=z0, phi=phi, theta=theta, q_over_pt=q_over_p / np.sin(theta))
