"""Finding and counting the frames of MPEG audio (layers I to III; MPEG 1, 2 and 2.5) in a file.

libmpg123, which decodes the frames, trusts the number of frames in the tag that the first frame may be. Without a tag
it estimates the duration from the bit rate of the first frame and the length of the file. It stops where more than 1024
bytes belong to no frame. So this module counts the frames by their headers (ISO/IEC 11172-3 and 13818-3, 2.4.1.3).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from transforms.sound.formats import metadata_tags
from transforms.sound.formats.file_view import Piece, Source
from transforms.sound.refusal import ClipRefused

# Bit rates in kbit/s by the four bits of a header, for MPEG 1 or not, and by layer.
_KILOBITS = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
# The first three bytes of a header: 11 bits of sync, a layer, a bit rate.
_SYNC = re.compile(rb"\xff[\xe2-\xe7\xf2-\xff][\x00-\xef]")
_XING_TAGS = (b"Xing", b"Info")
_FRAMES_THAT_CONFIRM = 3
# The bits that are the same in all headers of a stream: sync, version, layer, sample rate.
_CONSTANT_BITS = 0xFFFE_0C00
# A frame of layer III has 2880 bytes at 640 kbit/s and 32 kHz; free format has no limit, and is never that long.
_LONGEST_FREE_FRAME_BYTES = 4096
# The tag says in 12 bits each how many samples to leave out at the start and at the end.
_MOST_LEFT_OUT = 2 * 4095
_SEARCHED_FOR_START_BYTES = 1 << 20
_WINDOW_BYTES = 1 << 20


@dataclass
class MpegPart:
    """Frames of one run of an encoder; a part begins at a Xing tag, or where the number of channels changes.

    Attributes:
        channels: 1 or 2.
        ranges: offsets of the first byte and of the byte after the last, for each sequence of frames without a gap.
        frames: how many frames hold sound.
        promised_frames: how many the tag says there are; None if it does not say.
        promised_bytes: how long the tag says they are; None if it does not say.
        count_at: offset of the number of frames in a Xing tag; None without one.
    """

    channels: int
    ranges: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    promised_frames: int | None = None
    promised_bytes: int | None = None
    count_at: int | None = None

    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of a view of this part alone, whose tag does not promise fewer frames than there are."""
        if self.count_at is None or self.promised_frames is None or self.promised_frames >= self.frames:
            return tuple(self.ranges)
        (start, end), *others = self.ranges
        count = self.frames.to_bytes(4, "big")
        return (start, self.count_at), count, (self.count_at + len(count), end), *others

    @property
    def bytes(self) -> int:
        """The length of all frames, including the frame of the tag."""
        return sum(end - start for start, end in self.ranges)


@dataclass
class MpegStream:
    """The frames of a stream of MPEG audio.

    Attributes:
        rate: the sample rate in hertz.
        samples_a_frame: samples of each channel in a frame.
        parts: the frames, in parts.
        frames: how many frames hold sound, in all parts.
        stray_bytes: how many bytes after the first frame belong to no frame and no tag.
        ends_within_frame: whether the last frame breaks off; it is not in the parts.
    """

    rate: int
    samples_a_frame: int
    parts: list[MpegPart] = field(default_factory=list)
    frames: int = 0
    stray_bytes: int = 0
    ends_within_frame: bool = False

    @property
    def duration_s(self) -> float:
        """The duration of all frames."""
        return self.seconds(self.frames)

    @property
    def stray_s(self) -> float:
        """The duration of frames of the same bit rate that would be as long as the stray bytes."""
        held_bytes = sum(part.bytes for part in self.parts)
        return self.duration_s * self.stray_bytes / held_bytes if held_bytes else 0.0

    @property
    def is_plain(self) -> bool:
        """Whether the file consists of one part and tags, and its number of frames is right if it gives one."""
        if len(self.parts) != 1 or len(self.parts[0].ranges) != 1 or self.stray_bytes or self.ends_within_frame:
            return False
        promised = self.parts[0].promised_frames
        # Some encoders count the frame of the tag, too.
        return promised is None or 0 <= promised - self.frames <= 1

    @property
    def fewest_samples(self) -> int:
        """How many samples are decoded at least; a tag may say that some are left out at both ends of its part."""
        left_out = sum(_MOST_LEFT_OUT for part in self.parts if part.count_at is not None)
        return max(self.frames * self.samples_a_frame - left_out, 0)

    def seconds(self, frames: int) -> float:
        """The duration of a number of frames."""
        return frames * self.samples_a_frame / self.rate


