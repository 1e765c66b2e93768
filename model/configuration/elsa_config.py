"""The shape of a model, as transformers knows it."""

# No annotations from __future__ here: huggingface_hub checks the types of fields only where they are types.

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from model.errors import ConfigurationError

SPATIAL_BRANCH_NAMES = ("bin-weighting", "paper", "static", "none")
SEMANTIC_ENCODER_NAMES = ("aisfx", "cnn", "htsat")
TEXT_ENCODER_NAMES = ("hashing", "pretrained", "roberta")


@strict
class ElsaConfig(PreTrainedConfig):
    r"""The shape of an ELSA model (ELSA, section 4.1). Lengths in samples or seconds, frequencies in hertz.

    sample_rate: rate of the audio that the model takes; each branch brings it to its own rate where that is another.
    clip_s: length of a training clip; other lengths are taken too.
    spatial_rate: rate that the spatial branch hears, and the semantic encoder "cnn".
    n_fft, hop: the STFT at spatial_rate, Hann window of n_fft samples. The paper gives no sizes.
    semantic_encoder: "htsat" (transformers' CLAP, 768 wide, what the paper has), "aisfx" (a CNN that comes inside a
    package, 512 wide) or "cnn" (trained with the rest).
    semantic_source: where htsat's weights first come from: a folder or a model hub's name of a CLAP model; null draws
    them. A saved model needs it no more.
    semantic_config: htsat's own configuration, as keys that differ from transformers' ClapAudioConfig; read off
    semantic_source when null.
    semantic_frozen: whether the semantic encoder keeps the weights that it came with.
    semantic_channels, mel_bins, mel_from_hz, mel_to_hz: widths of cnn's blocks, and the log-mel that it reads.
    semantic_size: what the semantic branch gives to the fusion.
    spatial_branch: "bin-weighting" (ours) or "paper" (ELSA, section 4.1); to hold them against, "static" (intensity
    vectors through linear layers; A.6 in ELSA) and "none".
    spatial_to_hz: the spatial branch reads bins up to here: arrays of microphones alias above.
    spatial_channels: widths of its convolutions: six for "paper", five for "bin-weighting", or one for all of them.
    spatial_hidden, spatial_dropout: width of its MLP, and its dropout.
    spatial_size: what it gives to the fusion (192 in ELSA, section 4.2).
    spatial_level: whether bin-weighting hears the absolute level; useful only where the level of a release means
    something and no augmentation changes it.
    direction_share: of the embedding's energy that the spatial branch's direction has for itself, in three of its
    numbers; 0 lets it through the fusion alone, as in the paper.
    text_encoder: "roberta" (transformers' CLAP text model, what the paper has), "pretrained" (a sentence encoder, mean
    over its tokens) or "hashing" (words to buckets, trained with the model).
    text_source: package, folder or, for roberta, hub's name that the encoder first comes from; a saved model needs it
    no more. Null draws the weights of roberta.
    text_config: the encoder's own configuration, filled in when it is first loaded.
    text_frozen: whether a pretrained or roberta encoder keeps the weights that it came with.
    text_buckets, text_size: rows and width of the hashing encoder; text_size is read off the others.
    fusion_size, embedding_size, head_size: hidden width of the fusion and of the text projection, width of the
    embedding (512 in ELSA), hidden width of the three heads (64 gives the paper's 33 k parameters).
    temperature: of the contrastive loss at the start of training; learnt from there.
    """

    model_type = "elsa"

    sample_rate: int = 16000
    clip_s: float | int = 4.0
    spatial_rate: int = 16000
    n_fft: int = 512
    hop: int = 256
    semantic_encoder: str = "cnn"
    semantic_source: str | None = None
    semantic_config: dict[str, Any] | None = None
    semantic_frozen: bool = False
    semantic_channels: list[int] | tuple[int, ...] = (32, 64, 128, 256)
    semantic_size: int = 768
    mel_bins: int = 64
    mel_from_hz: float | int = 50.0
    mel_to_hz: float | int = 8000.0
    spatial_branch: str = "bin-weighting"
    spatial_to_hz: float | int = 4000.0
    spatial_channels: list[int] | tuple[int, ...] | int = 16
    spatial_hidden: int = 128
    spatial_dropout: float | int = 0.3
    spatial_size: int = 192
    spatial_level: bool = False
    direction_share: float | int = 0.2
    text_encoder: str = "hashing"
    text_source: str | None = None
    text_config: dict[str, Any] | None = None
    text_frozen: bool = True
    text_buckets: int = 4096
    text_size: int = 384
    fusion_size: int = 960
    embedding_size: int = 512
    head_size: int = 64
    temperature: float | int = 0.07

    def validate_elsa(self) -> None:
        """Ranges and names; strict dataclasses call it once the types are right."""
        for name, allowed in (
            ("spatial_branch", SPATIAL_BRANCH_NAMES),
            ("semantic_encoder", SEMANTIC_ENCODER_NAMES),
            ("text_encoder", TEXT_ENCODER_NAMES),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}, not one of {', '.join(allowed)}")
        if self.text_encoder == "pretrained" and self.text_source is None and self.text_config is None:
            raise ConfigurationError("text_source must name a package or a folder when text_encoder is 'pretrained'")
        for name in ("sample_rate", "spatial_rate"):
            if getattr(self, name) < 1000:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, below 1000 Hz")
        for name in ("mel_to_hz", "spatial_to_hz"):
            if not 0 < getattr(self, name) <= self.spatial_rate / 2:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}, outside (0, {self.spatial_rate / 2}], half the spatial rate"
                )
        if not 0 < self.hop <= self.n_fft:
            raise ConfigurationError(f"hop is {self.hop}, outside [1, n_fft = {self.n_fft}]")
        if self.clip_s * self.spatial_rate < self.n_fft:
            raise ConfigurationError(f"clip_s is {self.clip_s}, shorter than one window of {self.n_fft} samples")
        if not 0 <= self.direction_share < 1:
            raise ConfigurationError(f"direction_share is {self.direction_share}, outside [0, 1)")
        if self.embedding_size < 4:
            raise ConfigurationError(f"embedding_size is {self.embedding_size}, below 4")

    @property
    def clip_samples(self) -> int:
        """Samples in a training clip, at sample_rate."""
        return round(self.clip_s * self.sample_rate)

    def spatial_widths(self, layers: int) -> list[int]:
        """Widths of the spatial branch's convolutions.

        Raises:
            ConfigurationError: when another number of widths is given.
        """
        given = self.spatial_channels
        widths = [given] * layers if isinstance(given, int) else list(given)
        if len(widths) != layers or min(widths) < 1:
            raise ConfigurationError(f"spatial_channels is {given}: {layers} widths, or one for all, are expected")
        return widths
