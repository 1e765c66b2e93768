"""A captioner on frozen embeddings: a two-layer MLP makes a prefix for a language model like GPT-2 (ELSA, 5.5).

The caption of the paper's figure has a two-layer MLP from 512 to 768 numbers, one prefix of GPT-2's width. The 393 k
parameters in its text are those of a single 512 × 768 layer. Here, both layers exist. The weights of GPT-2 come from a
folder or a hub, through transformers. Without them, a small model of the same architecture is drawn at random; its
vocabulary is the words of the captions that it learns from.
"""

from __future__ import annotations

import copy
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.devices import one_thread
from model.draws import derive_seed, keyed_generator
from model.encoders.clap import is_path
from model.encoders.quiet import quiet
from model.errors import ConfigurationError, one_line
from model.evaluation.collect import REPORT_EVERY_S

#: Most tokens of a caption.
LENGTH = 40
#: Most words of a small model's vocabulary.
WORDS = 5000
#: Shape of a small model.
SMALL: dict[str, Any] = {"n_embd": 128, "n_layer": 3, "n_head": 4, "n_positions": LENGTH + 2}
_LEARNING_RATE = {"small": 1e-3, "pretrained": 1e-4}
#: Steps between two looks at the loss, and the looks without a better loss after which training stops.
LOOK_EVERY, PATIENCE = 20, 3
#: Share of the clips that is held out to measure the loss, at least one clip of HELD_OUT_FROM; and most rows for it.
HELD_OUT_SHARE, HELD_OUT_FROM, HELD_OUT_ROWS = 0.1, 4, 64
#: Without clips that are held out, training stops at this loss, in nats per token: all captions are memorised.
MEMORISED = 0.05
_WORD = re.compile(r"[\w'’]+|[.,;:!?]")


class Words(Protocol):
    """Converts captions to tokens and back."""

    size: int
    end: int

    def encode(self, caption: str) -> list[int]:
        """The tokens of a caption, without the end."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The caption of tokens."""
        ...


class WordList:
    """A vocabulary of the most frequent words of captions. Other words are unknown and never written."""

    def __init__(self, captions: Sequence[str]) -> None:
        counts = Counter(word for caption in captions for word in _WORD.findall(caption.lower()))
        # By count, then by spelling, so that the order of the captions does not matter.
        ranked = sorted(counts, key=lambda word: (-counts[word], word))[:WORDS]
        self.words = ["<end>", "<unknown>", *ranked]
        self.indices = {word: index for index, word in enumerate(self.words)}
        self.size, self.end = len(self.words), 0

    def encode(self, caption: str) -> list[int]:
        """The tokens of a caption, without the end."""
        return [self.indices.get(word, 1) for word in _WORD.findall(caption.lower())]

    def decode(self, tokens: Sequence[int]) -> str:
        """The caption of tokens, without unknown words."""
        return re.sub(r" ([.,;:!?])", r"\1", " ".join(self.words[token] for token in tokens if token > 1))