def scan(source: Source, start: int, end: int, *, max_duration_s: float) -> MpegStream | None:
    """Finds all frames between two offsets of a file.

    Args:
        source: the file.
        start: the offset where the stream begins, or tags before it.
        end: the offset of the byte after the last.
        max_duration_s: the search ends when the frames last longer than this.

    Returns:
        The stream; None if no frames follow each other near the start.

    Raises:
        ClipRefused: chained, if the sample rate, the layer or the version changes.
    """
    window = _Window(source, metadata_tags.trailing_tags_start(source, start, end))
    sound_start = metadata_tags.leading_tags_end(source, start, window.end)
    # A tag whose length is wrong may extend over frames, so it is searched, too.
    if not window.confirms(sound_start):
        found = window.find_frames(start, min(sound_start + _SEARCHED_FOR_START_BYTES, window.end))
        if found is None:
            return None
        sound_start = window.frame_before(sound_start, found)
    first = window.header(sound_start)
    assert first is not None
    stream = MpegStream(first.rate, first.samples)
    _Walk(window, first, stream).run(sound_start, max_duration_s)
    return stream


class _Header(NamedTuple):
    """The header of a frame.

    Attributes:
        kind: the bits that are the same in all frames of a stream; the lowest bit says whether it has free format.
        length: bytes of the whole frame; 0 in free format, where only the distance to the next frame tells it.
        padding: bytes of padding.
        samples: samples of each channel.
        rate: the sample rate in hertz.
        channels: 1 or 2.
        layer: 1, 2 or 3.
        xing_at: offset of a Xing tag within the frame.
    """

    kind: int
    length: int
    padding: int
    samples: int
    rate: int
    channels: int
    layer: int
    xing_at: int


