"""Shoebox rooms like the paper's: sizes, named materials, and a full-band T30 (ELSA, section 3.2)."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from transforms.records import OCTAVE_BANDS_HZ, Room
from transforms.rooms.acoustics import (
    AIR_ABSORPTION_PER_M,
    DECAY_60_DB,
    SPEED_OF_SOUND_M_S,
    predicted_bands_t30_ms,
    predicted_t30_ms,
)
from transforms.rooms.ranges import RoomRanges
from transforms.seeds import keyed_generator

# Names of materials in pyroomacoustics' database, by the surface that they are found on. Absorption is taken from the
# database. Scattering is not used: the late field is diffuse by construction, as in a furnished room.
FLOOR_MATERIALS = (
    "concrete_floor", "marble_floor", "audience_floor", "stage_floor", "linoleum_on_concrete", "carpet_cotton",
    "carpet_thin", "carpet_tufted_9.5mm", "carpet_6mm_closed_cell_foam", "carpet_6mm_open_cell_foam",
    "carpet_tufted_9m", "felt_5mm",
    "carpet_soft_10mm", "carpet_hairy", "carpet_rubber_5mm", "carpet_1.35_kg_m2", "cocos_fibre_roll_29mm",
    "chairs_wooden", "chairs_unoccupied_plastic",
)  # fmt: skip
SEATING_MATERIALS = ("chairs_upholstered_cloth", "chairs_upholstered_leather")
#: Rows of seats may cover floors of at least this area.
SEATING_FROM_M2 = 60.0
CEILING_MATERIALS = (
    "hard_surface", "rough_concrete", "unpainted_concrete", "rough_lime_wash", "plasterboard", "wooden_lining",
    "wood_16mm", "ceiling_plasterboard", "ceiling_fissured_tile", "ceiling_perforated_gypsum_board",
    "ceiling_fibre_absorber", "ceiling_melamine_foam", "ceiling_metal_panel", "acoustical_plaster_25mm", "gypsum_board",
    "perforated_veneered_chipboard", "fibre_absorber_1", "rockwool_50mm_40kgm3", "mineral_wool_50mm_40kgm3",
)  # fmt: skip
WALL_MATERIALS = (
    "hard_surface", "brickwork", "rough_concrete", "unpainted_concrete", "rough_lime_wash",
    "smooth_brickwork_flush_pointing", "smooth_brickwork_10mm_pointing", "brick_wall_rough", "ceramic_tiles",
    "limestone_wall", "plasterboard", "wooden_lining", "glass_window", "double_glazing_10mm", "wood_16mm",
    "plywood_thin", "facing_brick", "acoustical_plaster_25mm", "perforated_veneered_chipboard", "blinds_half_open",
    "blinds_open", "curtains_cotton_0.5", "curtains_cotton_0.33", "curtains_densely_woven", "curtains_velvet",
    "curtains_fabric", "curtains_glass_mat", "studio_curtains", "gypsum_board", "panel_fabric_covered_6pcf",
    "fibre_absorber_2", "mineral_wool_50mm_70kgm3", "rockwool_50mm_80kgm3",
)  # fmt: skip

#: How many combinations of materials are drawn for a room, and for how many of these the T30 is predicted exactly.
COMBINATIONS = 500
LIKELY = 40
# The combination with the lowest cost is chosen. A factor e between the T30 of the published materials and the T30 that
# the room needs costs 1.
# The ratio of the longest to the shortest T30 of a room's octaves, and of two neighbouring octaves, that costs nothing,
# as a logarithm. If one octave is much drier than the next, an octave filter measures the next one.
EVEN_SPREAD = math.log(1.5)
EVEN_STEP = math.log(1.2)
# The ratio of the decay time from −5 to −35 dB to that from 0 to −25 dB that costs nothing, as a logarithm, and the
# cost of a factor e more.
STRAIGHT = 0.02
BENT_COST = 15.0
# The cost of a factor e between the absorption of surfaces.
CONTRAST_COST = 0.1
_SIZE_DECIMALS = 3
_TIME_DECIMALS = 2
_ABSORPTION_DECIMALS = 6
_MOST_DRAWS = 100
# Published absorption of 1 would be an infinite exponent.
_MOST_ABSORPTION = 0.99
#: Decays in milliseconds are rounded to this many decimals.
DECAY_DECIMALS = 2
# Edges of the octaves in white noise. The first octave begins at 0 Hz. The last one ends where a sharp cut would remove
# as much energy as the fade of a response at 48 kHz does between 18 and 24 kHz.
_WHITE_EDGES_HZ = (0.0, *(centre * math.sqrt(2.0) for centre in OCTAVE_BANDS_HZ[:-1]), 20_250.0)


class RoomDoesNotExist(ValueError):
    """No absorption gives a room of this size its T30."""


def room_id(split: str, index: int) -> str:
    """The name of a sampled room, which includes its split: no room is in two splits."""
    return f"{split}-{index:06d}"


def sample_room(seed: int, split: str, index: int, ranges: RoomRanges) -> Room:
    """Samples the room with number ``index`` of a split, which depends on the arguments alone.

    Sizes are multiples of 1 mm, times of 0.01 ms, absorption of 1e-6, so that a table stores exactly what is used.

    Raises:
        RoomDoesNotExist: the ranges allow no room.
    """
    draw = keyed_generator(seed, "room", split, index)
    length_m, width_m, height_m = _draw_size(draw, ranges)
    target_ms = _draw_t30(draw, ranges, length_m, width_m, height_m)
    materials = _draw_materials(draw, length_m, width_m, height_m, target_ms)
    return furnish_room(
        room_id(split, index), split, (length_m, width_m, height_m), materials=materials, t30_ms=target_ms
    )


def furnish_room(
    identifier: str, split: str, size_m: tuple[float, float, float], *, materials: tuple[str, ...], t30_ms: float
) -> Room:
    """Makes a room of given materials and scales their absorption until the room has a given T30.

    One factor applies to the absorption exponents −ln(1 − α) of all surfaces and octaves.

    Args:
        identifier: the name of the room.
        split: its split.
        size_m: length, width and height in metres.
        materials: names of the floor, the ceiling and the walls in pyroomacoustics' database.
        t30_ms: the full-band T30 in ms.

    Raises:
        RoomDoesNotExist: air alone absorbs more than the T30 allows, or no surface could absorb as much as it needs.
        ValueError: a material is not in the database.
    """
    exponents = np.stack([absorption_exponents(name) for name in materials])
    scale = _absorption_scale(t30_ms, exponents, size_m)
    absorption = np.round(1.0 - np.exp(-scale * exponents), _ABSORPTION_DECIMALS)
    if absorption.max() >= 1.0:
        raise RoomDoesNotExist(
            f"room {identifier!r}: for a T30 of {t30_ms} ms its surfaces would have to absorb all sound that meets them"
        )
    bands_ms = predicted_bands_t30_ms(band_t30_ms(-np.log1p(-absorption), *size_m))
    return Room(
        room_id=identifier,
        split=split,
        length_m=size_m[0],
        width_m=size_m[1],
        height_m=size_m[2],
        materials=tuple(materials),
        absorption=tuple(tuple(surface) for surface in absorption.tolist()),
        absorption_scale=round(scale, _ABSORPTION_DECIMALS),
        t30_ms=round(t30_ms, _TIME_DECIMALS),
        t30_bands_ms=tuple(round(value, _TIME_DECIMALS) for value in bands_ms.tolist()),
    )


def band_t30_ms(
    exponents: NDArray[np.float64], length_m: float, width_m: float, height_m: float
) -> NDArray[np.float64]:
    """T30 of a diffuse field after Millington and Sette, with the absorption of air.

    Args:
        exponents: absorption exponents −ln(1 − α) of floor, ceiling and walls, (..., 3, bands). Every reflection
            multiplies, so exponents add up by area.
        length_m: the length of the room; width_m and height_m accordingly.

    Returns:
        T30 in ms by octave, (..., bands).
    """
    floor_m2, walls_m2 = length_m * width_m, 2.0 * height_m * (length_m + width_m)
    areas_m2 = np.array([floor_m2, floor_m2, walls_m2])
    absorbed_m2 = np.sum(areas_m2[:, None] * exponents, axis=-2)
    volume_m3 = floor_m2 * height_m
    per_s = SPEED_OF_SOUND_M_S * (absorbed_m2 / (4.0 * volume_m3) + np.array(AIR_ABSORPTION_PER_M))
    return np.asarray(1000.0 * DECAY_60_DB / per_s)


def white_band_energies() -> NDArray[np.float64]:
    """The share (bands,) of white noise's energy in each octave at 48 kHz, with the fade between 18 and 24 kHz."""
    widths = np.diff(np.array(_WHITE_EDGES_HZ))
    return np.asarray(widths / widths.sum())


