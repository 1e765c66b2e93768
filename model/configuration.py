"""What a model and its training are made of: ElsaConfig as transformers knows it, and training as a frozen dataclass.

A configuration is a YAML file with the sections ``model``, ``training`` and ``data``; shipped ones lie in
``model/configs``.
"""

# No annotations from __future__ here: huggingface_hub checks the types of fields only where they are types.

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

from model.configuration_error import ConfigurationError
from model.data_configuration import DataConfiguration, read_data_section

_CONFIGS = Path(__file__).parent / "configs"

SPATIAL_BRANCH_NAMES = ("bin-weighting", "paper", "static", "none")
SEMANTIC_ENCODER_NAMES = ("aisfx", "cnn", "htsat")
TEXT_ENCODER_NAMES = ("hashing", "pretrained", "roberta")
OPTIMIZERS = ("adam", "adamw", "lamb")
PRECISIONS = ("float32", "bfloat16")


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


@dataclass(frozen=True)
class LossWeights:
    """What each term of the loss counts for; 0 switches it off (ELSA, section 4.3, where each is 1)."""

    contrastive: float = 1.0
    #: one minus the cosine between the embedding's and the true direction
    direction: float = 1.0
    #: squared error of the embedding's log distance and log floor area
    distance: float = 1.0
    area: float = 1.0
    #: chord to the direction and squared error of the measures that the spatial branch itself says; ours, it stands in
    #: for pre-training
    branch: float = 1.0
    #: cross entropy of a clip's words among sentences that tell a place alone; ours, 0 as in the paper
    words: float = 0.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value < 0:
                raise ConfigurationError(f"training.losses.{name} is {value}, below 0")


@dataclass(frozen=True)
class PretrainingConfiguration:
    """The spatial branch trained alone, before the rest, on its own words (A.8 in ELSA, where values are from)."""

    #: 100 in the paper; 0 leaves the phase out
    epochs: int = 0
    #: 1024 in the paper
    batch_size: int = 64
    #: lamb (the paper's), adamw or adam
    optimizer: str = "lamb"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 50
    #: whether the branch then keeps its weights while the rest trains
    freeze: bool = False

    def __post_init__(self) -> None:
        _check_optimisation(self, "training.pretraining")
        if self.epochs < 0:
            raise ConfigurationError(f"training.pretraining.epochs is {self.epochs}, below 0")
        if self.freeze and not self.epochs:
            raise ConfigurationError("training.pretraining.freeze is true, but training.pretraining.epochs is 0")


@dataclass(frozen=True)
class TrainingConfiguration:
    """How a model is trained; every field has a use on one CPU."""

    seed: int = 0
    epochs: int = 10
    #: clips that are held against one another in the contrastive loss, over all processes
    batch_size: int = 32
    #: clips whose gradients are in memory at one time; 0 for a process's whole share of the batch. With less, every
    #: clip goes through the model twice, and the gradient stays that of the whole batch.
    chunk_size: int = 0
    #: crops of each row that a frozen semantic encoder hears before the first epoch; in training a row takes, at no
    #: cost, what was made of its clip in any room, while the spatial branch hears a new crop every time. 0 for hearing
    #: every crop. Processes share what they heard by a file in the folder of the run.
    semantic_views: int = 0
    #: whether clips that only the spatial branch hears are decoded once, at its rate, into a file in the folder of the
    #: run: 128 kB for a second of 16 kHz, gone when the training is done
    keep_decoded: bool = False
    #: adamw, adam (the paper's) or lamb
    optimizer: str = "adamw"
    #: float32, or bfloat16 for the products of matrices and the convolutions; weights stay float32
    precision: str = "float32"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    #: steps over which the learning rate rises from 0, before the cosine
    warmup_steps: int = 50
    #: the gradient's norm is cut here
    gradient_norm: float = 1.0
    #: share of the samples served without space: W in all four channels, with the original caption
    nonspatial_share: float = 0.2
    #: processes that decode FLAC; 0 decodes in the training process
    workers: int = 0
    #: cpu, cuda, or auto for CUDA where there is one
    device: str = "auto"
    losses: LossWeights = field(default_factory=LossWeights)
    pretraining: PretrainingConfiguration = field(default_factory=PretrainingConfiguration)

    def __post_init__(self) -> None:
        _check_optimisation(self, "training")
        bounds = {"epochs": 1, "chunk_size": 0, "semantic_views": 0, "workers": 0}
        for name, least in bounds.items():
            if getattr(self, name) < least:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, below {least}")
        if not 0 <= self.nonspatial_share <= 1:
            raise ConfigurationError(f"training.nonspatial_share is {self.nonspatial_share}, outside [0, 1]")
        if self.gradient_norm <= 0:
            raise ConfigurationError(f"training.gradient_norm is {self.gradient_norm}, not above 0")
        if self.precision not in PRECISIONS:
            raise ConfigurationError(f"training.precision is {self.precision!r}, not one of {', '.join(PRECISIONS)}")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigurationError(f"training.device is {self.device!r}, not auto, cpu or cuda")