@functools.lru_cache(maxsize=4096)
def _parse_header(bits: int) -> _Header | None:
    """Parses the 32 bits of a header; None if they are none."""
    version, layer = bits >> 19 & 3, 4 - (bits >> 17 & 3)
    kilobits_index, rate_index = bits >> 12 & 15, bits >> 10 & 3
    if bits >> 21 != 0x7FF or version == 1 or layer == 4 or kilobits_index == 15 or rate_index == 3:
        return None
    mpeg1 = version == 3
    rate = _RATES[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    kilobits = _KILOBITS[mpeg1, layer][kilobits_index]
    samples = 384 if layer == 1 else 1152 if layer == 2 or mpeg1 else 576
    # The length of a frame of layer I is a multiple of four bytes.
    slot = 4 if layer == 1 else 1
    padding = slot * (bits >> 9 & 1)
    length = samples * 125 * kilobits // (rate * slot) * slot + padding if kilobits else 0
    mono = bits >> 6 & 3 == 3
    side_bytes = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    kind = bits & _CONSTANT_BITS | (not kilobits)
    return _Header(kind, length, padding, samples, rate, 1 if mono else 2, layer, 4 + side_bytes)


class _Window:
    """The bytes of a stream by their offsets in the file; some of them are held in memory."""

    def __init__(self, source: Source, end: int) -> None:
        self.source, self.end = source, end
        self._data, self._start = b"", 0

    def bytes(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`; fewer only at the end."""
        within = at - self._start
        if within < 0 or within + count > len(self._data):
            self._data = self.source.read(at, max(min(max(_WINDOW_BYTES, count), self.end - at), 0))
            self._start, within = at, 0
        return self._data[within : within + count]

    def header(self, at: int) -> _Header | None:
        """The header at an offset; None if there is none."""
        data = self.bytes(at, 4)
        return _parse_header(int.from_bytes(data, "big")) if len(data) == 4 else None

    def find_frames(self, start: int, end: int) -> int | None:
        """The first offset from `start` up to `end` at which frames follow each other; None if there is none."""
        at = start
        while at < end:
            data = self.bytes(at, min(_WINDOW_BYTES // 2, end - at + 2))
            for match in _SYNC.finditer(data):
                if at + match.start() < end and self.confirms(at + match.start()):
                    return at + match.start()
            at += max(len(data) - 2, 1)
        return None

    def confirms(self, at: int) -> bool:
        """Whether three frames of one stream follow each other at an offset, or fewer up to the end of the stream."""
        first = self.header(at)
        if first is None:
            return False
        free_bytes = 0 if first.length else self.free_frame_bytes(at, first)
        if free_bytes is None:
            return False
        for number in range(_FRAMES_THAT_CONFIRM):
            header = self.header(at)
            if header is None or header.kind != first.kind:
                return False
            at += header.length or free_bytes + header.padding
            if at >= self.end:
                return at == self.end or number > 0
        return True

    def frame_before(self, at: int, found: int) -> int:
        """`at` if there is a frame of the same stream as at `found`, else `found`."""
        header, first = self.header(at), self.header(found)
        if header is None or first is None or header.kind != first.kind:
            return found
        return at if header.length and at + header.length <= found else found

    def free_frame_bytes(self, at: int, first: _Header) -> int | None:
        """The length of frames in free format, without padding, by the distance to the next header of the same kind."""
        data = self.bytes(at, _LONGEST_FREE_FRAME_BYTES + 4)
        for match in _SYNC.finditer(data, first.xing_at):
            header = self.header(at + match.start())
            if header is not None and header.kind == first.kind:
                length = match.start() - first.padding
                after = self.header(at + match.start() + length + header.padding)
                if after is not None and after.kind == first.kind:
                    return length
        return None


class _Walk:
    """Goes from frame to frame, and adds each to the stream."""

    def __init__(self, window: _Window, first: _Header, stream: MpegStream) -> None:
        self._window, self._first, self._stream = window, first, stream
        self._free_bytes = 0

    def run(self, start: int, max_duration_s: float) -> None:
        """Adds all frames from an offset on, until they last longer than `max_duration_s`."""
        window, stream, kind = self._window, self._stream, self._first.kind
        most_frames = max_duration_s * stream.rate / stream.samples_a_frame
        at: int | None = start
        header = window.header(start)
        while at is not None and at < window.end and stream.frames <= most_frames:
            length = self._length(at, header) if header is not None and header.kind == kind else 0
            if header is None or not length:
                at = self._pass_over(at)
                header = None if at is None else window.header(at)
                continue
            end = at + length
            if end > window.end:
                stream.ends_within_frame = True
                return
            after = window.header(end)
            if (after is None or after.kind != kind) and end < window.end:
                # If bytes of this frame are missing, the next one begins within its length.
                within = window.find_frames(at + 4, end)
                if within is not None:
                    stream.stray_bytes += within - at
                    at, header = within, window.header(within)
                    continue
            self._add(at, header, length)
            at, header = end, after

    def _length(self, at: int, header: _Header) -> int:
        """The length of the frame at an offset; 0 if it cannot be known."""
        if header.length:
            return header.length
        self._free_bytes = self._free_bytes or self._window.free_frame_bytes(at, header) or 0
        return self._free_bytes and self._free_bytes + header.padding

    def _add(self, at: int, header: _Header, length: int) -> None:
        parts, tag = self._stream.parts, self._tag(at, header, length)
        if not parts or parts[-1].channels != header.channels or tag is not None:
            parts.append(MpegPart(header.channels))
        part = parts[-1]
        if part.ranges and part.ranges[-1][1] == at:
            part.ranges[-1] = part.ranges[-1][0], at + length
        else:
            part.ranges.append((at, at + length))
        if tag is None:
            part.frames += 1
            self._stream.frames += 1
            if self._stream.frames == 1 and part.promised_frames is None:
                part.promised_frames = self._vbri_frames(at, length)
        else:
            part.promised_frames, part.promised_bytes, part.count_at = tag

    def _tag(self, at: int, header: _Header, length: int) -> tuple[int | None, int | None, int | None] | None:
        """The contents of a Xing tag, if the frame is one: number of frames, number of bytes, offset of the former."""
        if header.layer != 3:
            return None
        tag_at = at + header.xing_at
        data = self._window.bytes(tag_at, 6)
        if data[2:] in _XING_TAGS:
            # The frame has a checksum of two bytes before the tag.
            tag_at += 2
        elif data[:4] not in _XING_TAGS:
            return None
        data = self._window.bytes(tag_at, 16)
        if tag_at + len(data) > at + length:
            return None
        flags = int.from_bytes(data[4:8], "big")
        counts, bytes_at = bool(flags & 1), 12 if flags & 1 else 8
        return (
            int.from_bytes(data[8:12], "big") if counts else None,
            int.from_bytes(data[bytes_at : bytes_at + 4], "big") if flags & 2 else None,
            tag_at + 8 if counts else None,
        )

    def _vbri_frames(self, at: int, length: int) -> int | None:
        """The number of frames in a VBRI tag, plus its own, which libmpg123 decodes to silence; None without a tag."""
        data = self._window.bytes(at + 36, 18)
        return int.from_bytes(data[14:18], "big") + 1 if data.startswith(b"VBRI") and length >= 54 else None

    def _pass_over(self, at: int) -> int | None:
        """The offset of the next frame or tag after a tag or after stray bytes; None if none follows.

        Raises:
            ClipRefused: chained.
        """
        after = metadata_tags.tag_end(self._window.source, at, self._window.end)
        # A tag whose length is wrong would hide sound, so it counts only if a frame, a tag or the end follows.
        if after is not None and (after == self._window.end or self._begins(after)):
            return after
        found = self._window.find_frames(at, self._window.end)
        self._stream.stray_bytes += (self._window.end if found is None else found) - at
        header = None if found is None else self._window.header(found)
        if header is not None and header.kind != self._first.kind:
            raise ClipRefused(
                "chained",
                f"after {self._stream.duration_s:.2f} s of {_name(self._first)} a stream of {_name(header)} begins",
            )
        return found

    def _begins(self, at: int) -> bool:
        """Whether a frame or a tag begins at an offset."""
        source = self._window.source
        return self._window.header(at) is not None or metadata_tags.tag_end(source, at, self._window.end) is not None


def _name(header: _Header) -> str:
    return f"MPEG layer {'I' * header.layer} at {header.rate} Hz"
