"""A captioner on frozen embeddings: a two-layer MLP makes the prefix of a language model of GPT-2's kind (ELSA, 5.5).

The figure's caption has a two-layer MLP from 512 to 768 numbers, one prefix of GPT-2's width; the text's 393 k
parameters are those of one 512 × 768 layer. Both layers are here. The weights of GPT-2 come from a folder or a hub's
name, through transformers; where none is given a small model of the same architecture is drawn, whose words are those
of the captions that it learns from.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.draws import derive_seed, keyed_generator
from model.encoders.quiet import quiet
from model.errors import ConfigurationError, one_line
from model.evaluation.collect import TOLD_EVERY_S

#: Tokens of a caption, at most.
LENGTH = 40
#: Words of a small model's vocabulary, at most, and its shape.
WORDS = 5000
SMALL: dict[str, Any] = {"n_embd": 128, "n_layer": 3, "n_head": 4, "n_positions": LENGTH + 2}
_LEARNING_RATE = {"small": 1e-3, "pretrained": 1e-4}
_WORD = re.compile(r"[\w'’]+|[.,;:!?]")


class Words(Protocol):
    """Captions to tokens and back."""

    size: int
    end: int

    def encode(self, caption: str) -> list[int]:
        """Tokens of a caption, without the end."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """A caption."""
        ...


class WordList:
    """The most frequent words of captions; others are unknown and never written."""

    def __init__(self, captions: Sequence[str]) -> None:
        counts = Counter(word for caption in captions for word in _WORD.findall(caption.lower()))
        # By count, then by spelling: the order of the captions changes nothing.
        ranked = sorted(counts, key=lambda word: (-counts[word], word))[:WORDS]
        self.words = ["<end>", "<unknown>", *ranked]
        self.places = {word: place for place, word in enumerate(self.words)}
        self.size, self.end = len(self.words), 0

    def encode(self, caption: str) -> list[int]:
        """See Words."""
        return [self.places.get(word, 1) for word in _WORD.findall(caption.lower())]

    def decode(self, tokens: Sequence[int]) -> str:
        """See Words."""
        return re.sub(r" ([.,;:!?])", r"\1", " ".join(self.words[token] for token in tokens if token > 1))


class PretrainedWords:
    """GPT-2's own tokens."""

    def __init__(self, source: str) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(source)
        self.size, self.end = len(self.tokenizer), int(self.tokenizer.eos_token_id)

    def encode(self, caption: str) -> list[int]:
        """See Words."""
        tokens: list[int] = self.tokenizer(caption)["input_ids"]
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """See Words."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text.strip()


class Captioner(nn.Module):
    """Embeddings to captions.

    Args:
        embedding_size: of what it reads.
        captions: that it will learn from; a small model takes its words from them.
        source: folder or hub's name of GPT-2's weights, or None for a small model drawn by ``seed``.

    Raises:
        ConfigurationError: a source that holds no such model.
    """

    def __init__(self, embedding_size: int, captions: Sequence[str], *, source: str | None, seed: int) -> None:
        super().__init__()
        from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

        self.kind = "small" if source is None else "pretrained"
        self.language: Any
        self.words: Words
        with torch.random.fork_rng(devices=[]), quiet():
            torch.manual_seed(derive_seed(seed, "captioner"))
            if source is None:
                self.words = WordList(captions)
                config = GPT2Config(vocab_size=self.words.size, bos_token_id=0, eos_token_id=0, pad_token_id=0, **SMALL)
                self.language = GPT2LMHeadModel(config)
            else:
                try:
                    self.words = PretrainedWords(source)
                    self.language = AutoModelForCausalLM.from_pretrained(source)
                except (OSError, ValueError) as error:
                    text = one_line(error)
                    raise ConfigurationError(f"captioner: {source} holds no language model: {text}") from None
            width = int(self.language.config.n_embd)
            self.prefix = nn.Sequential(nn.Linear(embedding_size, width), nn.GELU(), nn.Linear(width, width))

    def fit(
        self,
        embeddings: NDArray[np.floating],
        captions: Sequence[Sequence[str]],
        *,
        steps: int,
        batch_size: int,
        seed: int,
        told: Callable[[str], None] = lambda _: None,
    ) -> float:
        """Learns from embeddings (n, E) and the captions of each.

        Args:
            told: hears now and then how far it is.

        Returns:
            The mean loss of the last tenth of the steps, in nats a token.
        """
        inputs = torch.from_numpy(embeddings).float()
        encoded = [[self.words.encode(caption)[: LENGTH - 1] for caption in own] for own in captions]
        optimizer = torch.optim.AdamW(self.parameters(), lr=_LEARNING_RATE[self.kind], weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        generator = keyed_generator(seed, "captions", len(inputs))
        losses = []
        self.train()
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(derive_seed(seed, "captioner dropout"))
            started = last = time.perf_counter()
            for step in range(steps):
                rows = generator.integers(len(inputs), size=min(batch_size, len(inputs)))
                chosen = [encoded[row][int(generator.integers(len(encoded[row])))] for row in rows]
                optimizer.zero_grad()
                loss = self.loss(inputs[torch.from_numpy(rows)], chosen)
                loss.backward()
                nn.utils.clip_grad_norm_(self.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                losses.append(float(loss.detach()))
                now = time.perf_counter()
                if now - last >= TOLD_EVERY_S:
                    last = now
                    left = (now - started) / (step + 1) * (steps - step - 1)
                    told(f"step {step + 1} of {steps}, loss {losses[-1]:.2f}, {left:.0f} s to go")
        self.eval()
        return float(np.mean(losses[-max(1, steps // 10) :]))

    def loss(self, embeddings: Tensor, captions: Sequence[Sequence[int]]) -> Tensor:
        """The mean of −log p over the tokens of the captions and their ends."""
        length = max(map(len, captions)) + 1
        tokens = torch.full((len(captions), length), self.words.end)
        counted = torch.zeros(len(captions), length, dtype=torch.bool)
        for row, caption in enumerate(captions):
            tokens[row, : len(caption)] = torch.tensor(caption, dtype=torch.long)
            counted[row, : len(caption) + 1] = True
        words = self.language.get_input_embeddings()(tokens[:, :-1])
        states = torch.cat([self._prefix(embeddings), words], dim=1)
        logits = self.language(inputs_embeds=states).logits
        return functional.cross_entropy(logits[counted], tokens[counted])

    def _prefix(self, embeddings: Tensor) -> Tensor:
        scaled = embeddings * embeddings.shape[1] ** 0.5
        out: Tensor = self.prefix(scaled)
        return out.unsqueeze(1)

    @torch.inference_mode()
    def write(self, embeddings: NDArray[np.floating], batch_size: int = 64) -> list[str]:
        """The likeliest caption, word by word, of each embedding."""
        captions = []
        for first in range(0, len(embeddings), batch_size):
            states = self._prefix(torch.from_numpy(embeddings[first : first + batch_size]).float())
            tokens = torch.zeros(len(states), 0, dtype=torch.long)
            ended = torch.zeros(len(states), dtype=torch.bool)
            cache = None
            while tokens.shape[1] < LENGTH and not bool(ended.all()):
                out = self.language(inputs_embeds=states, past_key_values=cache, use_cache=True)
                cache = out.past_key_values
                following = out.logits[:, -1].argmax(1)
                ended |= following == self.words.end
                following = torch.where(ended, torch.tensor(self.words.end), following)
                tokens = torch.cat([tokens, following[:, None]], dim=1)
                states = self.language.get_input_embeddings()(following[:, None])
            for row in tokens.tolist():
                kept = row[: row.index(self.words.end)] if self.words.end in row else row
                captions.append(self.words.decode(kept))
        return captions

    def parameter_counts(self) -> dict[str, int]:
        """Of the prefix and of the language model."""
        return {
            "prefix": sum(parameter.numel() for parameter in self.prefix.parameters()),
            "language": sum(parameter.numel() for parameter in self.language.parameters()),
        }