@functools.cache
def absorption_exponents(material: str) -> NDArray[np.float64]:
    """Absorption exponents −ln(1 − α) of a material in pyroomacoustics' database, (bands,).

    Octaves above those that the database has repeat its last value.

    Raises:
        ValueError: the database has no such material.
    """
    from pyroomacoustics.parameters import materials_absorption_table

    try:
        published = materials_absorption_table[material]["coeffs"]
    except KeyError:
        raise ValueError(f"material {material!r}: not in pyroomacoustics' database") from None
    filled = [*published, *[published[-1]] * (len(OCTAVE_BANDS_HZ) - len(published))]
    return np.asarray(-np.log1p(-np.minimum(filled, _MOST_ABSORPTION)))


def _draw_size(draw: np.random.Generator, ranges: RoomRanges) -> tuple[float, float, float]:
    """Draws length, width and height in metres, rounded to millimetres."""
    for _ in range(_MOST_DRAWS):
        area_m2 = ranges.floor_area_min_m2 * (ranges.floor_area_max_m2 / ranges.floor_area_min_m2) ** draw.random()
        aspect = ranges.aspect_max ** (2.0 * draw.random() - 1.0)
        side_m = math.sqrt(area_m2)
        lowest_m = min(max(ranges.height_min_m, ranges.height_over_side_min * side_m), ranges.height_max_m)
        highest_m = min(max(lowest_m + 0.4, ranges.height_over_side_max * side_m), ranges.height_max_m)
        # The lower of two draws makes low ceilings more frequent than high ones.
        height_m = lowest_m + (highest_m - lowest_m) * min(draw.random(), draw.random())
        size_m = tuple(
            round(value, _SIZE_DECIMALS) for value in (side_m * math.sqrt(aspect), side_m / math.sqrt(aspect))
        )
        if ranges.floor_area_min_m2 <= size_m[0] * size_m[1] <= ranges.floor_area_max_m2:
            return size_m[0], size_m[1], round(height_m, _SIZE_DECIMALS)
    raise RoomDoesNotExist(
        f"no floor in whole millimetres between {ranges.floor_area_min_m2} and {ranges.floor_area_max_m2} m²"
    )


