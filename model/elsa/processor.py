"""The processor: makes the tensors that the model takes from sound and sentences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import ArrayLike, NDArray
from transformers import AutoProcessor, BatchFeature

from model.configuration.elsa_config import ElsaConfig
from model.configuration.shape import SHAPE_FIELDS, check_shape
from model.documents import MOST_JSON_BYTES, parse_json
from model.elsa.saved_files import folder_of
from model.encoders.text import (
    TOKENIZER,
    TOKENIZER_SETTINGS,
    HashingTokenizer,
    PretrainedTokenizer,
    Tokenizer,
    load_tokenizer,
)
from model.files import exists, read_bytes, write_text
from model.folders import MODEL_CONFIG

_FILE = "processor_config.json"
_FILES = (_FILE, MODEL_CONFIG, HashingTokenizer.FILE, TOKENIZER, TOKENIZER_SETTINGS)


class ElsaProcessor:
    """Makes the inputs of an ``ElsaModel``.

    ::

        processor, model = ElsaProcessor.from_pretrained(RUN), ElsaModel.from_pretrained(RUN)
        inputs = processor(text=["a dog on the left"], audio=foa, sampling_rate=48000, return_tensors="pt")
        audio, text = model(**inputs)

    Args:
        tokenizer: of the model's text encoder.
        sampling_rate: of the audio that the model takes, in hertz.
        clip_s: length of the model's clips in seconds. Sound is cut or padded to it.
    """

    def __init__(self, tokenizer: Tokenizer, *, sampling_rate: int, clip_s: float) -> None:
        self.tokenizer = tokenizer
        self.sampling_rate = sampling_rate
        self.clip_s = clip_s

    @classmethod
    def from_config(cls, config: ElsaConfig) -> ElsaProcessor:
        """The processor of a new model, with the tokenizer from the source of the text encoder."""
        return cls(load_tokenizer(config), sampling_rate=config.sample_rate, clip_s=config.clip_s)

    @classmethod
    def from_pretrained(cls, source: Path | str, **_: Any) -> ElsaProcessor:
        """Loads a processor from a folder or a name on a hub, as ``save_pretrained`` or a training wrote it.

        Raises:
            OSError: the source holds no processor and no model.
            ValueError: its files cannot be used.
        """

        with folder_of(source, _FILES) as folder:
            if exists(folder, _FILE):
                settings = parse_json(read_bytes(folder, _FILE, MOST_JSON_BYTES))
                rate, clip_s = int(settings["sampling_rate"]), float(settings["clip_s"])
            elif exists(folder, MODEL_CONFIG):
                settings = parse_json(read_bytes(folder, MODEL_CONFIG, MOST_JSON_BYTES))
                shape = check_shape({name: settings[name] for name in SHAPE_FIELDS if name in settings})
                rate, clip_s = shape.sample_rate, float(shape.clip_s)
            else:
                raise OSError(f"{source}: no {_FILE} and no {MODEL_CONFIG}, so no processor")
            has_words = exists(folder, HashingTokenizer.FILE)
            tokenizer = HashingTokenizer.load(folder) if has_words else PretrainedTokenizer.of_run(folder)
        return cls(tokenizer, sampling_rate=rate, clip_s=clip_s)

    def save_pretrained(self, folder: Path | str, **_: Any) -> None:
        """Writes what ``from_pretrained`` reads into a folder, which is created."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(folder)
        settings = {"processor_class": "ElsaProcessor", "sampling_rate": self.sampling_rate, "clip_s": self.clip_s}
        write_text(folder, _FILE, json.dumps(settings, indent=2) + "\n")

    def __call__(
        self,
        text: str | Sequence[str] | None = None,
        audio: ArrayLike | Sequence[ArrayLike] | None = None,
        sampling_rate: int | None = None,
        return_tensors: str | None = "pt",
    ) -> BatchFeature:
        """Makes tensors for ``ElsaModel``.

        Args:
            text: one sentence or several.
            audio: one sound or several, full scale 1: (4, n) is ambisonics (W, Y, Z, X; SN3D), (n,) or (1, n) is sound
                without space. A longer sound is cut to its middle, a shorter one is padded with zeros at its end.
            sampling_rate: of the audio, in hertz.
            return_tensors: "pt", or "np" for NumPy.

        Returns:
            ``audio`` (B, 4, clip_s · sampling_rate of the model), float32, if audio is given; ``input_ids`` and
            ``attention_mask``, both (B, L), if text is given.

        Raises:
            ValueError: no text and no audio, no sampling rate, or a sound of another shape.
        """
        if text is None and audio is None:
            raise ValueError("no input; text or audio is expected")
        if return_tensors not in ("pt", "np"):
            raise ValueError(f"return_tensors is {return_tensors!r}, not 'pt' or 'np'")
        tensors: dict[str, Any] = {}
        if audio is not None:
            if sampling_rate is None or sampling_rate <= 0:
                raise ValueError("audio without a sampling_rate in hertz")
            clips = [self.clip(sound, sampling_rate) for sound in _sounds(audio)]
            tensors["audio"] = torch.from_numpy(np.stack(clips))
        if text is not None:
            tensors |= self.tokenizer([text] if isinstance(text, str) else list(text))
        if return_tensors == "np":
            tensors = {name: tensor.numpy() for name, tensor in tensors.items()}
        return BatchFeature(tensors)

    def clip(self, sound: ArrayLike, sampling_rate: int) -> NDArray[np.float32]:
        """Brings a sound, (4, n), (1, n) or (n,), to (4, clip_s · self.sampling_rate), float32."""
        foa = as_foa(sound)
        if sampling_rate != self.sampling_rate:
            # Equal channels are resampled once.
            channels = foa[:1] if (foa[1:] == foa[0]).all() else foa
            out = soxr.resample(np.ascontiguousarray(channels.T), sampling_rate, self.sampling_rate, quality="HQ").T
            foa = np.broadcast_to(out, (4, out.shape[1]))
        samples = round(self.clip_s * self.sampling_rate)
        start = max(0, foa.shape[1] - samples) // 2
        foa = foa[:, start : start + samples]
        return np.ascontiguousarray(np.pad(foa, ((0, 0), (0, samples - foa.shape[1]))), dtype=np.float32)


def as_foa(sound: ArrayLike) -> NDArray[np.float32]:
    """Returns sound (4, n) unchanged, and copies (1, n) or (n,) to four channels: sound without space (ELSA, 4.1).

    Raises:
        ValueError: another shape, no samples, or samples that are not finite.
    """
    samples = np.asarray(sound, dtype=np.float32)
    channels = np.atleast_2d(samples)
    if channels.ndim != 2 or channels.shape[0] not in (1, 4) or not channels.shape[1]:
        raise ValueError(f"audio of shape {samples.shape}: (4, samples) or (samples,) is expected")
    if not np.isfinite(channels).all():
        raise ValueError("audio with samples that are not finite")
    return np.broadcast_to(channels, (4, channels.shape[1]))


def _sounds(audio: Any) -> list[Any]:
    """A list of the sounds in ``audio``."""
    if isinstance(audio, (list, tuple)):
        # A list of numbers is one sound; a list of arrays is several.
        return [audio] if audio and np.ndim(audio[0]) == 0 else list(audio)
    return list(audio) if np.ndim(audio) == 3 else [audio]


AutoProcessor.register(ElsaConfig, ElsaProcessor, exist_ok=True)
