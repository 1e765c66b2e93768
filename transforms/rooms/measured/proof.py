"""Whether the directions and levels of direct sounds fit the stated conventions, and if not, which would fit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transforms.rooms.measured.direct_sound import Intensity
from transforms.rooms.measured.files import MeasuredUnusable
from transforms.rooms.measured.response import RawResponse
from transforms.rooms.measured.settings import Conventions
from transforms.sofa.coordinates import Vector

#: A response tells two conventions apart where they place its source so far apart, in degrees.
TELLING_DEG = 25.0
#: So many responses have to tell a convention from another before one is refused.
FEWEST = 3
#: Of those, this share has to lie nearer to the other convention.
NEARER_SHARE = 0.75
#: The median error of the convention that fits, in degrees; less where few responses tell.
FITS_DEG, FITS_FEW_DEG, FEW = 30.0, 15.0, 8
#: The stated convention has to be wrong by so many times the error of the one that fits.
_TIMES_WORSE = 2.0
#: Directions that are off by more than this, with no convention that fits, are refused where there are so many.
NOTHING_FITS_DEG, _FEWEST_FOR_NOTHING = 45.0, 8
#: Direct sounds that are no plane wave tell no direction; see `Intensity.certainty`.
_LEAST_CERTAINTY = 0.5
#: Two conventions fit alike if the mean of 1 − cos of their errors differs by less.
_ALIKE = 0.01
#: A file of so many responses is judged by itself; smaller ones are judged together.
_ALONE = 12
#: The level of X, Y and Z over W, in dB, by normalisation.
LEVELS_DB = {"sn3d": 0.0, "fuma": 10.0 * math.log10(2.0), "n3d": 10.0 * math.log10(3.0)}
#: How much better in dB another normalisation has to fit, how well, and the level that fits none.
_BETTER_DB, _FITS_DB, _NO_LEVEL_DB = 0.6, 1.5, 6.0
#: The least spread of levels that is assumed, and how many of its standard errors are asked for.
_LEAST_SPREAD_DB, _DEVIATIONS = 0.5, 2.5
_NORMALISATIONS = {"sn3d": "SN3D", "n3d": "N3D", "fuma": "FuMa"}
_ORDERS = {"acn": "ACN W, Y, Z, X", "fuma": "FuMa W, X, Y, Z"}


@dataclass(frozen=True)
class _Meaning:
    """A convention that a set may have in place of the stated one: what fits, and what to do."""

    fits: str
    do: str


#: By what the file may have meant, in the order in which they are named where several fit alike.
MEANINGS = {
    "channels": _Meaning("", ""),
    "radians": _Meaning("the angles fit radians, not degrees", "write them in degrees"),
    "degrees": _Meaning("the angles fit degrees, not radians", "correct their unit"),
    "colatitude": _Meaning("elevations fit colatitudes, which are 0 at the top", "write 90 minus each elevation"),
    "from_listener": _Meaning(
        "positions of sources fit positions relative to the listener", "set ListenerPosition to 0, 0, 0"
    ),
    "unturned": _Meaning(
        "directions fit the axes of the room, as if the listener were not turned (its view is ignored)",
        "set ListenerView to 1, 0, 0",
    ),
    "clockwise": _Meaning("azimuth runs clockwise here", "change the sign of each azimuth"),
    "left": _Meaning(
        "directions are turned by +90 degrees: azimuth 0 is the left (+y), as if the listener looked to the right",
        "add 90 to each azimuth",
    ),
    "right": _Meaning(
        "directions are turned by -90 degrees: azimuth 0 is the right, as if the listener looked to the left",
        "subtract 90 from each azimuth",
    ),
    "back": _Meaning(
        "directions are turned by 180 degrees: azimuth 0 is the back, as if the listener looked back",
        "add 180 to each azimuth",
    ),
    "swapped": _Meaning(
        "x and y are swapped here: azimuth runs clockwise from the left (+y)", "write 90 minus each azimuth"
    ),
    "exchanged": _Meaning("source and listener are exchanged", "exchange their positions"),
    "upside_down": _Meaning(
        "the microphone hangs upside down (y and z change their signs)", "change the sign of each azimuth and elevation"
    ),
    "downwards": _Meaning("elevation runs downwards here", "change the sign of each elevation"),
}

_Axes = tuple[tuple[int, int], ...]
#: Where the source is, in terms of the stated x, y and z: an index and a sign for each of x, y and z.
_AXES: dict[str, _Axes] = {
    "clockwise": ((0, 1), (1, -1), (2, 1)),
    "left": ((1, -1), (0, 1), (2, 1)),
    "right": ((1, 1), (0, -1), (2, 1)),
    "back": ((0, -1), (1, -1), (2, 1)),
    "swapped": ((1, 1), (0, 1), (2, 1)),
    "exchanged": ((0, -1), (1, -1), (2, -1)),
    "upside_down": ((0, 1), (1, -1), (2, -1)),
    "downwards": ((0, 1), (1, 1), (2, -1)),
}
#: Where a source seems to be if channels are read in this order and are in the other.
_MISREAD = {"acn": (2, 0, 1), "fuma": (1, 2, 0)}


@dataclass
class _Group:
    """The direct sounds of one file."""

    stated: list[Vector] = field(default_factory=list)
    measured: list[Vector] = field(default_factory=list)
    gains_db: list[float] = field(default_factory=list)
    certainties: list[float] = field(default_factory=list)
    conventions: list[Conventions] = field(default_factory=list)
    others: list[dict[str, Vector]] = field(default_factory=list)


class Proof:
    """Collects the direct sounds of a set, and judges them at its end."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}

    def add(self, raw: RawResponse, stated: Conventions, intensity: Intensity | None) -> None:
        """Adds a response that was prepared by the stated conventions; one without intensity tells nothing."""
        group = self._groups.setdefault(raw.file, _Group())
        if intensity is None:
            return
        group.stated.append(raw.direction)
        group.measured.append(intensity.direction)
        group.gains_db.append(intensity.gain_db)
        group.certainties.append(intensity.certainty)
        group.conventions.append(stated)
        group.others.append(dict(raw.other_directions))

    def judge(self, say: Callable[[str], None] | None = None) -> None:
        """Refuses the set if its directions or levels disagree with the conventions.

        Args:
            say: called with one line for each file, or for all small files together, that cannot tell everything.

        Raises:
            MeasuredUnusable: naming the file, what would fit, and what to do.
        """
        for names, group in self._judged():
            what = f"responses of {names[0]}" + (f" and {len(names) - 1} other files" if len(names) > 1 else "")
            evidence = _Evidence(group)
            wrong = evidence.disagreement()
            if wrong is not None:
                raise MeasuredUnusable(f"{what}: {wrong}")
            untold = evidence.untold()
            if untold is not None and say is not None:
                say(f"{what}: {untold}")

    def _judged(self) -> Iterator[tuple[list[str], _Group]]:
        """Large files one by one, then all small files together."""
        small = [name for name, group in self._groups.items() if len(group.stated) < _ALONE]
        for name, group in self._groups.items():
            if name not in small:
                yield [name], group
        if small:
            together = _Group()
            for name in small:
                for part, more in zip(vars(together).values(), vars(self._groups[name]).values(), strict=True):
                    part.extend(more)
            yield small, together


