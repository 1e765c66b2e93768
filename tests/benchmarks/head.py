"""The filters of the report's head, made from MIT's measurement: ``python -m tests.benchmarks.head``.

The measurement is the file MIT_KEMAR_normal_pinna.sofa of Debian's libmysofa1.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.report import binaural

#: Where libmysofa1 puts the measurement, and the SHA-256 of the file that the filters were made from.
SOFA = Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa")
SOFA_SHA256 = "2768ac841213a7ae11d1ea7fd0f25a69b39216102dc5dd913ea6ba0f0dc57e28"
OUTPUT = Path(binaural.__file__).with_name(binaural.KEMAR_FILTERS)

_HEADER = f"""\
Filters from first-order ambisonics (AmbiX: ACN, SN3D) at 48 kHz to the left ear of MIT's KEMAR dummy head.
One column a channel: W, Y, Z, X. One line a tap. The right ear has the same filters with the sign of Y reversed.

Measured by Bill Gardner and Keith Martin: HRTF Measurements of a KEMAR Dummy-Head Microphone,
MIT Media Lab Perceptual Computing, Technical Report 280, 1994.
"This data is Copyright 1994 by the MIT Media Laboratory. It is provided free with no restrictions on use,
provided the authors are cited when the data is used in any research or commercial application."

Changed here: resampled from 44.1 kHz, equalised to a flat diffuse field, reduced to first order by magnitude
least squares. Made by python -m tests.benchmarks.head from MIT_KEMAR_normal_pinna.sofa of Debian's libmysofa1
(SHA-256 {SOFA_SHA256})."""


def left_ear(sofa: Path) -> NDArray[np.float64]:
    """The filters of a symmetric head's left ear, shape (taps, 4 channels)."""
    left, right = binaural.sofa_filters(sofa)
    if not np.allclose(left, right * np.array([1.0, -1.0, 1.0, 1.0])[:, None], atol=1e-9):
        raise ValueError(f"{sofa}: the ears are not mirrored, so one of them cannot stand for both")
    return np.asarray(left.T)


def main() -> int:
    """Writes the filters. A file that is not the known measurement is rejected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sofa", type=Path, default=SOFA)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    if not options.sofa.is_file():
        print(f"no such file: {options.sofa} (Debian: apt-get install libmysofa1)", file=sys.stderr)
        return 2
    if hashlib.sha256(options.sofa.read_bytes()).hexdigest() != SOFA_SHA256:
        print(f"{options.sofa} is not the measurement with the SHA-256 {SOFA_SHA256}", file=sys.stderr)
        return 2
    lines = [f"# {line}".rstrip() for line in _HEADER.splitlines()]
    # Adding zero makes a negative zero positive.
    lines += [",".join(f"{tap:.7f}" for tap in taps) for taps in np.round(left_ear(options.sofa), 7) + 0.0]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{options.output}: {options.output.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
