"""The end of a build: what stands at the root of a release is written when all shards are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from pipeline.card import write_card
from pipeline.croissant import croissant_json
from pipeline.recipe import Recipe
from pipeline.release import (
    ANSWERS,
    CARD,
    CROISSANT,
    RECIPE,
    REJECTED,
    RELEASE_JSON,
    ROOMS,
    Totals,
    answer_counts,
    answer_notes,
    gather,
    gather_rooms,
    release_json,
    total,
)
from transforms import storage, workspace
from transforms.answer_budget import Price
from transforms.records import Rejection
from transforms.release_rows import ANSWER_SCHEMA, REJECTION_SCHEMA, rejection_values
from transforms.write_shard import table_to_parquet

__all__ = ["finish_release", "gather_rejections"]


def gather_rejections(output: str, listed: Sequence[Rejection]) -> tuple[Rejection, ...]:
    """Every input that was refused: what the list refused (`listed`), and what the shards did."""
    values = [rejection_values(rejection) for rejection in listed]
    table = gather(output, "rejected", REJECTION_SCHEMA, REJECTED, values)
    return tuple(Rejection(**record) for record in table.to_pylist())


def finish_release(
    recipe: Recipe, listed: Sequence[Rejection], input_sha256: str, output: str
) -> tuple[Totals, tuple[Rejection, ...], tuple[str, ...]]:
    """Writes what stands at the root, release.json last, and removes what only the build needed.

    Returns:
        What the release holds, everything that was refused, and the notes that a user wants to read.
    """
    rejections = gather_rejections(output, listed)
    answers = gather(output, "answers", ANSWER_SCHEMA, ANSWERS)
    rooms = gather_rooms(output)
    totals = total(output, recipe.audio.fixed_gain_db if recipe.audio.level == "fixed" else None)
    prices = {model: Price(price.prompt, price.completion) for model, price in recipe.caption.prices.items()}
    counts = answer_counts(answers, prices)
    rejected = table_to_parquet([rejection_values(rejection) for rejection in rejections], REJECTION_SCHEMA)
    card = write_card(recipe, totals, rooms=rooms.num_rows, rejected=len(rejections), answers=counts)
    contents = {
        RECIPE: recipe.to_yaml().encode(),
        ROOMS: table_to_parquet(rooms.to_pylist(), rooms.schema),
        ANSWERS: table_to_parquet(answers.to_pylist(), answers.schema),
        REJECTED: rejected,
        CARD: card.encode(),
        CROISSANT: croissant_json(recipe, totals).encode(),
    }
    for name, data in contents.items():
        storage.write_bytes(storage.join(output, name), data)
    files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    values = release_json(
        recipe,
        totals,
        input_sha256=input_sha256,
        rejected=len(rejections),
        rooms=rooms.num_rows,
        answers=counts,
        files=files,
    )
    storage.write_bytes(storage.join(output, RELEASE_JSON), (json.dumps(values, indent=1) + "\n").encode())
    storage.remove_folder(storage.join(output, workspace.FOLDER))
    return totals, rejections, answer_notes(answers)
