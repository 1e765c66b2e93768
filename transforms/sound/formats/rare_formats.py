"""Finding out from libsndfile's log whether a file of a rare format breaks off.

libsndfile decodes what is left of such a file without an error, and mentions the missing part in its log alone.
"""

from __future__ import annotations

import re

import soundfile

from transforms.sound.formats.file_view import Source
from transforms.sound.refusal import ClipRefused

# For 8SVX, MAT4 and WVE the log has two lengths, both in the same unit.
_PROMISED_AND_FOUND = (
    re.compile(r"^\s*BODY\s*:\s*(?P<promised>\d+) \(should be (?P<found>\d+)\)", re.MULTILINE),
    re.compile(r"File seems to be truncated\. (?P<found>\d+) <--> (?P<promised>\d+)"),
    re.compile(r"Data length (?P<promised>\d+) should be (?P<found>\d+)"),
)
_LOGGED_FRAMES = re.compile(r"\b(?:Frames|Cols)\s*:\s*(\d+)")
_FORMATS_THAT_LOG_FRAMES = ("AVR", "MPC2K", "MAT4", "MAT5")
_NIST_FRAMES = re.compile(rb"^sample_count -i (\d+)", re.MULTILINE)
_NIST_HEADER_BYTES = 1024
_VOC_BREAKS_OFF = "Seems to be a truncated file"


def promised_and_found(source: Source, file: soundfile.SoundFile, count: int) -> tuple[int, int]:
    """How many samples of each channel the header promises, and how many there are, of which `count` were decoded.

    Raises:
        ClipRefused: truncated, if the log gives no numbers.
    """
    log, promised = file.extra_info, count
    logged = [int(number) for number in _LOGGED_FRAMES.findall(log)]
    if file.format == "SDS" and logged:
        # libsndfile replaces missing blocks of such a file by zeros, and logs how many frames the others hold.
        return file.frames, min(logged[-1], count)
    if file.format in _FORMATS_THAT_LOG_FRAMES:
        promised = max([promised, *logged])
    for pattern in _PROMISED_AND_FOUND:
        for match in pattern.finditer(log):
            promised = max(promised, count * int(match["promised"]) // max(int(match["found"]), 1))
    if file.format == "NIST" and (counted := _NIST_FRAMES.search(source.read(0, _NIST_HEADER_BYTES))):
        promised = max(promised, int(counted[1]))
    if _VOC_BREAKS_OFF in log:
        raise ClipRefused("truncated", f"it breaks off after {count / file.samplerate:.2f} s; its header promises more")
    return promised, count
