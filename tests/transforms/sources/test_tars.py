"""Tars are listed by their headers; what is cut or hostile costs itself and nothing else."""

from __future__ import annotations

import io
import os
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.layouts import tar_bytes
from tests.memory_filesystem import MemoryFileSystem
from transforms import storage
from transforms.sources import ranged_file
from transforms.sources.input_tree import Place
from transforms.sources.tars import Member, RefusedMember, list_tar

IN_TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def members(path: Path, data: bytes) -> list[Member | RefusedMember]:
    path.write_bytes(data)
    return list(list_tar(str(path), len(data)))


def bytes_of(place: Place) -> bytes:
    assert place.offset_bytes is not None
    return storage.read_range(place.path, place.offset_bytes, place.size_bytes)


def told(found: list[Member | RefusedMember]) -> list[tuple[str | None, str]]:
    return [(one.name, "" if isinstance(one, Member) else one.refusal.reason) for one in found]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar(form: int, tmp_path: Path) -> None:
    # 160 characters with folders: short enough for the oldest form, too long for its name alone.
    names = ["a.flac", "deep/é, &amp; b.flac", "/".join(["folder" * 5] * 5) + "/c.flac", "a.json"]
    found = members(tmp_path / "t.tar", tar_bytes([(name, name.encode() * 9) for name in names], form))
    assert told(found) == [(name, "") for name in names]
    assert all(isinstance(one, Member) and bytes_of(one.place) == one.name.encode() * 9 for one in found)
    assert [one.sidecar for one in found if isinstance(one, Member)][-1] == b"a.json" * 9


def test_hostile_members_are_refused_by_name(tmp_path: Path) -> None:
    def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        return info

    found = members(
        tmp_path / "t.tar",
        tar_bytes(
            [
                ("/etc/passwd.wav", b"1"),
                ("../../up.wav", b"1"),
                ("a/../../up.wav", b"1"),
                (special("link.wav", tarfile.SYMTYPE, "/etc/passwd"), b""),
                (special("hard.wav", tarfile.LNKTYPE, "good.wav"), b""),
                (special("device.wav", tarfile.CHRTYPE), b""),
                (special("pipe.wav", tarfile.FIFOTYPE), b""),
                (special("folder.wav", tarfile.DIRTYPE), b""),
                ("good.wav", b"first"),
                ("./good.wav", b"second"),
                ("large.json", b" " * ((1 << 20) + 1)),
                ("last.wav", b"1"),
            ]
        ),
    )
    assert told(found) == [
        ("/etc/passwd.wav", "outside_input"),
        ("../../up.wav", "outside_input"),
        ("a/../../up.wav", "outside_input"),
        ("link.wav", "not_a_file"),
        ("hard.wav", "not_a_file"),
        ("device.wav", "not_a_file"),
        ("pipe.wav", "not_a_file"),
        ("good.wav", ""),
        ("good.wav", "duplicate"),
        ("large.json", "too_large"),
        ("last.wav", ""),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["t.tar"]


@pytest.mark.parametrize("size", [1 << 33, 1 << 62])
def test_a_member_that_promises_more_than_the_tar_holds_is_where_it_ends(size: int, tmp_path: Path) -> None:
    huge = tarfile.TarInfo("huge.wav")
    huge.size = size
    data = tar_bytes([("good.wav", b"1")])[: 2 * 512] + huge.tobuf(tarfile.GNU_FORMAT) + b"x" * 5000
    assert told(members(tmp_path / "t.tar", data)) == [("good.wav", ""), (None, "truncated")]


def test_a_header_that_promises_a_long_name_fills_no_memory(tmp_path: Path) -> None:
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    data = tar_bytes([("good.wav", b"1")])[: 2 * 512] + name.tobuf(tarfile.GNU_FORMAT) + b"x" * 5000
    assert told(members(tmp_path / "t.tar", data)) == [("good.wav", ""), (None, "broken_tar")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"x", "truncated"), (b"x" * 4096, "broken_tar"), (b"\x1f\x8b" + b"z" * 4096, "broken_tar")],
)
def test_what_is_no_tar(data: bytes, reason: str, tmp_path: Path) -> None:
    assert told(members(tmp_path / "t.tar", data)) == [(None, reason)]


