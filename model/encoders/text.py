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
from tokenizers import Tokenizer as Tokenizers
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    ClapTextConfig,
    ClapTextModel,
    PreTrainedTokenizerFast,
)

from model.configuration.elsa_config import ElsaConfig
from model.documents import MOST_JSON_BYTES, parse_json
from model.encoders.clap import clap_config, differing, is_path, load_part
from model.encoders.quiet import quiet
from model.encoders.settings import config_of, text_config_of
from model.errors import ConfigurationError, one_line
from model.files import read_bytes, write_text
from model.packages import source_in

_WORD = re.compile(r"[^\W_]+")
#: Longest caption in tokens; the rest is cut.
TOKENS_AT_MOST = 77
#: Files of a pretrained tokenizer in the folder of a model, and most bytes of the first: those of large vocabularies
#: have 17 MB.
TOKENIZER, TOKENIZER_SETTINGS = "tokenizer.json", "tokenizer_config.json"
MOST_TOKENIZER_BYTES = 32_000_000
_SPECIAL_TOKENS = ("bos_token", "cls_token", "eos_token", "mask_token", "pad_token", "sep_token", "unk_token")
_SIDES = ("padding_side", "truncation_side")


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
        if not 0 <= padding < buckets - 1:
            raise ConfigurationError(f"a tokenizer of {buckets} ids cannot have {padding} for padding")
        self.buckets = buckets
        self.padding = padding

    @classmethod
    def load(cls, folder: Path) -> HashingTokenizer:
        """Reads the file that ``save`` wrote.

        Raises:
            ConfigurationError: it cannot be used.
        """
        try:
            settings = parse_json(read_bytes(folder, cls.FILE, MOST_JSON_BYTES))
            return cls(int(settings["buckets"]), int(settings["padding"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{folder / cls.FILE}: not a tokenizer's: {one_line(error)}") from None

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
        write_text(folder, self.FILE, json.dumps({"buckets": self.buckets, "padding": self.padding}) + "\n")


@lru_cache(maxsize=65536)
def _bucket(word: str, buckets: int) -> int:
    return 1 + int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little") % (buckets - 1)


class PretrainedTokenizer:
    """The tokenizer of a pretrained encoder, as transformers calls it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def of_source(cls, source: Path | str) -> PretrainedTokenizer:
        """Loads the tokenizer of a folder or of a name on a hub, which the user has given.

        Raises:
            ConfigurationError: there is none.
        """
        try:
            with quiet():
                return cls(
                    AutoTokenizer.from_pretrained(
                        source, local_files_only=is_path(str(source)), trust_remote_code=False
                    )
                )
        except (OSError, ValueError) as error:
            reason = one_line(error)
            raise ConfigurationError(f"text_source: {source}: its tokenizer cannot be loaded: {reason}") from None

    @classmethod
    def of_run(cls, folder: Path) -> PretrainedTokenizer:
        """Loads the tokenizer of a saved model, which may be a stranger's, from tokenizer.json and its settings.

        The settings are only special tokens and sides. Classes and code that they name are ignored.

        Raises:
            ConfigurationError: there is none that can be used.
        """
        try:
            tokenizer = Tokenizers.from_buffer(read_bytes(folder, TOKENIZER, MOST_TOKENIZER_BYTES))
            settings = parse_json(read_bytes(folder, TOKENIZER_SETTINGS, MOST_JSON_BYTES))
            known = {name: _token(settings.get(name)) for name in _SPECIAL_TOKENS if settings.get(name) is not None}
            known |= {name: settings[name] for name in _SIDES if settings.get(name) in ("left", "right")}
            with quiet():
                return cls(PreTrainedTokenizerFast(tokenizer_object=tokenizer, **known))
        # The library, which is not in Python, raises plain exceptions, and one of its own where its code panics.
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise ConfigurationError(f"{folder}: no tokenizer that can be loaded: {one_line(error)}") from None

    @property
    def size(self) -> int:
        """A number above all ids of tokens."""
        return 1 + max(self._tokenizer.get_vocab().values(), default=-1)

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Tokenizes B captions: input_ids and attention_mask, both (B, L)."""
        out = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=TOKENS_AT_MOST, return_tensors="pt"
        )
        return {"input_ids": out["input_ids"], "attention_mask": out["attention_mask"]}

    def save(self, folder: Path) -> None:
        """Writes the files of the tokenizer."""
        self._tokenizer.save_pretrained(folder)


def _token(value: Any) -> str:
    text = value.get("content") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise ValueError(f"a special token is {value!r}")
    return text


def load_tokenizer(config: ElsaConfig, folder: Path | None = None) -> Tokenizer:
    """Loads the tokenizer of a model.

    Args:
        config: of the model.
        folder: of the saved model; None for a new model, whose tokenizer comes from the encoder's source.

    Raises:
        ConfigurationError: the source has no tokenizer, or one with more tokens than the encoder.
    """
    if config.text_encoder == "hashing":
        return HashingTokenizer(config.text_buckets)
    if config.text_encoder == "roberta" and config.text_source is None:
        # A model without a source has no vocabulary, so its words are hashed to its ids.
        encoder = config_of(ClapTextConfig, config.text_config or {}, key="text_config")
        return HashingTokenizer(encoder.vocab_size, padding=int(encoder.pad_token_id or 0))
    if folder is None:
        return PretrainedTokenizer.of_source(_source(config))
    tokenizer = PretrainedTokenizer.of_run(folder)
    tokens = (config.text_config or {}).get("vocab_size")
    if isinstance(tokens, int) and tokenizer.size > tokens:
        raise ConfigurationError(f"{folder}: a tokenizer of {tokenizer.size} tokens, the encoder has {tokens}")
    return tokenizer


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
            config.text_config = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            ).to_dict()
        encoder_config = text_config_of(config.text_config)
        self.size = encoder_config.hidden_size
        self.encoder = AutoModel.from_config(encoder_config, trust_remote_code=False)
        self.encoder.requires_grad_(not self.frozen)

    def load_source(self, config: ElsaConfig) -> None:
        """Loads the weights from the package or folder."""
        with quiet():
            source = AutoModel.from_pretrained(
                text_source_folder(config), local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
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
        encoder_config = config_of(ClapTextConfig, config.text_config, key="text_config")
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
