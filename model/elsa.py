"""The model: semantic and spatial branch, fusion, text encoder, and three heads, as transformers knows a model.

Source: ELSA, sections 4.1 to 4.3.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from model.configuration import ElsaConfig
from model.draws import derive_seed
from model.features import Spectra, log_mel, spectra
from model.semantic import SemanticBranch
from model.spatial import SpatialOutput, spatial_branch
from model.text import PretrainedTextEncoder, quiet, text_encoder


class ModelUnreadable(ValueError):
    """A folder that holds no model that can be used; the message is one line that names it."""


#: The logarithm of the contrastive loss's scale stays under that of CLIP.
LOGIT_SCALE_AT_MOST = math.log(100.0)
#: Files of a saved model, whose absence means that a folder holds none.
MODEL_FILES = ("config.json", "model.safetensors")


@dataclass(frozen=True)
class AudioOutput:
    """What the model makes of B clips.

    Attributes:
        embedding: (B, embedding_size), unit vectors.
        direction: (B, 3), unit vectors x, y, z, from the head on the embedding.
        distance: (B,), from the head, on the scale of ``spatial.DISTANCE``.
        area: (B,), from the head, on the scale of ``spatial.AREA``.
        spatial: what the spatial branch says by itself.
    """

    embedding: Tensor
    direction: Tensor
    distance: Tensor
    area: Tensor
    spatial: SpatialOutput


class Head(nn.Module):
    """A two-layer MLP on an embedding (ELSA, section 4.3: about 33 k parameters, which 512-64-k has)."""

    def __init__(self, config: ElsaConfig, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(config.embedding_size, config.head_size)
        self.second = nn.Linear(config.head_size, outputs)
        # A unit vector of 512 numbers has entries of 0.04; scaled up, a fresh layer sees entries near one.
        self.scale = math.sqrt(config.embedding_size)

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, embedding_size) → (B, outputs). An embedding of text does as well as one of audio."""
        return self.second(functional.gelu(self.first(embedding * self.scale)))


class ElsaModel(PreTrainedModel):
    """Audio and text in one space.

    Audio is first-order ambisonics, AmbiX (W, Y, Z, X; SN3D), at ``config.sample_rate``; sound without space is its
    mono signal in all four channels (ELSA, section 4.1).
    """

    config_class = ElsaConfig
    base_model_prefix = "elsa"
    main_input_name = "audio"
    config: ElsaConfig

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        self.semantic_branch = SemanticBranch(config)
        self.spatial_branch = spatial_branch(config)
        self.fusion = nn.Sequential(
            nn.Linear(config.semantic_size + config.spatial_size, config.fusion_size),
            nn.GELU(),
            nn.Linear(config.fusion_size, config.embedding_size),
        )
        self.text_encoder = text_encoder(config)
        self.text_projection = nn.Sequential(
            nn.Linear(self.text_encoder.size, config.embedding_size),
            nn.GELU(),
            nn.Linear(config.embedding_size, config.embedding_size),
        )
        self.direction_head = Head(config, 3)
        self.distance_head = Head(config, 1)
        self.area_head = Head(config, 1)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / config.temperature)))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Every module keeps the weights that PyTorch draws for it."""

    @classmethod
    def create(cls, config: ElsaConfig, seed: int = 0) -> ElsaModel:
        """A new model: weights drawn by ``seed``, those of a pretrained text encoder loaded.

        The global generator is left as it was.

        Raises:
            ConfigurationError: when the text encoder's source is not there.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "weights"))
            model = cls(config)
        if isinstance(model.text_encoder, PretrainedTextEncoder):
            with quiet():
                model.text_encoder.load_source(config)
        return model.eval()

    def spectra(self, audio: Tensor) -> Spectra:
        """(B, 4, samples) → powers and intensities, the one STFT that both branches read."""
        return spectra(audio, n_fft=self.config.n_fft, hop=self.config.hop)

    def encode_audio(self, audio: Tensor) -> AudioOutput:
        """(B, 4, samples), W, Y, Z, X at the model's rate, full scale 1 → AudioOutput."""
        config = self.config
        quantities = self.spectra(audio)
        mel = log_mel(
            quantities.power_w,
            sample_rate=config.sample_rate,
            mel_bins=config.mel_bins,
            from_hz=config.mel_from_hz,
            to_hz=config.mel_to_hz,
        )
        spatial: SpatialOutput = self.spatial_branch(quantities)
        fused = self.fusion(torch.cat([self.semantic_branch(mel), spatial.features], dim=1))
        embedding = functional.normalize(fused, dim=1)
        return AudioOutput(
            embedding=embedding,
            direction=functional.normalize(self.direction_head(embedding), dim=1),
            distance=self.distance_head(embedding).squeeze(1),
            area=self.area_head(embedding).squeeze(1),
            spatial=spatial,
        )

    def get_audio_features(self, audio: Tensor) -> Tensor:
        """(B, 4, samples), W, Y, Z, X at the model's rate → (B, embedding_size), unit vectors."""
        return self.encode_audio(audio).embedding

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Two (B, L) from the model's tokenizer → (B, embedding_size), unit vectors."""
        return functional.normalize(self.text_projection(self.text_encoder(input_ids, attention_mask)), dim=1)

    def forward(self, audio: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[AudioOutput, Tensor]:
        """What the model makes of B clips, and the embeddings of their captions (B, embedding_size)."""
        return self.encode_audio(audio), self.get_text_features(input_ids, attention_mask)


def load_model(folder: Path | str) -> ElsaModel:
    """A saved model, in evaluation mode, from safetensors alone.

    Raises:
        ModelUnreadable: when the folder holds no model, or a broken one.
    """
    folder = Path(folder)
    for name in MODEL_FILES:
        if not (folder / name).is_file():
            raise ModelUnreadable(f"{folder}: no {name}, so no model")
    try:
        with quiet():
            loaded: Any = ElsaModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise ModelUnreadable(f"{folder}: not a model of ours: {' '.join(str(error).split())}") from None
    model: ElsaModel = loaded[0]
    loading: dict[str, Any] = loaded[1]
    if any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        raise ModelUnreadable(f"{folder}: model.safetensors does not hold the model of config.json")
    for parameter in model.parameters():
        # The file's mapping lies at any address, and products of unaligned numbers round in another order: a copy gives
        # the embeddings of the model that was saved, bit by bit.
        parameter.data = parameter.data.clone()
    return model.eval()


def save_model(model: ElsaModel, folder: Path) -> None:
    """config.json and model.safetensors in a folder, which is made."""
    with quiet():
        model.save_pretrained(folder)
    # safetensors keeps its file from everyone else; a run is to be shared like any other file.
    shutil.copymode(folder / "config.json", folder / "model.safetensors")


def parameter_counts(model: ElsaModel) -> dict[str, int]:
    """Parameters by part; ``trained`` counts those with gradients, ``all`` everything."""
    heads = [model.direction_head, model.distance_head, model.area_head]
    parts: dict[str, list[nn.Module]] = {
        "semantic_branch": [model.semantic_branch],
        "spatial_branch": [model.spatial_branch],
        "fusion": [model.fusion],
        "text_encoder": [model.text_encoder],
        "text_projection": [model.text_projection],
        "heads": list(heads),
    }
    counts = {name: sum(p.numel() for part in group for p in part.parameters()) for name, group in parts.items()}
    counts["trained"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    counts["all"] = sum(p.numel() for p in model.parameters())
    return counts
