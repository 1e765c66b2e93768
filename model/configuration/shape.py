"""The shape of a model as plain fields, which are checked without importing PyTorch or transformers."""

# No `from __future__ import annotations` here: huggingface_hub checks types only where annotations are types.

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError

from model.errors import ConfigurationError, one_line
from model.settings import unknown_key

SPATIAL_BRANCH_NAMES = ("bin-weighting", "paper", "static", "none")
SEMANTIC_ENCODER_NAMES = ("aisfx", "cnn", "htsat")
TEXT_ENCODER_NAMES = ("hashing", "pretrained", "roberta")

# A shape may come with a stranger's run. The limits keep the memory of one clip below 200 MB; all shapes in use are far
# below them.
#: The range of each number, in the field's unit.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("sample_rate", "spatial_rate"), (1000, 384_000)),
    "clip_s": (0, 120),
    **dict.fromkeys(("n_fft", "hop"), (1, 65_536)),
    "mel_bins": (1, 1024),
    "mel_from_hz": (0, 192_000),
    "spatial_dropout": (0, 1),
    **dict.fromkeys(
        ("semantic_size", "spatial_hidden", "spatial_size", "text_size", "fusion_size", "embedding_size", "head_size"),
        (1, 65_536),
    ),
    "text_buckets": (2, 10_000_000),
    "temperature": (1e-6, 1e6),
}
#: Most convolutions in a list of widths, and the largest width.
MOST_LAYERS, WIDEST = 32, 8192
#: Most samples of a clip, a channel: 41 s at 48 kHz.
MOST_CLIP_SAMPLES = 2_000_000
#: Most cells of a clip's spectrogram, frames times bins or mel bands. elsa-base has 322,000.
MOST_CELLS = 1_000_000
#: The rates of the encoders htsat and aisfx.
_ENCODER_RATES = (48_000, 44_100)
#: Most elements of a resampling filter. Rates without a common divisor need a filter of gigabytes.
_MOST_FILTER = 1_000_000