def _draw_t30(draw: np.random.Generator, ranges: RoomRanges, *size_m: float) -> float:
    """Draws a T30 in ms around the median of the volume, within the range and within what materials can absorb."""
    volume_m3 = math.prod(size_m)
    full_band = np.ones((3, len(OCTAVE_BANDS_HZ)))
    driest_ms = float(predicted_t30_ms(band_t30_ms(ranges.exponent_max * full_band, *size_m)))
    least_ms = max(ranges.t30_min_ms, driest_ms)
    most_ms = max(ranges.t30_max_ms, least_ms)
    median_ms = ranges.t30_median_ms * (volume_m3 / 100.0) ** ranges.t30_volume_exponent
    target_ms = median_ms
    for _ in range(_MOST_DRAWS):
        # The sum of twelve uniform draws, less six, is nearly normal and needs no function of the C library.
        normal = float(draw.random(12).sum()) - 6.0
        target_ms = median_ms * math.exp(ranges.t30_spread * normal)
        if least_ms <= target_ms <= most_ms:
            break
    target_ms = min(max(target_ms, math.ceil(100 * least_ms) / 100), math.floor(100 * most_ms) / 100)
    return round(target_ms, _TIME_DECIMALS)


def _draw_materials(draw: np.random.Generator, *room: float) -> tuple[str, str, str]:
    """Draws combinations of materials and takes the one with the lowest cost for a room (length_m, …, t30_ms)."""
    *size_m, target_ms = room
    floors = FLOOR_MATERIALS + (SEATING_MATERIALS if size_m[0] * size_m[1] >= SEATING_FROM_M2 else ())
    surfaces = (floors, CEILING_MATERIALS, WALL_MATERIALS)
    drawn = [draw.integers(len(names), size=COMBINATIONS) for names in surfaces]
    exponents = np.stack([_exponents_of(names)[one] for names, one in zip(surfaces, drawn, strict=True)], axis=1)
    bands_ms = band_t30_ms(exponents, *size_m)
    # Above 4 kHz the air absorbs most.
    octaves = np.log(bands_ms[:, :-2])
    spread = octaves.max(axis=1) - octaves.min(axis=1)
    step = np.max(np.abs(np.diff(octaves, axis=1)), axis=1)
    uneven = np.maximum(spread - EVEN_SPREAD, 0.0) + np.maximum(step - EVEN_STEP, 0.0)
    # Between a pair of hard walls in an otherwise soft room sound persists, and the field is not diffuse.
    contrast = np.std(np.log(exponents[:, :, 2:6].mean(axis=2)), axis=1)
    cost = 2.0 * uneven + CONTRAST_COST * contrast
    # The rest of the cost needs an exact prediction, which only the likeliest combinations get.
    white = white_band_energies()
    roughly_ms = np.exp(np.sum(np.log(bands_ms) * white, axis=1))
    bent_roughly = np.sum(np.square(np.log(bands_ms / roughly_ms[:, None])) * white, axis=1)
    rough_cost = cost + np.abs(np.log(roughly_ms / target_ms)) + BENT_COST * bent_roughly
    likely = np.argsort(rough_cost, kind="stable")[:LIKELY]
    published_ms = predicted_t30_ms(bands_ms[likely])
    # Absorption by air bends a decay, and the T30 of a bent decay changes when a loud direct sound precedes it.
    bent = np.maximum(np.log(published_ms / predicted_t30_ms(bands_ms[likely], (0.0, -25.0))) - STRAIGHT, 0.0)
    cost = cost[likely] + np.abs(np.log(published_ms / target_ms)) + BENT_COST * bent
    chosen = int(likely[np.argmin(cost)])
    floor, ceiling, walls = (names[one[chosen]] for names, one in zip(surfaces, drawn, strict=True))
    return floor, ceiling, walls


