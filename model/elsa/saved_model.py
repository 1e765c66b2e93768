"""A model in a folder: config.json and model.safetensors."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from model.elsa.network import ElsaModel
from model.encoders.quiet import quiet
from model.errors import ModelUnreadable, one_line

#: Files of a saved model, whose absence means that a folder holds none.
MODEL_FILES = ("config.json", "model.safetensors")


def load_model(folder: Path | str) -> ElsaModel:
    """A saved model, in evaluation mode, from safetensors alone.

    Raises:
        ModelUnreadable: when the folder holds no model, or a broken one.
    """
    folder = Path(folder)
    for name in MODEL_FILES:
        if not (folder / name).is_file():
            raise ModelUnreadable(f"{folder}: no {name}, so no model")
    try:
        with quiet():
            loaded: Any = ElsaModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise ModelUnreadable(f"{folder}: not a model of ours: {one_line(error)}") from None
    model: ElsaModel = loaded[0]
    loading: dict[str, Any] = loaded[1]
    if any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        raise ModelUnreadable(f"{folder}: model.safetensors does not hold the model of config.json")
    for parameter in model.parameters():
        # The file's mapping lies at any address, and products of unaligned numbers round in another order: a copy gives
        # the embeddings of the model that was saved, bit by bit.
        parameter.data = parameter.data.clone()
    return model.eval()


def save_model(model: ElsaModel, folder: Path) -> None:
    """config.json and model.safetensors in a folder, which is made."""
    with quiet():
        model.save_pretrained(folder)
    # safetensors keeps its file from everyone else; a run is to be shared like any other file.
    shutil.copymode(folder / "config.json", folder / "model.safetensors")
