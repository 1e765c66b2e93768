"""The sound files of a report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.report.binaural import SAMPLE_RATE_HZ, Head
from pipeline.report.players import PEAK_DBFS, binaural_name, for_listening, write_players
from pipeline.report.samples import cards
from pipeline.report.summary import summarise
from tests.pipeline.report.generated_release import make_release, original_of

pytestmark = pytest.mark.slow


def _left_louder_by_db(ears: np.ndarray) -> float:
    energy = np.sum(ears**2, axis=0)
    return float(10 * np.log10(energy[0] / energy[1]))


@pytest.mark.parametrize(("rate", "seconds", "heard_s"), [(48_000, 3.0, 3.0), (44_100, 12.0, 10.0), (8_000, 1.0, 1.0)])
def test_what_is_heard_is_ten_seconds_at_most_and_as_loud_as_the_rest(
    rate: int, seconds: float, heard_s: float
) -> None:
    sound, out_rate = for_listening(0.01 * np.random.default_rng(1).standard_normal(int(rate * seconds)), rate)
    assert out_rate == SAMPLE_RATE_HZ
    assert len(sound) == int(heard_s * SAMPLE_RATE_HZ)
    assert np.max(np.abs(sound)) == pytest.approx(10 ** (PEAK_DBFS / 20))
    assert (sound[-1] == 0.0) == (seconds > 10)


def test_silence_and_bad_samples_stay_finite() -> None:
    assert not for_listening(np.zeros((100, 2)), SAMPLE_RATE_HZ)[0].any()
    assert np.isfinite(for_listening(np.array([0.1, np.nan, np.inf]), SAMPLE_RATE_HZ)[0]).all()


def test_the_files_sound_as_the_rows_say(tmp_path: Path) -> None:
    """A row at the side is louder on that side; the original is mono."""
    rows = [card.row for card in cards(summarise(make_release(tmp_path / "demo", 24)), 8)]
    audio = tmp_path / "demo" / "report" / "audio"
    players = write_players(rows, str(tmp_path / "demo"), head=Head(), original_of=original_of)
    assert len(list(audio.glob("binaural-*.mp3"))) == 8
    checked = 0
    for row, player in zip(rows, players, strict=True):
        original, rate = soundfile.read(audio / str(player.original), always_2d=True)
        assert original.shape[1] == 1
        assert rate == SAMPLE_RATE_HZ
        assert np.abs(original).max() > 0.4
        if row["direction"] in ("left", "right") and abs(row["elevation_deg"]) < 40:
            ears, _ = soundfile.read(audio / str(player.binaural), always_2d=True)
            assert (_left_louder_by_db(ears) > 3.0) == (row["direction"] == "left")
            assert abs(_left_louder_by_db(ears)) > 3.0
            checked += 1
    assert checked >= 2


def test_originals_of_an_earlier_report_are_kept_and_used(tmp_path: Path) -> None:
    rows = [card.row for card in cards(summarise(make_release(tmp_path / "demo", 8)), 2)]
    audio = tmp_path / "demo" / "report" / "audio"
    first = write_players(rows, str(tmp_path / "demo"), head=Head(), original_of=original_of)
    stale = audio / "binaural-0000000000000000.mp3"
    stale.write_bytes(b"left by an earlier release")
    assert write_players(rows, str(tmp_path / "demo"), head=Head(), original_of=None) == first
    assert not stale.exists()


def test_another_head_makes_another_file(tmp_path: Path) -> None:
    sofa = tmp_path / "mine.sofa"
    sofa.write_bytes(b"any bytes")
    row = {"pcm_sha256": "0" * 64}
    assert binaural_name(row, Head()) != binaural_name(row, Head(sofa))


def test_two_ears_are_played_as_they_are(tmp_path: Path) -> None:
    release = make_release(tmp_path / "demo", 8)
    row = cards(summarise(release), 1)[0].row
    flac = release / row["shard"] / row["file_name"]
    ears = np.random.default_rng(1).uniform(-0.5, 0.5, (SAMPLE_RATE_HZ, 2)) * [1.0, 0.1]
    soundfile.write(flac, ears, SAMPLE_RATE_HZ, format="FLAC")
    (player,) = write_players([row], str(release), head=Head(), original_of=original_of)
    heard, _ = soundfile.read(release / "report" / "audio" / str(player.binaural), always_2d=True)
    assert _left_louder_by_db(heard) == pytest.approx(20.0, abs=0.5)