class _Evidence:
    """What the direct sounds of a group tell."""

    def __init__(self, group: _Group) -> None:
        certain = np.array(group.certainties) >= _LEAST_CERTAINTY
        kept = np.flatnonzero(certain)
        self.count = kept.size
        self.conventions = [group.conventions[index] for index in kept]
        self.stated = np.array([group.stated[index] for index in kept]).reshape(-1, 3)
        self.measured = np.array([group.measured[index] for index in kept]).reshape(-1, 3)
        self.gains_db = np.array([group.gains_db[index] for index in kept])
        self.others = [group.others[index] for index in kept]

    def disagreement(self) -> str | None:
        """What is wrong, what would fit and what to do, in one line; None where nothing is proven wrong."""
        if self.count < FEWEST:
            return None
        fits, does = [], []
        direction, level = self._direction(), self._level()
        if direction is not None:
            fits.append(direction[0])
            does.append(direction[1])
        if level is not None:
            fits.append(level[0])
            does.append(level[1])
        elif direction is not None and "measured_channels" in direction[1]:
            # Another order brings another usual normalisation.
            stated = self.conventions[0]
            usual = Conventions("acn" if stated.channels == "fuma" else "fuma").resolved(Conventions()).normalisation
            if stated.normalisation != usual:
                does.append(f"set rooms.measured_normalisation={stated.normalisation}")
        return f"{'; '.join(fits)}; {' and '.join(does)}" if fits else None

    def untold(self) -> str | None:
        """What the directions cannot tell, in one line; None where they tell all that has a name."""
        if self.count < FEWEST:
            return (
                f"{self.count} direct sound{'s are' if self.count > 1 else ' is'} too few to prove the conventions;"
                " the stated ones are taken"
                if self.count
                else "no direct sound tells its direction, so the conventions are not proven; the stated ones are taken"
            )
        weak = [name for name, (away, _) in self._compared() if name in _SHORT and _telling(away).sum() < FEWEST]
        if not weak:
            return None
        return f"{self.count} directions cannot tell {', '.join(_SHORT[name] for name in weak)}"

    def _compared(self) -> Iterator[tuple[str, tuple[NDArray[np.float64], NDArray[np.float64]]]]:
        """Each other convention: how far it is from the stated one, and from what was measured, in degrees (n,)."""
        for name, directions in self._hypotheses():
            yield name, (_angles_deg(directions, self.stated), _angles_deg(directions, self.measured))

    def _hypotheses(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Where the sources would be read by each other convention, (n, 3); NaN for a response that has none such."""
        yield "channels", self._misread(self.stated)
        named = {name for others in self.others for name in others}
        from_file = {
            name: np.array([others.get(name, (math.nan,) * 3) for others in self.others]).reshape(-1, 3)
            for name in MEANINGS
            if name in named
        }
        yield from from_file.items()
        for name, axes in _AXES.items():
            yield name, _along(self.stated, axes)
        for name, directions in from_file.items():
            yield f"channels {name}", self._misread(directions)
        for name, axes in _AXES.items():
            yield f"channels {name}", self._misread(_along(self.stated, axes))
        known = {((0, 1), (1, 1), (2, 1)), *_AXES.values()}
        for order in itertools.permutations(range(3)):
            for signs in itertools.product((1, -1), repeat=3):
                either: _Axes = tuple(zip(order, signs, strict=True))
                if either not in known:
                    text = ", ".join(f"{'-' if sign < 0 else ''}{'xyz'[index]}" for index, sign in either)
                    yield f"axes {text}", _along(self.stated, either)

    def _misread(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        orders = np.array([_MISREAD[one.channels or "acn"] for one in self.conventions], dtype=np.intp).reshape(-1, 3)
        return np.take_along_axis(directions, orders, axis=1)

    def _direction(self) -> tuple[str, str] | None:
        errors_deg = _angles_deg(self.stated, self.measured)
        fitting = []
        for name, (away_deg, others_deg) in self._compared():
            telling = _telling(away_deg)
            count = int(telling.sum())
            if count < FEWEST:
                continue
            stated, other = errors_deg[telling], others_deg[telling]
            middle = float(np.median(other))
            if (
                np.mean(other < stated) >= NEARER_SHARE
                and middle <= (FITS_DEG if count >= FEW else FITS_FEW_DEG)
                and float(np.median(stated)) >= _TIMES_WORSE * middle
            ):
                everywhere = np.where(np.isfinite(others_deg), others_deg, errors_deg)
                fitting.append((float(np.mean(1.0 - np.cos(np.radians(everywhere)))), name))
        if fitting:
            least = min(loss for loss, _ in fitting)
            # The hypotheses come in the order in which they are preferred.
            alike = [name for loss, name in fitting if loss <= least + _ALIKE]
            return self._named(alike)
        middle = float(np.median(errors_deg))
        if self.count >= _FEWEST_FOR_NOTHING and middle > NOTHING_FITS_DEG:
            return (
                f"directions fit no convention that is known: direct sounds lie {middle:.0f} degrees beside the stated"
                " directions, in the middle",
                "check the positions, and that the channels are ambisonic",
            )
        return None

    def _named(self, alike: list[str]) -> tuple[str, str]:
        first = self._texts(alike[0])
        simple = [name for name in alike[1:] if name in MEANINGS][:2]
        also = [self._texts(name)[0] for name in simple]
        return first[0] + (f" (or {'; or '.join(also)})" if also else ""), first[1]

    def _texts(self, name: str) -> tuple[str, str]:
        if name.startswith("axes"):
            return (
                f"directions fit the axes ({name.removeprefix('axes ')}) in place of (x, y, z)",
                "correct the positions",
            )
        if name.startswith("channels"):
            stated = self.conventions[0].channels or "acn"
            other = "acn" if stated == "fuma" else "fuma"
            fits = f"directions fit {_ORDERS[other]}, not {'ACN' if other == 'fuma' else 'FuMa'}"
            do = f"set rooms.measured_channels={other}"
            further = name.removeprefix("channels").strip()
            if not further:
                return fits, do
            return f"{fits}, and {MEANINGS[further].fits}", f"{do} and {MEANINGS[further].do}"
        return MEANINGS[name].fits, MEANINGS[name].do

    def _level(self) -> tuple[str, str] | None:
        stated = self.conventions[0].normalisation or "sn3d"
        level_db = float(np.median(self.gains_db))
        apart = {name: abs(level_db - (LEVELS_DB[name] - LEVELS_DB[stated])) for name in LEVELS_DB}
        best = min(apart, key=lambda name: apart[name])
        # Few responses, or levels that differ widely, have to show a larger difference.
        spread_db = max(_LEAST_SPREAD_DB, float(np.std(self.gains_db, ddof=1)))
        better_db = max(_BETTER_DB, _DEVIATIONS * spread_db / math.sqrt(self.count))
        if best != stated and apart[stated] - apart[best] >= better_db and apart[best] <= _FITS_DB:
            fits = f"levels fit {_NORMALISATIONS[best]}, not {_NORMALISATIONS[stated]}"
            return fits, f"set rooms.measured_normalisation={best}"
        if abs(level_db) > _NO_LEVEL_DB:
            return (
                f"X, Y and Z are {level_db:+.1f} dB beside their level in {_NORMALISATIONS[stated]},"
                " which fits no normalisation",
                "check that the channels are ambisonic",
            )
        return None


#: What a set may be unable to tell, in a few words.
_SHORT = {
    "channels": "ACN from FuMa",
    "clockwise": "which way azimuth runs",
    "back": "front from back",
    "swapped": "x from y",
    "upside_down": "whether the microphone hangs upside down",
    "downwards": "up from down",
}


def _telling(away_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.nan_to_num(away_deg, nan=0.0) >= TELLING_DEG)


def _along(directions: NDArray[np.float64], axes: _Axes) -> NDArray[np.float64]:
    return np.stack([sign * directions[:, index] for index, sign in axes], axis=1)


def _angles_deg(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The angles in degrees (n,) between unit vectors (n, 3)."""
    return np.asarray(np.degrees(np.arccos(np.clip(np.sum(first * second, axis=1), -1.0, 1.0))))
