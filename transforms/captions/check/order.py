"""What is heard before what: a sequence of an original stays in its order."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from transforms.captions.check.sound_words import FUNCTION_WORDS

_SEQUENCE = re.compile(
    r"(?<!\w)(then|followed by|interrupted by|followed|following|follows|before|after|until|preceded by|precedes|next)"
    r"(?!\w)"
)
_BACKWARDS = ("after", "following", "follows", "preceded by")


def changes_order(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where the original tells a sequence and the answer tells its sounds in another order."""
    original, answer = " ".join(before), " ".join(after)
    if not _SEQUENCE.search(original):
        return False
    moments, moments_of_answer = _in_time(original, names), _in_time(answer, names)
    times = Counter(name for moment in moments for name in moment)
    when = {name: number for number, moment in enumerate(moments) for name in moment if times[name] == 1}
    if len(moments_of_answer) > 1:
        spans = [[when[name] for name in moment if name in when] for moment in moments_of_answer]
        spans = [span for span in spans if span]
        return any(max(first) > min(second) for first, second in itertools.pairwise(spans))
    named = [names[word] for word in after if word in names]
    positions = {name: position for position, name in enumerate(named)}
    order = [positions[name] for name in dict.fromkeys(names[word] for word in before if word in names)
             if name in positions]
    backwards = sum(first > second for first, second in itertools.pairwise(order))
    return backwards > len(order) // 5


def _in_time(text: str, names: Mapping[str, str]) -> list[set[str]]:
    """The names in the parts of a sequence, the earliest first: "b after a" and "after a, b" are a, b."""
    pieces = _SEQUENCE.split(text)
    parts = [pieces[0]]
    for sign, part in zip(pieces[1::2], pieces[2::2], strict=True):
        backwards = sign in _BACKWARDS
        is_first = len(parts) == 1 and not _moment(parts[0], names)
        if is_first and sign in (*_BACKWARDS, "before") and "," in part:
            first, _, rest = part.partition(",")
            parts = [first, rest] if backwards else [rest, first]
        elif backwards:
            parts.insert(len(parts) - 1, part)
        else:
            parts.append(part)
    return [moment for moment in (_moment(part, names) for part in parts) if moment]


def _moment(part: str, names: Mapping[str, str]) -> set[str]:
    return {names[word] for word in part.split() if word != "," and word not in FUNCTION_WORDS}
