"""The network: semantic and spatial branch, fusion, text encoder and three heads, as a model of transformers.

Source: ELSA, sections 4.1 to 4.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedModel

from model.configuration.elsa_config import ElsaConfig
from model.draws import derive_seed
from model.elsa.saved_files import folder_of, read_saved
from model.encoders.quiet import quiet
from model.encoders.semantic import SemanticBranch
from model.encoders.text import text_encoder
from model.features import Spectra, full_precision, spectra
from model.folders import MODEL_CONFIG, MODEL_WEIGHTS
from model.resampling import resample
from model.spatial import SpatialOutput, spatial_branch

#: Largest logarithm of the contrastive loss's scale, as in CLIP.
LOGIT_SCALE_AT_MOST = math.log(100.0)
#: Before training, the direction has nearly its full share of the embedding: σ(2) = 0.88.
PRESENCE_AT_START = 2.0


@dataclass(frozen=True)
class AudioOutput:
    """The output of the model for B clips.

    Attributes:
        embedding: (B, embedding_size), unit vectors.
        direction: (B, 3), unit vectors x, y, z, from the head on the embedding.
        distance: (B,), from the head, on the scale of ``targets.DISTANCE``.
        area: (B,), from the head, on the scale of ``targets.AREA``.
        spatial: output of the spatial branch.
    """

    embedding: Tensor
    direction: Tensor
    distance: Tensor
    area: Tensor
    spatial: SpatialOutput


class Head(nn.Module):
    """A two-layer MLP on an embedding (ELSA, section 4.3: about 33 k parameters, as 512-64-k has)."""

    def __init__(self, config: ElsaConfig, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(config.embedding_size, config.head_size)
        self.second = nn.Linear(config.head_size, outputs)
        # A unit vector of 512 numbers has entries of about 0.04. Scaled, they are near 1, as a new layer expects.
        self.scale = math.sqrt(config.embedding_size)

    def forward(self, embedding: Tensor) -> Tensor:
        """Maps embeddings (B, embedding_size) of audio or text to (B, outputs)."""
        return self.second(functional.gelu(self.first(embedding * self.scale)))


class ElsaModel(PreTrainedModel):
    """Embeds audio and text in one space.

    Audio is first-order ambisonics, AmbiX (W, Y, Z, X; SN3D), at ``config.sample_rate``. For sound without space, all
    four channels are its mono signal (ELSA, section 4.1).
    """

    config_class = ElsaConfig
    base_model_prefix = "elsa"
    main_input_name = "audio"
    config: ElsaConfig

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        self.semantic_branch = SemanticBranch(config)
        self.spatial_branch = spatial_branch(config)
        # The fusion does not fill the numbers that are reserved for the direction.
        own = 3 if config.direction_share else 0
        self.fusion = nn.Sequential(
            nn.Linear(config.semantic_size + config.spatial_size, config.fusion_size),
            nn.GELU(),
            nn.Linear(config.fusion_size, config.embedding_size - own),
        )
        self.presence = nn.Linear(config.spatial_size, 1) if own else None
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
        """Keeps the weights that PyTorch draws for every module."""

    @classmethod
    def create(cls, config: ElsaConfig, seed: int = 0) -> ElsaModel:
        """Makes a new model: weights drawn by ``seed``, and those of pretrained encoders from their sources.

        The global random generator does not change.

        Raises:
            ConfigurationError: a source does not exist.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "weights"))
            model = cls(config)
        with quiet():
            model.text_encoder.load_source(config)
            model.semantic_branch.encoder.load_source(config)
        return model.eval()

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, source: Path | str | None, *arguments: Any, config: Any = None, **options: Any
    ) -> ElsaModel:
        """Loads a saved model from a folder or a name on a hub.

        The model may come from a stranger. Only the shape in config.json and the tensors in model.safetensors are read,
        so nothing is unpickled: no source is looked for, and what else the files name, such as code, is ignored.

        Args:
            source: a folder, or a name on a hub; None makes a model of `config` and the option `state_dict`.
            arguments: as transformers takes them.
            config: of the model, without a source; that of a source is read from it.
            options: as transformers takes them, such as ``dtype``.

        Raises:
            ModelUnreadable: the source holds no model, or a broken one.
        """
        if source is None:
            return super().from_pretrained(None, *arguments, config=config, local_files_only=True, **options)
        with folder_of(source, (MODEL_CONFIG, MODEL_WEIGHTS)) as folder, quiet():
            own, weights = read_saved(folder, cls)
            model = super().from_pretrained(
                None, *arguments, config=own, **options | {"state_dict": weights, "local_files_only": True}
            )
        for parameter in model.parameters():
            # The mapped file can start at any address, and products of unaligned numbers are rounded in another order.
            # With a copy, the embeddings equal those of the saved model bit by bit.
            parameter.data = parameter.data.clone()
        return model

    def spectra(self, audio: Tensor, sample_rate: int | None = None, *, bins: int | None = None) -> Spectra:
        """Computes powers and intensities of audio (B, 4, samples) at ``config.spatial_rate``.

        Args:
            audio: W, Y, Z, X.
            sample_rate: of the audio; None is the model's rate.
            bins: number of the lowest bins; None is all of them. The spatial branch reads ``spatial_branch.bins``.
        """
        config = self.config
        sound = resample(full_precision(audio), sample_rate or config.sample_rate, config.spatial_rate)
        return spectra(sound, n_fft=config.n_fft, hop=config.hop, bins=bins)

    def encode_semantics(self, audio: Tensor, sample_rate: int | None = None) -> Tensor:
        """Encodes W of audio (B, 4, samples) with the semantic encoder: (B, size of the encoder).

        With ``config.semantic_frozen`` the result has no gradient and can be stored from one epoch to the next.
        """
        return self.semantic_branch.encode(audio, sample_rate or self.config.sample_rate)

    def encode_audio(
        self,
        audio: Tensor,
        *,
        semantics: Tensor | None = None,
        quantities: Spectra | None = None,
        sample_rate: int | None = None,
    ) -> AudioOutput:
        """Computes the output for B clips.

        Args:
            audio: (B, 4, samples), W, Y, Z, X, full scale 1.
            semantics: result of ``encode_semantics`` if it is known; then only the spatial branch reads ``audio``.
            quantities: result of ``spectra`` if it is known.
            sample_rate: of ``audio``; None is the model's rate.
        """
        if quantities is None:
            quantities = self.spectra(audio, sample_rate, bins=self.spatial_branch.bins)
        if semantics is None:
            semantics = self.encode_semantics(audio, sample_rate)
        spatial: SpatialOutput = self.spatial_branch(quantities)
        embedding = self._fuse(self.semantic_branch(semantics), spatial)
        return AudioOutput(
            embedding=embedding,
            direction=functional.normalize(self.direction_head(embedding).float(), dim=1),
            distance=self.distance_head(embedding).squeeze(1).float(),
            area=self.area_head(embedding).squeeze(1).float(),
            spatial=spatial,
        )

    def _fuse(self, semantic: Tensor, spatial: SpatialOutput) -> Tensor:
        """Fuses both branches to unit vectors (B, embedding_size), in float32.

        With a ``direction_share``, the first three numbers are the direction of the spatial branch, scaled. No layer is
        in between, so the embedding holds the direction without loss. The scale is learnt, because sound without space
        has no direction.
        """
        fused = self.fusion(torch.cat([semantic, spatial.features.to(semantic.dtype)], dim=1)).float()
        if self.presence is None:
            return functional.normalize(fused, dim=1)
        share = self.config.direction_share
        present = torch.sigmoid(self.presence(spatial.features).float() + PRESENCE_AT_START)
        reserved = math.sqrt(share) * present * spatial.direction
        rest = math.sqrt(1 - share) * functional.normalize(fused, dim=1)
        return functional.normalize(torch.cat([reserved, rest], dim=1), dim=1)

    def get_audio_features(self, audio: Tensor, sample_rate: int | None = None) -> Tensor:
        """Embeds audio (B, 4, samples), W, Y, Z, X, at any rate: (B, embedding_size), unit vectors."""
        return self.encode_audio(audio, sample_rate=sample_rate).embedding

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encodes tokens and their mask, both (B, L), with the text encoder: (B, size of the encoder).

        The result of a frozen encoder has no gradient and can be stored from one epoch to the next.
        """
        out: Tensor = self.text_encoder(input_ids, attention_mask)
        return out

    def project_text(self, encoded: Tensor) -> Tensor:
        """Projects the result of ``encode_text``: (B, embedding_size), unit vectors."""
        return functional.normalize(self.text_projection(encoded).float(), dim=1)

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeds tokens and their mask, both (B, L): (B, embedding_size), unit vectors."""
        return self.project_text(self.encode_text(input_ids, attention_mask))

    def forward(self, audio: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[AudioOutput, Tensor]:
        """Computes the output for B clips, and the embeddings of B captions (B, embedding_size)."""
        return self.encode_audio(audio), self.get_text_features(input_ids, attention_mask)


AutoConfig.register("elsa", ElsaConfig, exist_ok=True)
AutoModel.register(ElsaConfig, ElsaModel, exist_ok=True)
