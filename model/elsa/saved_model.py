"""Saves a model in a folder and loads it: config.json and model.safetensors."""

from __future__ import annotations

import shutil
from pathlib import Path

from model.elsa.network import ElsaModel
from model.elsa.saved_files import unloadable_as_refused
from model.encoders.quiet import quiet
from model.folders import MODEL_CONFIG, MODEL_WEIGHTS, check_model


def load_model(folder: Path | str) -> ElsaModel:
    """Loads a saved model of a folder in evaluation mode, with weights of their own; see `ElsaModel.from_pretrained`.

    Raises:
        ModelUnreadable: the folder holds no model, or a broken one.
    """
    check_model(Path(folder))
    with unloadable_as_refused(Path(folder)):
        return ElsaModel.from_pretrained(folder).eval()


def save_model(model: ElsaModel, folder: Path) -> None:
    """Writes config.json and model.safetensors into a folder, which is created."""
    with quiet():
        model.save_pretrained(folder)
    # safetensors makes its file readable by its owner only; a run is shared like any other file.
    shutil.copymode(folder / MODEL_CONFIG, folder / MODEL_WEIGHTS)
