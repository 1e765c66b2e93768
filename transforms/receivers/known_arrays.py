"""The microphone arrays that a recipe may name: their capsules as published, in degrees of azimuth and elevation."""

from __future__ import annotations

from transforms.receivers.array_description import ArrayDescription

# The A-format of a tetrahedron, as in the Sennheiser Ambeo, the Core Sound TetraMic and the SoundField SPS200.
_TETRAHEDRON = ((45.0, 35.26), (-45.0, -35.26), (135.0, -35.26), (-135.0, 35.26))
# Zylia ZM-1, as in the Spatial Audio Framework (saf_utility_sensorarray_presets.c, Zylia1D; McCormack, ISC licence).
_ZYLIA = (
    (0, 90), (0.18, 48.14), (120.09, 48.14), (-119.94, 48.18), (-82.17, 19.42),
    (-37.61, 19.43), (37.89, 19.42), (82.29, 19.43), (157.88, 19.43), (-157.6, 19.44),
    (-142.11, -19.42), (-97.71, -19.43), (-22.12, -19.43), (22.4, -19.44), (97.83, -19.42),
    (142.39, -19.43), (-179.82, -48.14), (-59.91, -48.14), (60.06, -48.18),
)  # fmt: skip
# mh acoustics Eigenmike em32, release notes v17.0 (2013), appendix: colatitude and azimuth.
_EM32 = (
    (0, 21), (32, 0), (0, -21), (-32, 0), (0, 58), (45, 35),
    (69, 0), (45, -35), (0, -58), (-45, -35), (-69, 0), (-45, 35),
    (91, 69), (90, 32), (90, -31), (89, -69), (180, 21), (-148, 0),
    (180, -21), (148, 0), (180, 58), (-135, 35), (-111, 0), (-135, -35),
    (180, -58), (135, -35), (111, 0), (135, 35), (-91, 69), (-90, 32),
    (-90, -32), (-89, -69),
)  # fmt: skip

KNOWN_ARRAYS = {
    "tetrahedron": ArrayDescription(
        # Cardioids need no gain at low frequencies, so the limit only keeps clear of their level.
        radius_m=0.015,
        baffle="open",
        capsules=_TETRAHEDRON,
        pattern=0.5,
        order=1,
        gain_limit_db=30.0,
        name="tetrahedron",
    ),
    "zylia": ArrayDescription(radius_m=0.049, baffle="rigid", capsules=_ZYLIA, order=3, name="zylia"),
    "em32": ArrayDescription(radius_m=0.042, baffle="rigid", capsules=_EM32, order=3, name="em32"),
}
