"""Sentences that tell one word of a place and nothing of a sound, for the loss that teaches what such a sentence means.

Captions tell what sounds and where at once. A search or a zero-shot question often tells the place alone, and a model
that has never read such a sentence loses on the way from what it hears to what is asked much of what it knows. The
wording is ours; no sentence is one that evaluations ask with.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.augmentation.captions import PHRASES
from model.targets import VOCABULARY
from model.training.losses import masked_mean

PATTERNS = (
    "Something sounds {}.",
    "There is a noise {}.",
    "It is heard {}.",
    "Sound {}",
    "Someone hears it {}",
    "A recording made {}.",
)
#: Beside the phrases that captions are made with.
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
    """Every sentence, and by attribute which of them ask the same in the same way.

    Attributes:
        sentences: all of them.
        places: by attribute (frames, words): where in ``sentences`` the one of each wording and word is.
    """

    sentences: tuple[str, ...]
    places: dict[str, Tensor]


def place_questions() -> Questions:
    """Every pattern with every phrase; phrases of one place in their lists are asked together."""
    sentences: list[str] = []
    places = {}
    for attribute, words in VOCABULARY.items():
        phrases = [_phrases(attribute, word) for word in words]
        frames = []
        for pattern in PATTERNS:
            for phrase in range(max(map(len, phrases))):
                frames.append(range(len(sentences), len(sentences) + len(words)))
                sentences += [pattern.format(own[phrase % len(own)]) for own in phrases]
        places[attribute] = torch.tensor([list(frame) for frame in frames])
    return Questions(tuple(sentences), places)


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
        words: (B, attributes), as in Targets; an attribute whose word is −1 does not count.
    """
    likeness = logit_scale.exp() * embedding @ text.T
    losses = []
    for column, places in enumerate(questions.places.values()):
        own = words[:, column]
        logits = likeness[:, places.to(likeness.device)]
        frames = places.shape[0]
        entropy = functional.cross_entropy(
            logits.flatten(0, 1), own.clamp(min=0).repeat_interleave(frames), reduction="none"
        )
        losses.append(masked_mean(entropy.reshape(len(own), frames).mean(1), own >= 0))
    return torch.stack(losses).mean()