class PretrainedWords:
    """GPT-2's own tokens."""

    def __init__(self, source: str) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(
            source, local_files_only=is_path(source), trust_remote_code=False
        )
        self.size, self.end = len(self.tokenizer), int(self.tokenizer.eos_token_id)

    def encode(self, caption: str) -> list[int]:
        """The tokens of a caption, without the end."""
        tokens: list[int] = self.tokenizer(caption)["input_ids"]
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """The caption of tokens."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text.strip()


@dataclass(frozen=True)
class Fit:
    """The result of a captioner's training.

    Attributes:
        steps: the steps that were done.
        train_loss: mean loss of the last tenth of the steps, in nats per token.
        held_out_loss: lowest loss on the clips that were held out; None if there were too few clips to hold any out.
    """

    steps: int
    train_loss: float
    held_out_loss: float | None


class Captioner(nn.Module):
    """Writes captions from embeddings.

    Args:
        embedding_size: width of an embedding.
        captions: that it will learn from. A small model takes its vocabulary from them.
        source: folder, or name on a hub, of GPT-2's weights; None draws a small model by ``seed``.
        seed: of a small model's weights.

    Raises:
        ConfigurationError: the source holds no such model.
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
                    self.language = AutoModelForCausalLM.from_pretrained(
                        source, local_files_only=is_path(source), trust_remote_code=False, use_safetensors=True
                    )
                except (OSError, ValueError) as error:
                    raise ConfigurationError(
                        f"captioner: {source} holds no language model: {one_line(error)}"
                    ) from None
            width = int(self.language.config.n_embd)
            self.prefix = nn.Sequential(nn.Linear(embedding_size, width), nn.GELU(), nn.Linear(width, width))

    def fit(
        self,
        embeddings: NDArray[np.floating],
        captions: Sequence[Sequence[str]],
        clips: Sequence[str],
        *,
        steps: int,
        batch_size: int,
        seed: int,
        report: Callable[[str], None] = lambda _: None,
    ) -> Fit:
        """Learns from embeddings and captions. Stops early, with the best weights, when it has learnt what it can.

        A tenth of the clips is held out. Training stops when the loss on them has not improved for PATIENCE looks. With
        too few clips to hold any out, it stops when the loss on train is below MEMORISED.

        Args:
            embeddings: (n, E), unit vectors.
            captions: one or several of each row.
            clips: name of the clip of each row.
            steps: most gradient steps.
            batch_size: captions of a step.
            seed: of all draws.
            report: gets lines about the progress.
        """
        inputs = torch.from_numpy(embeddings).float()
        encoded = [[self.words.encode(caption)[: LENGTH - 1] for caption in own] for own in captions]
        learnt, held_out = _hold_out_rows(clips, seed)
        optimizer = torch.optim.AdamW(self.parameters(), lr=_LEARNING_RATE[self.kind], weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        generator = keyed_generator(seed, "captions", len(inputs))
        losses: list[float] = []
        best, best_weights, looks = float("inf"), None, 0
        self.train()
        # A small model computes faster with one thread.
        with one_thread(self.kind == "small"), torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(derive_seed(seed, "captioner dropout"))
            started = last = time.perf_counter()
            while len(losses) < steps:
                rows = learnt[generator.integers(len(learnt), size=min(batch_size, len(learnt)))]
                chosen = [encoded[row][int(generator.integers(len(encoded[row])))] for row in rows]
                optimizer.zero_grad()
                loss = self.loss(inputs[torch.from_numpy(rows)], chosen)
                loss.backward()
                nn.utils.clip_grad_norm_(self.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                losses.append(float(loss.detach()))
                now = time.perf_counter()
                if now - last >= REPORT_EVERY_S:
                    last = now
                    left = (now - started) / len(losses) * (steps - len(losses))
                    report(f"step {len(losses)} of {steps}, loss {losses[-1]:.2f}, at most {left:.0f} s to go")
                if len(losses) % LOOK_EVERY:
                    continue
                if not len(held_out):
                    if np.mean(losses[-LOOK_EVERY:]) < MEMORISED:
                        break
                    continue
                found = self._held_out_loss(inputs[torch.from_numpy(held_out)], [encoded[row][0] for row in held_out])
                looks = 0 if found < best else looks + 1
                if found < best:
                    best, best_weights = found, copy.deepcopy(self.state_dict())
                if looks == PATIENCE:
                    break
        if best_weights is not None:
            self.load_state_dict(best_weights)
        self.eval()
        train_loss = float(np.mean(losses[-max(1, len(losses) // 10) :]))
        return Fit(len(losses), train_loss, None if best_weights is None else best)

    def _held_out_loss(self, embeddings: Tensor, captions: Sequence[Sequence[int]]) -> float:
        self.eval()
        with torch.no_grad():
            loss = self.loss(embeddings, captions).item()
        self.train()
        return loss

    def loss(self, embeddings: Tensor, captions: Sequence[Sequence[int]]) -> Tensor:
        """The mean of −log p over the tokens of captions and their ends, for embeddings (B, E)."""
        length = max(map(len, captions)) + 1
        tokens = torch.full((len(captions), length), self.words.end)
        counts = torch.zeros(len(captions), length, dtype=torch.bool)
        for row, caption in enumerate(captions):
            tokens[row, : len(caption)] = torch.tensor(caption, dtype=torch.long)
            counts[row, : len(caption) + 1] = True
        words = self.language.get_input_embeddings()(tokens[:, :-1])
        states = torch.cat([self._prefix(embeddings), words], dim=1)
        logits = self.language(inputs_embeds=states).logits
        return functional.cross_entropy(logits[counts], tokens[counts])

    def _prefix(self, embeddings: Tensor) -> Tensor:
        """The prefix (B, 1, width) of embeddings (B, E)."""
        scaled = embeddings * embeddings.shape[1] ** 0.5
        out: Tensor = self.prefix(scaled)
        return out.unsqueeze(1)

    @torch.inference_mode()
    def write(self, embeddings: NDArray[np.floating], batch_size: int = 64) -> list[str]:
        """Writes a caption for each of the embeddings (n, E), always with the most probable next token."""
        captions = []
        with one_thread(self.kind == "small"):
            for first in range(0, len(embeddings), batch_size):
                states = self._prefix(torch.from_numpy(embeddings[first : first + batch_size]).float())
                captions += [self.words.decode(row) for row in self._continue(states)]
        return captions

    def _continue(self, states: Tensor) -> list[list[int]]:
        """The most probable tokens after prefixes (B, 1, width), up to their ends."""
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
        return [row[: row.index(self.words.end)] if self.words.end in row else row for row in tokens.tolist()]

    def parameter_counts(self) -> dict[str, int]:
        """Numbers of parameters of the prefix and of the language model."""
        return {
            "prefix": sum(parameter.numel() for parameter in self.prefix.parameters()),
            "language": sum(parameter.numel() for parameter in self.language.parameters()),
        }


def _hold_out_rows(clips: Sequence[str], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to learn from, and at most HELD_OUT_ROWS rows of the clips that are held out."""
    names = sorted(set(clips))
    generator = keyed_generator(seed, "captioner held out", len(names))
    generator.shuffle(names)
    count = max(1, int(HELD_OUT_SHARE * len(names))) if len(names) >= HELD_OUT_FROM else 0
    chosen = set(names[:count])
    held_out = np.array([clip in chosen for clip in clips])
    rows = generator.permutation(np.flatnonzero(held_out))[:HELD_OUT_ROWS]
    return np.flatnonzero(~held_out), np.sort(rows)
