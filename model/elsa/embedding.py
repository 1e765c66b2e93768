"""Embeds sound files and sentences with a trained model, in three lines of code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from model.data import read_foa, to_length
from model.devices import device_of
from model.elsa.network import ElsaModel
from model.elsa.saved_model import load_model
from model.encoders.text import TOKENS_AT_MOST, Tokenizer, load_tokenizer
from model.errors import ModelUnreadable, one_line

#: Errors that a model raises whose parts do not fit together.
_FORWARD_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Embedder:
    """A trained model with its tokenizer.

    ::

        from model import Embedder
        elsa = Embedder.from_run("RUN")
        similarity = elsa.audio(["clip.flac"]) @ elsa.text(["a dog barking on the left"]).T
    """

    model: ElsaModel
    tokenizer: Tokenizer

    @classmethod
    def from_run(cls, run: Path | str, device: str = "cpu") -> Embedder:
        """Loads a trained model from the folder of its run, onto ``cpu``, ``cuda`` or ``auto``.

        Raises:
            ModelUnreadable: the folder holds no model.
            ConfigurationError: there is no such device.
        """
        folder = Path(run)
        model = load_model(folder)
        nn.Module.to(model, device_of(device))
        try:
            embedder = cls(model, load_tokenizer(model.config, folder))
            embedder.try_out()
        except _FORWARD_ERRORS as error:
            raise ModelUnreadable(f"{folder}: not a model that works: {one_line(error)}") from None
        return embedder

    @torch.inference_mode()
    def try_out(self) -> None:
        """Embeds a long sentence and a click. The parts of a stranger's model may not fit together.

        Raises:
            ValueError: an embedding is not finite. PyTorch raises its own errors.
        """
        sound = torch.zeros(1, 4, self.model.config.clip_samples, device=self.model.device)
        sound[..., 0] = 1.0
        embeddings = (self.model.get_audio_features(sound), torch.from_numpy(self.text(["a dog " * TOKENS_AT_MOST])))
        if not all(bool(embedding.isfinite().all()) for embedding in embeddings):
            raise ValueError("its embeddings are not finite")

    @torch.inference_mode()
    def text(self, texts: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
        """Embeds n sentences: (n, embedding_size), unit vectors."""
        out = []
        for first in range(0, len(texts), batch_size):
            tokens = self.tokenizer(texts[first : first + batch_size])
            out.append(self.model.get_text_features(**{k: v.to(self.model.device) for k, v in tokens.items()}))
        return torch.cat(out).cpu().numpy()

    @torch.inference_mode()
    def audio(self, files: Iterable[Path | str], batch_size: int = 16) -> NDArray[np.float32]:
        """Embeds n sound files: (n, embedding_size), unit vectors.

        A file with four channels is AmbiX (W, Y, Z, X; SN3D), one with a single channel is sound without space. Rate
        and length are free. A file longer than the model's clip is cut into clips, and their embeddings are averaged.

        Raises:
            SoundUnreadable: a file that cannot be decoded, or has another number of channels.
        """
        samples = self.model.config.clip_samples
        out = []
        for file in files:
            foa = read_foa(Path(file), sample_rate=self.model.config.sample_rate)
            # A remainder shorter than half a clip is left out, unless it is the whole file.
            count = max(1, round(foa.shape[1] / samples))
            clips = [to_length(foa[:, i * samples : (i + 1) * samples], samples) for i in range(count)]
            parts = []
            for first in range(0, count, batch_size):
                audio = torch.from_numpy(np.stack(clips[first : first + batch_size]))
                parts.append(self.model.get_audio_features(audio.to(self.model.device)))
            out.append(functional.normalize(torch.cat(parts).mean(0), dim=0))
        return torch.stack(out).cpu().numpy()
