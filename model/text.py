"""The text encoders and their tokenizers, two behind one interface: ids and mask in, one vector a caption out.

The paper trains RoBERTa-base (ELSA, section 4.1). ``pretrained`` is a frozen sentence encoder from a package or a
folder, ``hashing`` a bag of words for tests that needs no file at all.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from model.configuration import ConfigurationError, ElsaConfig

_WORD = re.compile(r"[^\W_]+")
#: Tokens of a caption that are read; longer ones are cut.
TOKENS_AT_MOST = 77


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' bars and reports, which are for another kind of program; as it was, afterwards."""
    shown, verbosity = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if shown:
            transformers_logging.enable_progress_bar()


class Tokenizer(Protocol):
    """Captions to ids, as transformers' tokenizers do it."""

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """B captions → input_ids and attention_mask, both (B, L)."""
        ...

    def save(self, folder: Path) -> None:
        """Writes what is needed to make it again beside the model."""
        ...


class HashingTokenizer:
    """Every word, in lower case, to one of ``buckets`` ids by SHA-256; 0 is padding."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """B captions → input_ids and attention_mask, both (B, L)."""
        words = [_WORD.findall(text.lower())[:TOKENS_AT_MOST] for text in texts]
        ids = torch.zeros(len(words), max([1, *map(len, words)]), dtype=torch.long)
        for row, caption in enumerate(words):
            for place, word in enumerate(caption):
                ids[row, place] = _bucket(word, self.buckets)
        return {"input_ids": ids, "attention_mask": (ids > 0).long()}

    def save(self, folder: Path) -> None:
        """Nothing to write: the configuration holds the number of buckets."""


@lru_cache(maxsize=65536)
def _bucket(word: str, buckets: int) -> int:
    return 1 + int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little") % (buckets - 1)


class PretrainedTokenizer:
    """The tokenizer of a pretrained encoder, from its folder."""

    def __init__(self, folder: Path) -> None:
        with quiet():
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """B captions → input_ids and attention_mask, both (B, L)."""
        out = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=TOKENS_AT_MOST, return_tensors="pt"
        )
        return {"input_ids": out["input_ids"], "attention_mask": out["attention_mask"]}

    def save(self, folder: Path) -> None:
        """Writes the tokenizer's files."""
        self._tokenizer.save_pretrained(folder)


def load_tokenizer(config: ElsaConfig, folder: Path | None = None) -> Tokenizer:
    """The tokenizer of a model: from the saved model's folder, or, for a new one, from where the encoder comes from."""
    if config.text_encoder == "hashing":
        return HashingTokenizer(config.text_buckets)
    return PretrainedTokenizer(folder or text_source_folder(config))


def text_source_folder(config: ElsaConfig) -> Path:
    """The folder of the pretrained encoder that ``text_source`` names: a folder, or a package that holds ``model/``.

    Raises:
        ConfigurationError: when there is neither.
    """
    source = str(config.text_source)
    if Path(source).is_dir():
        return Path(source)
    package = source.replace("-", "_")
    # find_spec, since importing the package is not needed to find its files.
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    folder = Path(spec.origin).parent / "model" if spec is not None and spec.origin else None
    if folder is None or not folder.is_dir():
        raise ConfigurationError(f"text_source: no folder and no installed package {source}; pip install {source}")
    return folder


class TextEncoder(nn.Module):
    """The interface of both encoders. ``size`` is the length of a caption's vector."""

    size: int

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Two (B, L) → (B, size)."""
        raise NotImplementedError


class HashingTextEncoder(TextEncoder):
    """The mean of the vectors of a caption's words; it does not know their order."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        self.size = config.text_size
        self.words = nn.Embedding(config.text_buckets, config.text_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Two (B, L) → (B, size)."""
        return _masked_mean(self.words(input_ids), attention_mask)


class PretrainedTextEncoder(TextEncoder):
    """A frozen transformer and the mean over its tokens. Always in evaluation mode, never with gradients."""

    def __init__(self, config: ElsaConfig) -> None:
        super().__init__()
        if config.text_config is None:
            folder = text_source_folder(config)
            config.text_config = AutoConfig.from_pretrained(folder, local_files_only=True).to_dict()
        settings: dict[str, Any] = dict(config.text_config)
        encoder_config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        self.size = encoder_config.hidden_size
        self.encoder = AutoModel.from_config(encoder_config)
        self.encoder.requires_grad_(False)

    def load_source(self, config: ElsaConfig) -> None:
        """The weights from where the encoder first comes from."""
        source = AutoModel.from_pretrained(text_source_folder(config), local_files_only=True)
        self.encoder.load_state_dict(source.state_dict())

    def train(self, mode: bool = True) -> PretrainedTextEncoder:
        """Frozen means without dropout too."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Two (B, L) → (B, size)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return _masked_mean(hidden, attention_mask)


def text_encoder(config: ElsaConfig) -> TextEncoder:
    """The encoder that a configuration names."""
    return HashingTextEncoder(config) if config.text_encoder == "hashing" else PretrainedTextEncoder(config)


def _masked_mean(vectors: Tensor, mask: Tensor) -> Tensor:
    weight = mask.unsqueeze(-1).to(vectors.dtype)
    return (vectors * weight).sum(1) / weight.sum(1).clamp(min=1.0)