def _check_optimisation(settings: PretrainingConfiguration | TrainingConfiguration, where: str) -> None:
    """What both phases of training have."""
    # A contrastive loss over one pair is zero whatever the model does.
    for name, least in {"batch_size": 2, "warmup_steps": 0, "weight_decay": 0}.items():
        if getattr(settings, name) < least:
            raise ConfigurationError(f"{where}.{name} is {getattr(settings, name)}, below {least}")
    if settings.learning_rate <= 0:
        raise ConfigurationError(f"{where}.learning_rate is {settings.learning_rate}, not above 0")
    if settings.optimizer not in OPTIMIZERS:
        raise ConfigurationError(f"{where}.optimizer is {settings.optimizer!r}, not one of {', '.join(OPTIMIZERS)}")


@dataclass(frozen=True)
class RunConfiguration:
    """A model, its training and the data for it, as a configuration file states them."""

    model: ElsaConfig
    training: TrainingConfiguration
    data: DataConfiguration = field(default_factory=DataConfiguration)

    def __post_init__(self) -> None:
        if self.model.spatial_branch == "none" and self.training.pretraining.epochs:
            raise ConfigurationError("training.pretraining.epochs is not 0, but model.spatial_branch is 'none'")

    def as_dict(self) -> dict[str, Any]:
        """Every section as plain data, every field with its value."""
        names = _model_fields()
        model = {name: _plain(getattr(self.model, name)) for name in names}
        return {"model": model, "training": dataclasses.asdict(self.training), "data": self.data.as_dict()}

    def sha256(self) -> str:
        """A hash of the configuration: SHA-256 of its JSON with sorted keys."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _model_fields() -> list[str]:
    return [name for name in ElsaConfig.__annotations__ if name != "model_type"]


def shipped_configurations() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(path.stem for path in _CONFIGS.glob("*.yaml"))


def read_configuration(name: str | Path, settings: Iterable[str] = ()) -> RunConfiguration:
    """A configuration by its shipped name or from a YAML file, with ``KEY=VALUE`` settings on top.

    A key is a path with dots (``training.epochs``, ``model.spatial_branch``, ``training.losses.branch``), a value is
    read as YAML.

    Raises:
        ConfigurationError: no such configuration, an unknown key or a value out of its range; one line that names it.
    """
    path = _CONFIGS / f"{name}.yaml"
    if str(name) not in shipped_configurations():
        path = Path(name)
        if not path.is_file():
            raise ConfigurationError(
                f"{name}: no such configuration; a YAML file or one of {', '.join(shipped_configurations())}"
            )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: a mapping with the sections model, training and data is expected")
    for setting in settings:
        _set(content, setting)
    unknown = sorted(set(map(str, content)) - {"model", "training", "data"})
    if unknown:
        raise ConfigurationError(f"{path}: unknown key {unknown[0]}; one of model, training, data")
    model = _checked(content.get("model"), "model", _model_fields())
    training = _checked(content.get("training"), "training", _fields(TrainingConfiguration))
    losses = _checked(training.pop("losses", None), "training.losses", _fields(LossWeights))
    before = training.pop("pretraining", None)
    pretraining = _checked(before, "training.pretraining", _fields(PretrainingConfiguration))
    try:
        weights = LossWeights(**_typed(losses, LossWeights, "training.losses"))
        phase = PretrainingConfiguration(**_typed(pretraining, PretrainingConfiguration, "training.pretraining"))
        return RunConfiguration(
            model=ElsaConfig(**model),
            training=TrainingConfiguration(
                losses=weights, pretraining=phase, **_typed(training, TrainingConfiguration, "training")
            ),
            data=read_data_section(content.get("data")),
        )
    except StrictDataclassError as error:
        # Its own text wraps the cause in two lines.
        cause = error.__cause__ or error
        raise ConfigurationError(f"model: {' '.join(str(cause).split())}") from None


def _fields(kind: type) -> list[str]:
    return [entry.name for entry in dataclasses.fields(kind)]


def _set(content: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ConfigurationError(f"--set {setting}: KEY=VALUE is expected")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigurationError(f"--set {setting}: the value is not YAML") from None
    *parents, last = key.split(".")
    section: Any = content
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise ConfigurationError(f"--set {setting}: {parent} has no keys below it")
    section[last] = value


def _checked(section: Any, where: str, names: list[str]) -> dict[str, Any]:
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{where} is {section!r}, keys are expected below it")
    for key in section:
        if key not in names:
            raise ConfigurationError(f"unknown key {where}.{key}; one of {', '.join(names)}")
    return dict(section)


def _typed(values: dict[str, Any], kind: type, where: str) -> dict[str, Any]:
    """The values with the types of the dataclass's defaults; YAML reads 1e-3 as a string."""
    typed = {}
    for name, value in values.items():
        wanted = type(getattr(kind, name))
        try:
            if isinstance(value, bool) != (wanted is bool) or (wanted is int and float(value) != int(value)):
                raise ValueError
            typed[name] = wanted(value)
        except (TypeError, ValueError):
            raise ConfigurationError(f"{where}.{name} is {value!r}, {wanted.__name__} is expected") from None
    return typed
