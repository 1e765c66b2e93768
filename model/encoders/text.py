"""Three text encoders and their tokenizers: from a caption's tokens to a vector.

``roberta`` is the paper's, trained with the rest (ELSA, section 4.1). ``pretrained`` is a sentence encoder from a
package or a folder. ``hashing`` is a bag of words for tests, which needs no file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, ClapTextConfig, ClapTextModel

from model.configuration.elsa_config import ElsaConfig
from model.encoders.clap import clap_config, differing, is_path, load_part
from model.encoders.packages import source_in
from model.encoders.quiet import quiet
from model.errors import ConfigurationError, one_line

_WORD = re.compile(r"[^\W_]+")
#: Longest caption in tokens; the rest is cut.
TOKENS_AT_MOST = 77


class Tokenizer(Protocol):
    """The interface of tokenizers, as in transformers."""

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Tokenizes B captions: input_ids and attention_mask, both (B, L)."""
        ...

    def save(self, folder: Path) -> None:
        """Writes the files of the tokenizer into the folder of a model."""
        ...


class HashingTokenizer:
    """Maps every word, in lower case, to one of ``buckets`` ids by SHA-256. Ids up to ``padding`` are no words."""

    FILE = "hashing_tokenizer.json"

    def __init__(self, buckets: int, padding: int = 0) -> None:
        self.buckets = buckets
        self.padding = padding

    @classmethod
    def load(cls, file: Path) -> HashingTokenizer:
        """Reads the file that ``save`` wrote."""
        settings = json.loads(file.read_text(encoding="utf-8"))
        return cls(int(settings["buckets"]), int(settings["padding"]))

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Tokenizes B captions: input_ids and attention_mask, both (B, L)."""
        words = [_WORD.findall(text.lower())[:TOKENS_AT_MOST] for text in texts]
        ids = torch.full((len(words), max([1, *map(len, words)])), self.padding, dtype=torch.long)
        for row, caption in enumerate(words):
            for position, word in enumerate(caption):
                ids[row, position] = self.padding + _bucket(word, self.buckets - self.padding)
        return {"input_ids": ids, "attention_mask": (ids > self.padding).long()}

    def save(self, folder: Path) -> None:
        """Writes the two settings."""
        text = json.dumps({"buckets": self.buckets, "padding": self.padding})
        (folder / self.FILE).write_text(text + "\n", encoding="utf-8")


@lru_cache(maxsize=65536)
def _bucket(word: str, buckets: int) -> int:
    return 1 + int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little") % (buckets - 1)


class PretrainedTokenizer:
    """The tokenizer of a pretrained encoder."""

    def __init__(self, source: Path | str) -> None:
        try:
            with quiet():
                self._tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=is_path(str(source)))
        except (OSError, ValueError) as error:
            reason = one_line(error)
            raise ConfigurationError(f"text_source: {source}: its tokenizer cannot be loaded: {reason}") from None

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Tokenizes B captions: input_ids and attention_mask, both (B, L)."""
        out = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=TOKENS_AT_MOST, return_tensors="pt"
        )
        return {"input_ids": out["input_ids"], "attention_mask": out["attention_mask"]}

    def save(self, folder: Path) -> None:
        """Writes the files of the tokenizer."""
        self._tokenizer.save_pretrained(folder)


def load_tokenizer(config: ElsaConfig, folder: Path | None = None) -> Tokenizer:
    """Loads the tokenizer of a model.

    Args:
        config: of the model.
        folder: of the saved model; None for a new model, whose tokenizer comes from the encoder's source.

    Raises:
        ConfigurationError: the source has no tokenizer.
    """
    if config.text_encoder == "hashing":
        return HashingTokenizer(config.text_buckets)
    if config.text_encoder == "roberta" and config.text_source is None:
        # A model without a source has no vocabulary, so its words are hashed to its ids.
        encoder = ClapTextConfig(**(config.text_config or {}))
        return HashingTokenizer(encoder.vocab_size, padding=int(encoder.pad_token_id or 0))
    if folder is not None:
        return PretrainedTokenizer(folder)
    return PretrainedTokenizer(_source(config))