@functools.cache
def _exponents_of(names: tuple[str, ...]) -> NDArray[np.float64]:
    """Absorption exponents of materials, (names, bands)."""
    return np.stack([absorption_exponents(name) for name in names])


def _absorption_scale(target_ms: float, exponents: NDArray[np.float64], size_m: tuple[float, float, float]) -> float:
    """The factor on the absorption exponents (3, bands) that gives a room a full-band T30 in ms.

    Raises:
        RoomDoesNotExist: no factor does.
    """

    def reached_ms(scale: float) -> float:
        return float(predicted_t30_ms(band_t30_ms(scale * exponents, *size_m)))

    low, high = math.log(1e-3), math.log(1e2)
    if not reached_ms(math.exp(high)) < target_ms < reached_ms(math.exp(low)):
        raise RoomDoesNotExist(
            f"no absorption gives a room of {size_m[0]} × {size_m[1]} × {size_m[2]} m a T30 of {target_ms} ms: it can "
            f"have {reached_ms(math.exp(high)):.1f} to {reached_ms(math.exp(low)):.1f} ms"
        )
    return math.exp(
        float(brentq(lambda scale: math.log(reached_ms(math.exp(scale)) / target_ms), low, high, xtol=1e-10))
    )


def choose_materials(
    seed: int, identifier: str, size_m: tuple[float, float, float], t30_ms: float
) -> tuple[str, str, str]:
    """Chooses materials of floor, ceiling and walls for a room of a user's, from the seed and the room's name."""
    return _draw_materials(keyed_generator(seed, "materials", identifier), *size_m, t30_ms)


def natural_t30_ms(room: Room) -> NDArray[np.float64]:
    """T30 in ms (bands,) of a diffuse field with the absorption of a room, each octave by itself, to 0.01 ms."""
    exponents = -np.log1p(-np.array(room.absorption))
    return np.round(band_t30_ms(exponents, room.length_m, room.width_m, room.height_m), DECAY_DECIMALS)
