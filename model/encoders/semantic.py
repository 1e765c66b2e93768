"""The semantic branch, which encodes the kind of sound from W (ELSA, section 4.1). It has three encoders.

``htsat`` is the paper's. ``aisfx`` comes in a package, for machines that cannot reach a model hub. ``cnn`` is a small
network that is trained with the rest of the model.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import ClapAudioConfig, ClapAudioModel

from model.configuration.elsa_config import ElsaConfig
from model.encoders import aisfx, htsat
from model.encoders.clap import clap_config, differing, load_part
from model.encoders.settings import config_of
from model.features import full_precision, log_mel, stft
from model.resampling import resample


class SemanticEncoder(nn.Module):
    """The interface of semantic encoders: from W at ``sample_rate`` to a vector of ``size`` numbers."""

    sample_rate: int
    size: int

    def forward(self, sound: Tensor) -> Tensor:
        """Encodes sound (B, samples) at ``sample_rate``, float32: (B, size)."""
        raise NotImplementedError

    def load_source(self, config: ElsaConfig) -> None:
        """Loads the first weights from the encoder's source, if it has one."""


class CnnEncoder(SemanticEncoder):
    """Blocks of two 3×3 convolutions on a log-mel spectrogram, the first with stride 2; then mean and maximum."""

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
        """Encodes sound (B, samples) at ``sample_rate``: (B, size)."""
        config = self.config
        parts = torch.view_as_real(stft(sound, n_fft=config.n_fft, hop=config.hop))
        mel = log_mel(
            parts.square().sum(-1),
            sample_rate=config.spatial_rate,
            mel_bins=config.mel_bins,
            from_hz=config.mel_from_hz,
            to_hz=config.mel_to_hz,
        )
        # From [-10, 0], where the log-mel of recordings lies, to about [-1, 1].
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
        """Encodes sound (B, samples) at ``sample_rate``: (B, 512)."""
        sound = nn.functional.pad(sound, (0, max(0, self.SAMPLES_AT_LEAST - sound.shape[1])))
        return self.network(aisfx.spectrogram(sound))

    def load_source(self, config: ElsaConfig) -> None:
        """Loads the weights of the package."""
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
        self.model = ClapAudioModel(config_of(ClapAudioConfig, config.semantic_config, key="semantic_config"))
        self.size = self.model.config.hidden_size

    def forward(self, sound: Tensor) -> Tensor:
        """Encodes sound (B, samples) at ``sample_rate``: (B, size)."""
        fusion = self.model.config.enable_fusion
        longer = torch.zeros(len(sound), 1, dtype=torch.bool, device=sound.device) if fusion else None
        features = htsat.input_features(sound, fusion)
        output: Tensor = self.model(input_features=features, is_longer=longer).pooler_output
        return output

    def load_source(self, config: ElsaConfig) -> None:
        """Loads the audio part of the CLAP model that ``semantic_source`` names, if it names one."""
        if config.semantic_source:
            load_part(self.model, config.semantic_source, "audio_model", key="semantic_source")


SEMANTIC_ENCODERS: dict[str, type[SemanticEncoder]] = {"aisfx": AisfxEncoder, "cnn": CnnEncoder, "htsat": HtsatEncoder}


class SemanticBranch(nn.Module):
    """An encoder, frozen or not, then layer norm and a linear layer to ``semantic_size``."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.encoder = SEMANTIC_ENCODERS[config.semantic_encoder](config)
        self.frozen = config.semantic_frozen
        self.encoder.requires_grad_(not self.frozen)
        self.projection = nn.Sequential(
            nn.LayerNorm(self.encoder.size), nn.Linear(self.encoder.size, config.semantic_size)
        )
        if isinstance(self.encoder, HtsatEncoder) and self.encoder.size == config.semantic_size:
            # HTSAT ends in a layer norm, and in the paper its output is the input of the fusion.
            self.projection = nn.Sequential()

    def encode(self, audio: Tensor, sample_rate: int) -> Tensor:
        """Encodes W of audio (B, 4, samples): (B, encoder.size).

        The output of a frozen encoder has no gradient. It depends only on the sound, so training may store it.
        """
        sound = resample(full_precision(audio[:, 0]), sample_rate, self.encoder.sample_rate)
        if self.frozen:
            with torch.no_grad():
                return self.encoder(sound)
        out: Tensor = self.encoder(sound)
        return out

    def forward(self, encoded: Tensor) -> Tensor:
        """Projects the output of ``encode``: (B, semantic_size)."""
        out: Tensor = self.projection(encoded)
        return out

    def train(self, mode: bool = True) -> SemanticBranch:
        """Sets the training mode. A frozen encoder stays in evaluation mode, without dropout."""
        super().train(mode)
        if self.frozen:
            self.encoder.train(False)
        return self


def _convolution(width: int, channels: int, stride: int = 1) -> nn.Sequential:
    # Group norm, so that an embedding does not depend on the other clips of its batch.
    return nn.Sequential(
        nn.Conv2d(width, channels, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(math.gcd(8, channels), channels),
        nn.GELU(),
    )
