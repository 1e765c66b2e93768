"""The model: its network, its files, its processor, and the embedding of sound files and sentences."""

from __future__ import annotations

from model.elsa.embedding import Embedder
from model.elsa.network import AudioOutput, ElsaModel
from model.elsa.processor import ElsaProcessor
from model.elsa.saved_model import load_model, save_model

__all__ = ["AudioOutput", "ElsaModel", "ElsaProcessor", "Embedder", "load_model", "save_model"]
