"""The split of clips whose list tells none: dealt by a keyed hash of each clip's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from transforms.records import SPLITS
from transforms.seeds import derive_seed

#: Shares of the splits where neither list nor recipe says.
DEFAULT_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}

_HASHES = 1 << 64


def deal_splits(names: Collection[str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of each name: a hash of name and seed falls into one of ranges as wide as the shares.

    A name has the same split whatever else the list holds and in whatever order, so that clips can be added to a list
    and no clip changes sides. Small lists are the exception: where the hashes leave a split without a clip though there
    are enough for all, it takes the clip with the smallest hash from the fullest split. Such a clip may change sides
    when the list grows, until its split has clips of its own. Train is filled first, and so has a clip if there is one.

    Args:
        names: the clips' names, each once.
        shares: of each split, not negative; a split without a share, or with 0, has no clip.
        seed: the recipe's.
    """
    wanted = [split for split in SPLITS if shares.get(split, 0) > 0]
    hashes = {name: derive_seed(seed, "split", name) for name in names}
    total = sum(shares[split] for split in wanted)
    bounds, end = [], 0.0
    for split in wanted[:-1]:
        end += shares[split]
        # A factor of two alone is exact in floating point.
        bounds.append(int(end / total * _HASHES))
    dealt: dict[str, list[str]] = {split: [] for split in wanted}
    for name in sorted(hashes, key=lambda name: (hashes[name], name)):
        dealt[wanted[sum(hashes[name] >= bound for bound in bounds)]].append(name)
    for split in wanted:
        fullest = max(wanted, key=lambda other: len(dealt[other]))
        if not dealt[split] and len(dealt[fullest]) > (split != wanted[0]):
            dealt[split].append(dealt[fullest].pop(0))
    return {name: split for split, of_split in dealt.items() for name in of_split}
