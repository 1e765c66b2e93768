"""Sentences that name one word of space and no sound, and the loss that teaches their meaning.

A caption names the sound and its position together. A search or a zero-shot question often names only the position. A
model that has never read such a sentence uses much less of what it knows for its answer. The wording is ours, and no
sentence is one of the evaluation's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.augmentation.captions import PHRASES
from model.losses.elsa_loss import masked_mean
from model.targets import VOCABULARY

PATTERNS = (
    "Something sounds {}.",
    "There is a noise {}.",
    "It is heard {}.",
    "Sound {}",
    "Someone hears it {}",
    "A recording made {}.",
)
#: More phrases, beside those of the augmentation.
_MORE: dict[str, dict[str, tuple[str, ...]]] = {
    "direction": {
        "front": ("from the front", "in front of the listener"),
        "left": ("from the left", "on the left side"),
        "right": ("from the right", "on the right side"),
        "back": ("from the back", "from behind"),
    },
    "elevation": {"up": ("above", "from high up"), "down": ("from below", "from low down")},
    "distance": {"near": ("near", "from close by"), "far": ("from afar", "at a distance")},
}
_ROOMS = ("in {} room", "inside {} space")


@dataclass(frozen=True)
class Questions:
    """All sentences, grouped by attribute and wording.

    Attributes:
        sentences: all of them.
        indices: for each attribute (wordings, words), the index in ``sentences`` of each word in each wording.
    """

    sentences: tuple[str, ...]
    indices: dict[str, Tensor]


def make_questions() -> Questions:
    """Makes a sentence of every pattern and phrase. A wording takes the phrases with the same index in their lists."""
    sentences: list[str] = []
    indices = {}
    for attribute, words in VOCABULARY.items():
        phrases = [_phrases(attribute, word) for word in words]
        wordings = []
        for pattern in PATTERNS:
            for phrase in range(max(map(len, phrases))):
                wordings.append(range(len(sentences), len(sentences) + len(words)))
                sentences += [pattern.format(own[phrase % len(own)]) for own in phrases]
        indices[attribute] = torch.tensor([list(wording) for wording in wordings])
    return Questions(tuple(sentences), indices)


def _phrases(attribute: str, word: str) -> tuple[str, ...]:
    known = PHRASES[attribute][word]
    if attribute in _MORE:
        return (*known, *_MORE[attribute][word])
    kinds = [f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" for kind in known]
    return tuple(room.format(kind) for room in _ROOMS for kind in kinds)


def word_loss(embedding: Tensor, text: Tensor, logit_scale: Tensor, words: Tensor, questions: Questions) -> Tensor:
    """Cross entropy of each clip's word among the words of its attribute; the mean over wordings and attributes.

    Args:
        embedding: (B, embedding_size), unit vectors of clips.
        text: (sentences, embedding_size), unit vectors of ``questions.sentences``.
        logit_scale: scalar, the logarithm of one over the temperature.
        words: (B, attributes), as in Targets. An attribute whose word is −1 does not count.
        questions: the sentences.
    """
    similarity = logit_scale.exp() * embedding @ text.T
    losses = []
    for column, indices in enumerate(questions.indices.values()):
        own = words[:, column]
        logits = similarity[:, indices.to(similarity.device)]
        wordings = indices.shape[0]
        entropy = functional.cross_entropy(
            logits.flatten(0, 1), own.clamp(min=0).repeat_interleave(wordings), reduction="none"
        )
        losses.append(masked_mean(entropy.reshape(len(own), wordings).mean(1), own >= 0))
    return torch.stack(losses).mean()
