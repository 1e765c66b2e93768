"""Which split each measured room belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from transforms.records import SPLITS
from transforms.seeds import derive_seed


def deal_rooms(stated: Mapping[str, str | None], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of each room; a room keeps the split that its file states.

    The others are dealt in the order of a hash of their names. Each split with a share gets a room as long as there
    are enough, the largest share first; the rest go where most rooms are missing.

    Args:
        stated: the rooms, with their splits or None.
        shares: the share of each split that takes rooms.
        seed: the recipe's seed.
    """
    dealt = {room_id: split for room_id, split in stated.items() if split is not None}
    free = sorted((room_id for room_id in stated if room_id not in dealt), key=lambda one: _order(seed, one))
    counts = {split: sum(of_one == split for of_one in dealt.values()) for split in SPLITS if shares.get(split, 0) > 0}
    for room_id in free:
        empty = [split for split, count in counts.items() if not count]
        missing = {split: shares[split] * len(stated) - count for split, count in counts.items()}
        # Of equals, max takes the first, which is train.
        split = max(empty, key=lambda one: shares[one]) if empty else max(missing, key=lambda one: missing[one])
        dealt[room_id] = split
        counts[split] += 1
    return {room_id: dealt[room_id] for room_id in stated}


def _order(seed: int, room_id: str) -> tuple[int, str]:
    return derive_seed(seed, "measured room", room_id), room_id