@pytest.mark.slow
@IN_TMP
@given(
    parts=st.lists(st.lists(st.integers(0, 1200), max_size=3), min_size=1, max_size=4),
    zeros=st.lists(st.integers(0, 40), min_size=4, max_size=4),
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_tars_that_were_joined_are_read_to_the_last(
    parts: list[list[int]], zeros: list[int], form: int, tmp_path: Path
) -> None:
    data, wanted = b"", []
    for part, (sizes, more) in enumerate(zip(parts, zeros, strict=False)):
        named = [(f"{part}/{number}.wav", bytes([65 + number]) * size) for number, size in enumerate(sizes)]
        data += tar_bytes(named, form) + bytes(512 * more)
        wanted += named
    found = members(tmp_path / "t.tar", data)
    assert [(one.name, bytes_of(one.place)) for one in found if isinstance(one, Member)] == wanted
    assert len(found) == len(wanted)


def test_what_follows_the_end_of_a_tar_and_is_none_is_said(tmp_path: Path) -> None:
    tar = tar_bytes([("a.wav", b"1")])
    for more in (b"no tar" * 100, b"x" * 512, tar[:700] + b"y" * 600):
        found = members(tmp_path / "t.tar", tar + more)
        assert told(found)[0] == ("a.wav", "")
        assert told(found)[-1][0] is None
    first, duplicate = members(tmp_path / "t.tar", tar + tar)
    assert told([first, duplicate]) == [("a.wav", ""), ("a.wav", "duplicate")]


def test_zeros_without_end_are_not_read_to_the_end(tmp_path: Path) -> None:
    tar = tar_bytes([("a.wav", b"1")])
    path = tmp_path / "t.tar"
    path.write_bytes(tar)
    size = 1 << 40
    os.truncate(path, size)
    assert told(list(list_tar(str(path), size))) == [("a.wav", ""), (None, "broken_tar")]


def test_headers_that_point_back_nest_or_hold_endless_numbers_end_the_tar(tmp_path: Path) -> None:
    good = tar_bytes([("good.wav", b"1")])[: 2 * 512]
    back = tarfile.TarInfo("back.wav")
    back.size = -1024
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 5
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, 512 * 1024
    for more in (
        back.tobuf(tarfile.GNU_FORMAT) + bytes(512),
        (name.tobuf(tarfile.GNU_FORMAT) + b"a.wav".ljust(512, b"\0")) * 5000,
        pax.tobuf(tarfile.GNU_FORMAT) + b"1" * pax.size,
    ):
        assert told(members(tmp_path / "t.tar", good + more + good)) == [("good.wav", ""), (None, "broken_tar")]


def test_what_macos_adds_to_a_tar_is_passed_over(tmp_path: Path) -> None:
    names = ["./._a.flac", "./a.flac", "__MACOSX/._a.flac", "d/.DS_Store", "d/._a.json"]
    assert told(members(tmp_path / "t.tar", tar_bytes([(name, b"1") for name in names]))) == [("a.flac", "")]


@IN_TMP
@given(data=st.data())
def test_a_cut_tar_loses_what_is_past_the_cut_alone(data: st.DataObject, tmp_path: Path) -> None:
    sizes = data.draw(st.lists(st.integers(0, 1500), min_size=1, max_size=6))
    whole = tar_bytes([(f"{number}.wav", bytes([65 + number]) * size) for number, size in enumerate(sizes)])
    cut = data.draw(st.integers(1, len(whole) - 1))
    found = members(tmp_path / "t.tar", whole[:cut])
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        kept = [info.name for info in tar.getmembers() if info.offset_data + info.size <= cut]
        content_end = max(info.offset_data + -(-info.size // 512) * 512 for info in tar.getmembers())
    assert [one.name for one in found if isinstance(one, Member)] == kept
    for one in found:
        if isinstance(one, Member):
            assert bytes_of(one.place) == bytes([65 + int(one.name[0])]) * one.place.size_bytes
    cuts = [(None, "truncated")] if cut <= content_end else []
    assert told(found) == [(name, "") for name in kept] + cuts


@IN_TMP
@given(data=st.data())
def test_no_damage_makes_it_raise_or_read_outside(data: st.DataObject, tmp_path: Path) -> None:
    form = data.draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    tar = bytearray(tar_bytes([("a.wav", b"1" * 600), ("é" * 90 + ".json", b"{}"), ("b.wav", b"2")], form))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(tar) - 1))
        tar[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        # A header whose checksum holds again is read further.
        header = 512 * data.draw(st.integers(0, len(tar) // 512 - 1))
        block = bytes(tar[header : header + 512])
        tar[header + 148 : header + 156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    for one in members(tmp_path / "t.tar", bytes(tar)):
        if isinstance(one, Member):
            assert one.place.offset_bytes is not None
            assert 0 < one.place.offset_bytes <= one.place.offset_bytes + one.place.size_bytes <= len(tar)
            assert not os.path.isabs(one.name)
            assert not one.name.startswith("..")


@IN_TMP
@given(junk=st.binary(min_size=1, max_size=3000))
def test_no_bytes_make_it_raise(junk: bytes, tmp_path: Path) -> None:
    assert members(tmp_path / "t.tar", junk)[-1].name is None or not junk.strip(b"\0")


def test_what_lies_between_headers_of_a_remote_tar_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    tar = tar_bytes([(f"{number}.wav", b"\1" * 500_000) for number in range(8)])
    address = MemoryFileSystem.fresh("memory://bucket", {"t.tar": tar}) + "/t.tar"
    fetched: list[int] = []
    read_range = storage.read_range

    def counted(path: str, start: int, length: int) -> bytes:
        fetched.append(length)
        return read_range(path, start, length)

    monkeypatch.setattr(storage, "read_range", counted)
    monkeypatch.setattr(ranged_file, "BEAM_WINDOW_BYTES", 4096)
    assert told(list(list_tar(address, len(tar)))) == [(f"{number}.wav", "") for number in range(8)]
    assert sum(fetched) < len(tar) / 20


def header(name: str, size: int = 0, kind: bytes = b"0") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def whole_blocks(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


GOOD = header("a.flac", 5) + whole_blocks(b"sound")
HOSTILE_TARS = {
    "long names in a row": 5000 * (header("././@LongLink", 3, b"L") + whole_blocks(b"ab\0")),
    "pax headers in a row": 5000 * (header("x", 12, b"x") + whole_blocks(b"12 path=abc\n")),
    "global headers in a row": 5000 * (header("x", 12, b"g") + whole_blocks(b"12 path=abc\n")),
    "a record that backtracks": header("x", 1 << 20, b"x") + whole_blocks((b"9" * 999 + b" ") * 1048 + b" " * 576),
    "headers larger than files": 40 * (header("x", 1 << 20, b"x") + (b"99 a" + b" " * 508) * 2048 + GOOD),
    "a size that points back": header("x", 13, b"x") + whole_blocks(b"13 size=-512\n"),
}


@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_hostile_headers_end_a_tar_and_keep_what_came_before(name: str, tmp_path: Path) -> None:
    started = time.process_time()
    found = members(tmp_path / "t.tar", GOOD + HOSTILE_TARS[name] + GOOD + bytes(1024))
    assert isinstance(found[0], Member)
    assert told(found)[-1] == (None, "broken_tar")
    assert time.process_time() - started < 5