def _source(config: ElsaConfig) -> Path | str:
    source = str(config.text_source)
    return source if config.text_encoder == "roberta" else text_source_folder(config)


def text_source_folder(config: ElsaConfig) -> Path:
    """Finds the folder of the pretrained encoder that ``text_source`` names: a folder, or a package with ``model/``.

    Raises:
        ConfigurationError: there is no such folder and no such package.
    """
    return source_in(str(config.text_source), "model", key="text_source")


class TextEncoder(nn.Module):
    """The interface of text encoders: from tokens to a vector of ``size`` numbers."""

    size: int

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encodes tokens and their mask, both (B, L): (B, size)."""
        raise NotImplementedError

    def load_source(self, config: ElsaConfig) -> None:
        """Loads the first weights from the encoder's source, if it has one."""


class HashingTextEncoder(TextEncoder):
    """The mean of the vectors of a caption's words, in any order."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.size = config.text_size
        self.words = nn.Embedding(config.text_buckets, config.text_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encodes tokens and their mask, both (B, L): (B, size)."""
        return _masked_mean(self.words(input_ids), attention_mask)


class _TransformerTextEncoder(TextEncoder):
    """Base of the encoders from transformers. A frozen one has no gradient and stays in evaluation mode."""

    encoder: nn.Module

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.frozen = config.text_frozen

    def train(self, mode: bool = True) -> _TransformerTextEncoder:
        """Sets the training mode. A frozen encoder stays in evaluation mode, without dropout."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encodes tokens and their mask, both (B, L): (B, size)."""
        if self.frozen:
            with torch.no_grad():
                return self._pooled(input_ids, attention_mask)
        return self._pooled(input_ids, attention_mask)

    def _pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        raise NotImplementedError


class PretrainedTextEncoder(_TransformerTextEncoder):
    """The mean over the tokens of any encoder that transformers knows."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        if config.text_config is None:
            folder = text_source_folder(config)
            config.text_config = AutoConfig.from_pretrained(folder, local_files_only=True).to_dict()
        settings: dict[str, Any] = dict(config.text_config)
        encoder_config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        self.size = encoder_config.hidden_size
        self.encoder = AutoModel.from_config(encoder_config)
        self.encoder.requires_grad_(not self.frozen)

    def load_source(self, config: ElsaConfig) -> None:
        """Loads the weights from the package or folder."""
        with quiet():
            source = AutoModel.from_pretrained(text_source_folder(config), local_files_only=True, use_safetensors=True)
        self.encoder.load_state_dict(source.state_dict())

    def _pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return _masked_mean(hidden, attention_mask)


class RobertaTextEncoder(_TransformerTextEncoder):
    """RoBERTa as transformers' ClapTextModel; its output is the pooled first token, as in CLAP."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__(config)
        if config.text_config is None:
            source = config.text_source
            config.text_config = differing(
                clap_config(source, key="text_source").text_config if source else ClapTextConfig()
            )
        encoder_config = ClapTextConfig(**config.text_config)
        self.size = encoder_config.hidden_size
        self.encoder = ClapTextModel(encoder_config)
        self.encoder.requires_grad_(not self.frozen)

    def load_source(self, config: ElsaConfig) -> None:
        """Loads the text part of the CLAP model that ``text_source`` names, if it names one."""
        if config.text_source:
            load_part(self.encoder, config.text_source, "text_model", key="text_source")

    def _pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        pooled: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).pooler_output
        return pooled


TEXT_ENCODERS: dict[str, type[TextEncoder]] = {
    "hashing": HashingTextEncoder,
    "pretrained": PretrainedTextEncoder,
    "roberta": RobertaTextEncoder,
}


def text_encoder(config: ElsaConfig) -> TextEncoder:
    """Makes the encoder that a configuration names."""
    return TEXT_ENCODERS[config.text_encoder](config)


def _masked_mean(vectors: Tensor, mask: Tensor) -> Tensor:
    weight = mask.unsqueeze(-1).to(vectors.dtype)
    return (vectors * weight).sum(1) / weight.sum(1).clamp(min=1.0)
