"""Bytes as text in whatever encoding: a byte of another encoding costs no other line its letters."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.sources.lists import text as text_module
from transforms.sources.lists.text import decode_text, decoded_chunks, printable, short, stripped

#: What Windows-1252 has of the letters and signs that people write.
WINDOWS = st.text(st.sampled_from("aé“”‘’…–—€ßÄ\u00a0œ ,"), max_size=20)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_every_encoding_with_and_without_its_mark(encoding: str) -> None:
    text = "file_name,caption\na.wav,“Café” … naïve — 犬\n"
    assert decode_text(text.encode(encoding)) == text


def test_windows_quotes_dashes_and_dots_are_no_control_characters() -> None:
    text = "a.wav,“A dog’s bark” – loud…\nb.wav,50 €\n"
    assert decode_text(text.encode("cp1252")) == text


def test_one_byte_of_another_encoding_costs_no_other_line() -> None:
    data = "a.wav,Café\n".encode() + "b.wav,Café…\r\n".encode("cp1252") + "c.wav,犬 — naïve\n".encode()
    assert decode_text(data) == "a.wav,Café\nb.wav,Café…\r\nc.wav,犬 — naïve\n"
    assert decode_text(b"\xef\xbb\xbf" + data) == decode_text(data)


def test_a_line_of_many_letters_keeps_them_beside_one_foreign_byte() -> None:
    line = "naïve Café déjà vu "
    assert decode_text(line.encode() + b"\x85\n") == line + "…\n"
    # And a line of Windows that holds two bytes which happen to be a letter of UTF-8.
    assert decode_text("„So ein Spaß“".encode("cp1252")) == "„So ein Spaß“"


@given(lines=st.lists(st.tuples(WINDOWS, st.booleans()), max_size=6))
def test_lines_of_two_encodings_each_come_back(lines: list[tuple[str, bool]]) -> None:
    texts = [(f"„{text}„", windows) for text, windows in lines]
    data = b"".join(f"{text}\n".encode("cp1252" if windows else "utf-8") for text, windows in texts)
    for found, (text, windows) in zip(decode_text(data).split("\n"), texts, strict=False):
        letters = f"{text}\n".encode("cp1252")
        accidents = sum(byte >= 0xC2 for byte in letters)
        # More accidents than foreign bytes cannot be told from UTF-8.
        assert found == text or (windows and accidents)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_and_no_line_is_lost(data: bytes) -> None:
    text = decode_text(data)
    printable(text).encode()
    if text_module.wide_encoding(data) is None:
        assert text.count("\n") == data.count(b"\n")
        assert text.count("\0") == data.count(b"\0")


@given(
    data=st.lists(st.sampled_from([b"a", b"\n", "é".encode(), b"\xe9", b"\x85", "犬".encode()])), size=st.integers(1, 9)
)
@settings(deadline=None)
def test_a_file_in_pieces_keeps_the_letters_of_its_whole(data: list[bytes], size: int) -> None:
    whole = b"".join(data)
    try:
        text_module.CHUNK_BYTES, before = size, text_module.CHUNK_BYTES
        found = "".join(decoded_chunks(io.BytesIO(whole)))
    finally:
        text_module.CHUNK_BYTES = before
    assert found.count("\n") == whole.count(b"\n")
    if b"\xe9" not in data and b"\x85" not in data and size >= 3:
        assert found == whole.decode()


@given(st.text(max_size=40))
def test_printable_text_can_be_kept_and_is_kept(text: str) -> None:
    kept = printable(text)
    assert kept.encode("utf-8").decode() == kept
    assert printable(kept) == kept
    if not any("\ud800" <= sign <= "\udfff" for sign in text):
        assert kept == text.replace("\0", "")


def test_invisible_signs_are_no_part_of_a_text_at_its_ends() -> None:
    assert stripped("\ufeff\u200b A\u200bB\u00a0\u2028\u200b ") == "A\u200bB"
    assert short("a\n" * 100, 9) == "a a a a …"
