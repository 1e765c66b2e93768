"""The model: semantic and spatial branch, fusion, text encoder, and three heads, as transformers knows a model.

Source: ELSA, sections 4.1 to 4.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedModel

from model.configuration.elsa_config import ElsaConfig
from model.draws import derive_seed
from model.encoders.quiet import quiet
from model.encoders.semantic import SemanticBranch
from model.encoders.text import text_encoder
from model.features import Spectra, full_precision, spectra
from model.resampling import resample
from model.spatial import SpatialOutput, spatial_branch

#: The logarithm of the contrastive loss's scale stays under that of CLIP.
LOGIT_SCALE_AT_MOST = math.log(100.0)
#: The direction counts nearly in full before anything is learnt; σ(2) = 0.88.
PRESENCE_AT_START = 2.0


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
        # What the direction has for itself, the fusion has not.
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
        """Every module keeps the weights that PyTorch draws for it."""

    @classmethod
    def create(cls, config: ElsaConfig, seed: int = 0) -> ElsaModel:
        """A new model: weights drawn by ``seed``, those of pretrained encoders loaded from their sources.

        The global generator is left as it was.

        Raises:
            ConfigurationError: when a source is not there.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "weights"))
            model = cls(config)
        with quiet():
            model.text_encoder.load_source(config)
            model.semantic_branch.encoder.load_source(config)
        return model.eval()

    def spectra(self, audio: Tensor, sample_rate: int | None = None, *, bins: int | None = None) -> Spectra:
        """(B, 4, samples), at the model's rate or another → powers and intensities at ``config.spatial_rate``.

        All ``bins`` of them, or the lowest; the spatial branch reads no more than its own ``bins``.
        """
        config = self.config
        sound = resample(full_precision(audio), sample_rate or config.sample_rate, config.spatial_rate)
        return spectra(sound, n_fft=config.n_fft, hop=config.hop, bins=bins)

    def encode_semantics(self, audio: Tensor, sample_rate: int | None = None) -> Tensor:
        """(B, 4, samples), at the model's rate or another → what the semantic encoder makes of W, (B, its size).

        Where ``config.semantic_frozen`` it has no gradient and may be kept from one epoch to the next.
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
        """What the model makes of B clips.

        Args:
            audio: (B, 4, samples), W, Y, Z, X, full scale 1.
            semantics: what ``encode_semantics`` gave for the clips, if it is known already; then the spatial branch
                alone hears ``audio``.
            quantities: what ``spectra`` gave for the clips, if it is known already.
            sample_rate: of ``audio``, when it is another than the model's.
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
        """Unit vectors (B, embedding_size), in float32.

        With a share of its own the direction is the first three numbers, as the branch gives it, scaled: no layer comes
        between, so what reads the embedding reads the direction without loss. How far it counts is learnt, since sound
        without space has none.
        """
        fused = self.fusion(torch.cat([semantic, spatial.features.to(semantic.dtype)], dim=1)).float()
        if self.presence is None:
            return functional.normalize(fused, dim=1)
        share = self.config.direction_share
        present = torch.sigmoid(self.presence(spatial.features).float() + PRESENCE_AT_START)
        own = math.sqrt(share) * present * spatial.direction
        rest = math.sqrt(1 - share) * functional.normalize(fused, dim=1)
        return functional.normalize(torch.cat([own, rest], dim=1), dim=1)

    def get_audio_features(self, audio: Tensor, sample_rate: int | None = None) -> Tensor:
        """(B, 4, samples), W, Y, Z, X, at the model's rate or another → (B, embedding_size), unit vectors."""
        return self.encode_audio(audio, sample_rate=sample_rate).embedding

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Two (B, L) from the model's tokenizer → what the text encoder makes of them, (B, its size).

        Where ``config.text_frozen`` holds for it, it has no gradient and may be kept from one epoch to the next.
        """
        out: Tensor = self.text_encoder(input_ids, attention_mask)
        return out

    def project_text(self, encoded: Tensor) -> Tensor:
        """What ``encode_text`` gives → (B, embedding_size), unit vectors."""
        return functional.normalize(self.text_projection(encoded).float(), dim=1)

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Two (B, L) from the model's tokenizer → (B, embedding_size), unit vectors."""
        return self.project_text(self.encode_text(input_ids, attention_mask))

    def forward(self, audio: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[AudioOutput, Tensor]:
        """What the model makes of B clips, and the embeddings of their captions (B, embedding_size)."""
        return self.encode_audio(audio), self.get_text_features(input_ids, attention_mask)


AutoConfig.register("elsa", ElsaConfig, exist_ok=True)
AutoModel.register(ElsaConfig, ElsaModel, exist_ok=True)
