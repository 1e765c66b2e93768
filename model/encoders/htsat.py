"""Features for HTSAT, the audio encoder of CLAP, computed in batches on the device.

Source: ELSA, section 4.1, which takes LAION-CLAP's weights. The features are those of transformers'
``ClapFeatureExtractor``, which computes them clip by clip in NumPy.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional
from transformers.audio_utils import mel_filter_bank

from model.features import without_autocast

SAMPLE_RATE = 48000
#: The network takes ten seconds. Shorter sound is repeated as often as it fits in whole, then padded with zeros.
SAMPLES = 480000
_N_FFT, _HOP, _BANDS, _FROM_HZ, _TO_HZ = 1024, 480, 64, 50.0, 14000.0
#: Power of a band that counts as silence: −100 dB.
_FLOOR = 1e-10


@lru_cache(maxsize=8)
def _constants(fusion: bool, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    # LAION trained models with fusion on torchaudio's filters, and models without fusion on librosa's.
    norm, scale = (None, "htk") if fusion else ("slaney", "slaney")
    filters = mel_filter_bank(_N_FFT // 2 + 1, _BANDS, _FROM_HZ, _TO_HZ, SAMPLE_RATE, norm=norm, mel_scale=scale)
    with torch.inference_mode(False):
        window = torch.hann_window(_N_FFT, periodic=True, dtype=torch.float64)
        return window.to(device=device, dtype=dtype), torch.from_numpy(filters).to(device=device, dtype=dtype)


def repeated(sound: Tensor) -> Tensor:
    """Brings sound (B, samples) to (B, SAMPLES): the first ten seconds, or whole repetitions and then zeros."""
    samples = sound.shape[1]
    if samples >= SAMPLES:
        return sound[:, :SAMPLES]
    sound = sound.repeat(1, SAMPLES // samples)
    return functional.pad(sound, (0, SAMPLES - sound.shape[1]))


@without_autocast
def input_features(sound: Tensor, fusion: bool = False) -> Tensor:
    """Log-mel spectrograms in decibels, as ClapAudioModel takes them.

    Args:
        sound: (B, samples) at SAMPLE_RATE.
        fusion: whether the model fuses crops of long sound. It then gets four equal channels, because ten seconds need
            no crops.

    Returns:
        (B, 1, 1001, 64), or with fusion (B, 4, 1001, 64).
    """
    window, filters = _constants(fusion, sound.dtype, sound.device)
    parts = torch.view_as_real(
        torch.stft(repeated(sound), _N_FFT, _HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    )
    power = parts.square().sum(-1).transpose(1, 2) @ filters
    decibels = (10 * torch.log10(power.clamp(min=_FLOOR))).unsqueeze(1)
    return decibels.expand(-1, 4, -1, -1) if fusion else decibels