@dataclass(kw_only=True)
class ElsaShape:
    r"""The shape of an ELSA model (ELSA, section 4.1). Lengths are in samples or seconds, frequencies in hertz.

    Attributes:
        sample_rate: rate of the audio that the model takes. Each branch resamples to its own rate.
        clip_s: length of a training clip. The model also takes other lengths.
        spatial_rate: rate of the spatial branch, and of the semantic encoder "cnn".
        n_fft, hop: window and hop of the STFT at spatial_rate, a Hann window. The paper gives no sizes.
        semantic_encoder: "htsat" (transformers' CLAP, 768 wide, the paper's), "aisfx" (a CNN that comes in a package,
            512 wide) or "cnn" (trained with the rest of the model).
        semantic_source: where the first weights of htsat come from: a folder, or the name of a CLAP model on a hub.
            Null draws them at random. A saved model does not need its source.
        semantic_config: the configuration of htsat, as the keys that differ from transformers' ClapAudioConfig. Null
            reads it from semantic_source.
        semantic_frozen: whether the semantic encoder keeps the weights that it comes with.
        semantic_channels: widths of the blocks of "cnn".
        semantic_size: width of the semantic branch's output.
        mel_bins, mel_from_hz, mel_to_hz: the log-mel spectrogram that "cnn" reads.
        spatial_branch: "bin-weighting" (ours) or "paper" (ELSA, section 4.1). Two more are for comparison: "static"
            (intensity vectors through linear layers; ELSA, A.6) and "none".
        spatial_to_hz: the spatial branch reads bins up to this frequency. Microphone arrays alias above it.
        spatial_channels: widths of its convolutions: six for "paper", five for "bin-weighting", or one for all.
        spatial_hidden, spatial_dropout: width of its MLP, and its dropout.
        spatial_size: width of its output (192 in ELSA, section 4.2).
        spatial_level: whether bin-weighting reads the absolute level. It helps only if the level of a release carries
            information and no augmentation changes it.
        direction_share: share of the embedding's energy that three of its numbers reserve for the direction of the
            spatial branch. With 0 the direction passes through the fusion only, as in the paper.
        text_encoder: "roberta" (transformers' CLAP text model, the paper's), "pretrained" (a sentence encoder, mean
            over its tokens) or "hashing" (words hashed to buckets, trained with the model).
        text_source: package, folder or, for roberta, name on a hub that the encoder first comes from. A saved model
            does not need it. Null draws the weights of roberta at random.
        text_config: the encoder's own configuration, filled in when the encoder is first loaded.
        text_frozen: whether a pretrained or roberta encoder keeps the weights that it comes with.
        text_buckets, text_size: rows and width of the hashing encoder. The other encoders have their own width.
        fusion_size: hidden width of the fusion and of the text projection.
        embedding_size: width of the embedding (512 in ELSA).
        head_size: hidden width of the three heads (64 gives the paper's 33 k parameters).
        temperature: of the contrastive loss at the start of training. It is learnt from there.
    """

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
        """Checks ranges and names. Strict dataclasses call every ``validate_…`` method once the types are right."""
        for name, allowed in (
            ("spatial_branch", SPATIAL_BRANCH_NAMES),
            ("semantic_encoder", SEMANTIC_ENCODER_NAMES),
            ("text_encoder", TEXT_ENCODER_NAMES),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}, not one of {', '.join(allowed)}")
        if self.text_encoder == "pretrained" and self.text_source is None and self.text_config is None:
            raise ConfigurationError("text_source must name a package or a folder when text_encoder is 'pretrained'")
        for name, (least, most) in RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, outside [{least:g}, {most:g}]")
        for name in ("semantic_channels", "spatial_channels"):
            _check_widths(name, getattr(self, name))
        for name in ("mel_to_hz", "spatial_to_hz"):
            if not 0 < getattr(self, name) <= self.spatial_rate / 2:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}, outside (0, {self.spatial_rate / 2}], half the spatial rate"
                )
        if self.mel_from_hz >= self.mel_to_hz:
            raise ConfigurationError(f"mel_from_hz is {self.mel_from_hz}, not below mel_to_hz = {self.mel_to_hz}")
        if not 0 < self.hop <= self.n_fft:
            raise ConfigurationError(f"hop is {self.hop}, outside [1, n_fft = {self.n_fft}]")
        if self.clip_s * self.spatial_rate < self.n_fft:
            raise ConfigurationError(f"clip_s is {self.clip_s}, shorter than one window of {self.n_fft} samples")
        self._check_clip()
        if not 0 <= self.direction_share < 1:
            raise ConfigurationError(f"direction_share is {self.direction_share}, outside [0, 1)")
        if self.embedding_size < 4:
            raise ConfigurationError(f"embedding_size is {self.embedding_size}, below 4")

    def _check_clip(self) -> None:
        if self.clip_samples > MOST_CLIP_SAMPLES:
            raise ConfigurationError(f"clip_s is {self.clip_s}, above {MOST_CLIP_SAMPLES} samples at sample_rate")
        frames = self.clip_s * self.spatial_rate / self.hop
        if frames * max(self.n_fft // 2 + 1, self.mel_bins) > MOST_CELLS:
            raise ConfigurationError(
                f"hop is {self.hop}: {frames:.0f} frames of n_fft = {self.n_fft} are more than {MOST_CELLS} cells"
            )
        for rate in (self.spatial_rate, *_ENCODER_RATES):
            common = math.gcd(self.sample_rate, rate)
            if (self.sample_rate // common) * (rate // common) > _MOST_FILTER:
                raise ConfigurationError(f"sample_rate is {self.sample_rate}, which has no simple ratio to {rate} Hz")

    @property
    def clip_samples(self) -> int:
        """Samples in a training clip, at sample_rate."""
        return round(self.clip_s * self.sample_rate)

    def spatial_widths(self, layers: int) -> list[int]:
        """Widths of the spatial branch's convolutions.

        Raises:
            ConfigurationError: another number of widths is given.
        """
        given = self.spatial_channels
        widths = [given] * layers if isinstance(given, int) else list(given)
        if len(widths) != layers or min(widths) < 1:
            raise ConfigurationError(f"spatial_channels is {given}: {layers} widths, or one for all, are expected")
        return widths

    def as_dict(self) -> dict[str, Any]:
        """Plain data, every field with its value."""
        values = {name: getattr(self, name) for name in SHAPE_FIELDS}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _check_widths(name: str, given: list[int] | tuple[int, ...] | int) -> None:
    widths = [given] if isinstance(given, int) else list(given)
    if not 1 <= len(widths) <= MOST_LAYERS:
        raise ConfigurationError(f"{name} has {len(widths)} widths, 1 to {MOST_LAYERS} are expected")
    if not all(1 <= width <= WIDEST for width in widths):
        raise ConfigurationError(f"{name} is {given}, with a width outside [1, {WIDEST}]")


SHAPE_FIELDS = tuple(entry.name for entry in fields(ElsaShape))


@strict
@dataclass(kw_only=True)
class _CheckedShape(ElsaShape):
    """A shape whose types and ranges are checked when it is made."""


def check_shape(values: Any) -> ElsaShape:
    """Makes a shape from the section ``model`` of a configuration file.

    Args:
        values: a mapping, or None for the defaults.

    Raises:
        ConfigurationError: an unknown key, or a value that cannot be used.
    """
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"model is {values!r}; keys are expected below it")
    for key in values:
        if key not in SHAPE_FIELDS:
            raise ConfigurationError(unknown_key(f"model.{key}", SHAPE_FIELDS))
    try:
        return _CheckedShape(**values)
    except StrictDataclassError as error:
        # Its own text wraps the cause in two lines.
        raise ConfigurationError(f"model: {one_line(error.__cause__ or error)}") from None
