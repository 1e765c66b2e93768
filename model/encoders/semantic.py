"""The semantic branch: what sounds, from W alone (ELSA, section 4.1). Three encoders behind one interface.

``htsat`` is the paper's. ``aisfx`` comes inside a package, for where no model hub can be reached. ``cnn`` is a small
network trained with the rest.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import ClapAudioConfig, ClapAudioModel

from model.configuration.elsa_config import ElsaConfig
from model.encoders import aisfx, htsat
from model.encoders.clap import clap_config, differing, load_part
from model.features import full_precision, log_mel, stft
from model.resampling import resample


class SemanticEncoder(nn.Module):
    """The interface: W at ``sample_rate`` to one vector of ``size`` numbers a clip."""

    sample_rate: int
    size: int

    def forward(self, sound: Tensor) -> Tensor:
        """(B, samples) at ``sample_rate``, float32 → (B, size)."""
        raise NotImplementedError

    def load_source(self, config: ElsaConfig) -> None:
        """The weights from where the encoder first comes from, if it comes from anywhere."""


class CnnEncoder(SemanticEncoder):
    """Blocks of two 3×3 convolutions on log-mel, the first halving both axes; then mean and maximum over both."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate = config.spatial_rate
        blocks: list[nn.Module] = []
        width = 1
        for channels in config.semantic_channels:
            blocks += [_convolution(width, channels, stride=2), _convolution(channels, channels)]
            width = channels
        self.blocks = nn.Sequential(*blocks)
        self.size = 2 * width

    def forward(self, sound: Tensor) -> Tensor:
        """(B, samples) → (B, size)."""
        config = self.config
        parts = torch.view_as_real(stft(sound, n_fft=config.n_fft, hop=config.hop))
        mel = log_mel(
            parts.square().sum(-1),
            sample_rate=config.spatial_rate,
            mel_bins=config.mel_bins,
            from_hz=config.mel_from_hz,
            to_hz=config.mel_to_hz,
        )
        # From [-10, 0] of the common logarithm, where recordings lie, to about [-1, 1].
        maps = self.blocks(((mel.unsqueeze(1) + 5) / 5).contiguous(memory_format=torch.channels_last))
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)


class AisfxEncoder(SemanticEncoder):
    """The network of the package aisfx."""

    sample_rate = aisfx.SAMPLE_RATE
    size = aisfx.WIDTH
    #: The network halves its input three times.
    SAMPLES_AT_LEAST = 8 * 1024

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.network = aisfx.AisfxNetwork()

    def forward(self, sound: Tensor) -> Tensor:
        """(B, samples) → (B, 512)."""
        sound = nn.functional.pad(sound, (0, max(0, self.SAMPLES_AT_LEAST - sound.shape[1])))
        return self.network(aisfx.spectrogram(sound))

    def load_source(self, config: ElsaConfig) -> None:
        """The package's weights."""
        self.network.load_package()


class HtsatEncoder(SemanticEncoder):
    """HTSAT as transformers' ClapAudioModel."""

    sample_rate = htsat.SAMPLE_RATE

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        if config.semantic_config is None:
            config.semantic_config = differing(
                clap_config(config.semantic_source, key="semantic_source").audio_config
                if config.semantic_source
                else ClapAudioConfig()
            )
        self.model = ClapAudioModel(ClapAudioConfig(**config.semantic_config))
        self.size = self.model.config.hidden_size

    def forward(self, sound: Tensor) -> Tensor:
        """(B, samples) → (B, size)."""
        fusion = self.model.config.enable_fusion
        longer = torch.zeros(len(sound), 1, dtype=torch.bool, device=sound.device) if fusion else None
        features = htsat.input_features(sound, fusion)
        output: Tensor = self.model(input_features=features, is_longer=longer).pooler_output
        return output

    def load_source(self, config: ElsaConfig) -> None:
        """The audio part of the CLAP model that ``semantic_source`` names, if it names one."""
        if config.semantic_source:
            load_part(self.model, config.semantic_source, "audio_model", key="semantic_source")


SEMANTIC_ENCODERS: dict[str, type[SemanticEncoder]] = {"aisfx": AisfxEncoder, "cnn": CnnEncoder, "htsat": HtsatEncoder}


class SemanticBranch(nn.Module):
    """An encoder, frozen or not, and what brings its vector to ``semantic_size``: layer norm and one linear layer."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.encoder = SEMANTIC_ENCODERS[config.semantic_encoder](config)
        self.frozen = config.semantic_frozen
        self.encoder.requires_grad_(not self.frozen)
        self.projection = nn.Sequential(
            nn.LayerNorm(self.encoder.size), nn.Linear(self.encoder.size, config.semantic_size)
        )
        if isinstance(self.encoder, HtsatEncoder) and self.encoder.size == config.semantic_size:
            # HTSAT ends in a layer norm, and the paper has nothing between it and the fusion.
            self.projection = nn.Sequential()

    def encode(self, audio: Tensor, sample_rate: int) -> Tensor:
        """(B, 4, samples), W first → the encoder's vectors (B, encoder.size). Without gradient where it is frozen.

        The vectors of a frozen encoder are a function of the sound alone, so training may keep them.
        """
        sound = resample(full_precision(audio[:, 0]), sample_rate, self.encoder.sample_rate)
        if self.frozen:
            with torch.no_grad():
                return self.encoder(sound)
        out: Tensor = self.encoder(sound)
        return out

    def forward(self, encoded: Tensor) -> Tensor:
        """What ``encode`` gives → (B, semantic_size)."""
        out: Tensor = self.projection(encoded)
        return out

    def train(self, mode: bool = True) -> SemanticBranch:
        """Frozen means without dropout too."""
        super().train(mode)
        if self.frozen:
            self.encoder.train(False)
        return self


def _convolution(width: int, channels: int, stride: int = 1) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the clips that share its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(math.gcd(8, channels), channels),
        nn.GELU(),
    )
