"""What two ears hear of first-order ambisonics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from pipeline.report import binaural
from pipeline.report.binaural import SAMPLE_RATE_HZ, SOFA_VARIABLE, Head, find_head, foa_to_binaural
from tests.benchmarks import head as head_script
from tests.pipeline.report.generated_release import encode


def _band(ears: np.ndarray, kind: str, hertz: float) -> np.ndarray:
    return np.asarray(sosfilt(butter(2, hertz, kind, fs=SAMPLE_RATE_HZ, output="sos"), ears, axis=0))


def _right_later_by_samples(ears: np.ndarray) -> int:
    low = _band(ears, "lowpass", 1000.0)
    return int(np.argmax(np.correlate(low[:, 1], low[:, 0], "full"))) - (len(low) - 1)


def _left_louder_by_db(ears: np.ndarray) -> float:
    energy = np.sum(ears**2, axis=0)
    return float(10 * np.log10(energy[0] / energy[1]))


def _click(azimuth_deg: float, elevation_deg: float = 0.0) -> np.ndarray:
    click = np.zeros(4800)
    click[1000] = 1.0
    return encode(click, azimuth_deg, elevation_deg)


def _heard(azimuth_deg: float, elevation_deg: float = 0.0) -> np.ndarray:
    return foa_to_binaural(_click(azimuth_deg, elevation_deg), Head())


def test_plus_90_is_louder_and_earlier_in_the_left_ear() -> None:
    ears = _heard(90.0)
    assert ears.shape == (4800, 2)
    assert _left_louder_by_db(ears) > 6.0
    # A head's delay at the side is 0.6 to 0.8 ms; first order keeps more than half of it below 1 kHz.
    assert 0.3e-3 < _right_later_by_samples(ears) / SAMPLE_RATE_HZ < 0.9e-3


def test_minus_90_is_the_mirror_image() -> None:
    np.testing.assert_allclose(_heard(-90.0), _heard(90.0)[:, ::-1], atol=1e-12)


@pytest.mark.parametrize(("azimuth_deg", "elevation_deg"), [(0.0, 0.0), (180.0, 0.0), (0.0, 90.0)])
def test_the_median_plane_is_the_same_in_both_ears(azimuth_deg: float, elevation_deg: float) -> None:
    ears = _heard(azimuth_deg, elevation_deg)
    np.testing.assert_allclose(ears[:, 0], ears[:, 1], atol=1e-12)


def test_sides_are_ordered_by_azimuth() -> None:
    levels = [_left_louder_by_db(_heard(azimuth_deg)) for azimuth_deg in (-90, -45, 0, 45, 90)]
    assert levels == sorted(levels)


def test_the_front_is_brighter_than_the_back() -> None:
    """The pinnae shade what comes from behind, from 3 kHz on; without them front and back would sound alike."""
    front, back = (
        10 * np.log10(np.sum(_band(_heard(azimuth_deg), "highpass", 3000.0) ** 2)) for azimuth_deg in (0.0, 180.0)
    )
    low = [10 * np.log10(np.sum(_band(_heard(azimuth_deg), "lowpass", 500.0) ** 2)) for azimuth_deg in (0.0, 180.0)]
    assert 3.0 < front - back < 9.0
    assert abs(low[0] - low[1]) < 1.5


def test_up_and_down_differ() -> None:
    spectra = [np.abs(np.fft.rfft(_heard(0.0, elevation_deg)[:, 0])) for elevation_deg in (60.0, -60.0)]
    hertz = np.fft.rfftfreq(4800, 1 / SAMPLE_RATE_HZ)
    band = (hertz > 6000) & (hertz < 12_000)
    assert np.abs(20 * np.log10(spectra[0][band] / spectra[1][band])).max() > 3.0


@pytest.mark.slow
def test_the_filters_are_made_from_the_measurement_again() -> None:
    """The file in the package is what its script makes of MIT's measurement."""
    if not head_script.SOFA.is_file():
        print(f"skipped: {head_script.SOFA} is not installed (Debian: apt-get install libmysofa1)")
        pytest.skip("libmysofa1 is not installed")
    again = head_script.left_ear(head_script.SOFA)
    np.testing.assert_allclose(binaural.ear_filters(Head())[0].T, again, atol=1e-6)


def test_the_filters_name_their_authors_and_their_licence() -> None:
    text = " ".join(head_script.OUTPUT.read_text(encoding="utf-8").replace("#", " ").split())
    for part in ("Bill Gardner and Keith Martin", "free with no restrictions on use", head_script.SOFA_SHA256):
        assert part in text


def test_the_head_is_taken_from_the_argument_then_the_environment(tmp_path: Path) -> None:
    sofa = tmp_path / "mine.sofa"
    sofa.write_bytes(b"not a SOFA file")
    assert find_head(None, {}) == Head()
    assert find_head(sofa, {}).sofa == sofa
    assert find_head(None, {SOFA_VARIABLE: str(sofa)}).sofa == sofa
    with pytest.raises(FileNotFoundError, match=r"nowhere\.sofa"):
        find_head("nowhere.sofa", {})
    with pytest.raises(ValueError, match=r"mine\.sofa"):
        foa_to_binaural(_click(0.0), find_head(sofa, {}))


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(samples, 4\)"):
        foa_to_binaural(np.zeros((10, 2)), Head())
