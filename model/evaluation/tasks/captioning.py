"""Captioning: sentences from frozen embeddings, compared with the captions of the clips (ELSA, section 5.5).

There are two sets of captions, each with a captioner that is trained on train rows: spatial captions from ambisonics,
and original captions from sound without space. The metrics are aac-metrics' BLEU, ROUGE-L and CIDEr-D, on words in
lower case without punctuation, which needs no Java tokenizer. SPICE, SPIDEr and FENSE need downloads and are not
computed, so the paper's SPIDEr and FENSE have no number of ours. Chance is the score of captions of other clips, drawn
from train.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.draws import keyed_generator
from model.evaluation.scores import Score, bootstrap
from model.evaluation.subject import NotScored, Subject
from model.evaluation.tasks.captioner import Captioner
from model.files import write_text

INSTALL = "aac-metrics is not installed; run make model, or pip install -e '.[model]', in the project's folder"
#: Description of the language model if no weights are given.
SMALL_MODEL = "a small GPT-2, its weights drawn by the seed and trained only on these captions"
#: Captions on the page, with a reference each.
SHOWN = 8
#: Resamples for an interval of a metric that must be computed again for each.
_DRAWS = 200
_NOT_A_WORD = re.compile(r"[^\w' ]+")


def evaluate_captioning(subject: Subject) -> dict[str, Any]:
    """The metrics of both sets of captions, for metrics.json. Writes captions.json with every caption.

    Raises:
        NotScored: aac-metrics is not installed.
    """
    if importlib.util.find_spec("aac_metrics") is None:
        raise NotScored(INSTALL)
    options, train, tested = subject.options, subject.train, subject.tested
    sets = {
        "spatial": (train.audio, train.captions, tested.audio, tested.captions),
        "non_spatial": (
            train.audio_without_space,
            train.captions_original,
            tested.audio_without_space,
            tested.captions_original,
        ),
    }
    # The set without repeats, if there is one.
    rows = np.flatnonzero(tested.augmentation == 0)
    rows = (rows if len(rows) else np.arange(len(tested.ids)))[: options.caption_rows]
    result: dict[str, Any] = {}
    written = {}
    for name, (audio, captions, test_audio, test_captions) in sets.items():
        captioner = Captioner(
            audio.shape[1],
            [text for texts in captions for text in texts],
            source=options.captioner,
            seed=options.seed,
        )
        fit = captioner.fit(
            audio,
            captions,
            train.source_ids,
            steps=options.caption_steps,
            batch_size=options.caption_batch,
            seed=options.seed,
            report=subject.report,
        )
        found = captioner.write(test_audio[rows])
        references = [test_captions[row] for row in rows]
        others = _other_captions(captions, len(rows), options.seed)
        result[name] = {
            "language_model": options.captioner or SMALL_MODEL,
            "parameters": captioner.parameter_counts(),
            "train_rows": len(train.ids),
            "steps": fit.steps,
            "train_loss": fit.train_loss,
            "held_out_loss": fit.held_out_loss,
            **{
                metric: score.as_dict()
                for metric, score in caption_scores(
                    found, references, others, [tested.source_ids[row] for row in rows], key=f"captioning {name}"
                ).items()
            },
            "shown": [
                {"written": text, "reference": of[0]} for text, of in list(zip(found, references, strict=True))[:SHOWN]
            ],
        }
        written[name] = [
            {"id": tested.ids[row], "written": text, "references": of}
            for row, text, of in zip(rows, found, references, strict=True)
        ]
    write_text(subject.output, "captions.json", json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    return result


def _other_captions(captions: Sequence[Sequence[str]], count: int, seed: int) -> list[str]:
    generator = keyed_generator(seed, "other captions", count)
    return [captions[int(row)][0] for row in generator.integers(len(captions), size=count)]


def plain(caption: str) -> str:
    """A caption in lower case, without punctuation, with single spaces."""
    return " ".join(_NOT_A_WORD.sub(" ", caption.lower()).split())


def caption_scores(
    found: Sequence[str],
    references: Sequence[Sequence[str]],
    others: Sequence[str],
    groups: Sequence[Any],
    *,
    key: str,
) -> dict[str, Score]:
    """BLEU-1, BLEU-4, ROUGE-L and CIDEr-D of n captions. CIDEr-D counts rare words, so it needs at least two clips.

    Args:
        found: n captions.
        references: the captions of each clip.
        others: n captions of other clips, for the chance level.
        groups: one of each clip; the bootstrap draws the clips of a group together.
        key: the draws depend on it.
    """
    from aac_metrics.functional import bleu, cider_d, rouge_l

    written, against = [plain(text) for text in found], [[plain(text) for text in own] for own in references]
    other = [plain(text) for text in others]
    scores = {}
    for order in (1, 4):

        def value(rows: NDArray[np.float64], of: Sequence[str] = written, order: int = order) -> float:
            chosen = rows.astype(int).tolist()
            return _bleu(bleu, [of[i] for i in chosen], [against[i] for i in chosen], order)

        rows = np.arange(len(written), dtype=np.float64)
        by_chance = value(rows, other)
        scores[f"bleu_{order}"] = bootstrap(
            rows, groups, key=f"{key} bleu_{order}", chance=by_chance, statistic=value, draws=_DRAWS
        )
    local: dict[str, Callable[..., Any]] = {"rouge_l": rouge_l}
    if len(written) > 1:
        local["cider_d"] = cider_d
    for name, metric in local.items():
        values, by_chance_values = (
            np.asarray(metric(texts, against, return_all_scores=True)[1][name], dtype=np.float64)
            for texts in (written, other)
        )
        scores[name] = bootstrap(values, groups, key=f"{key} {name}", chance=float(by_chance_values.mean()))
    return scores


def _bleu(metric: Callable[..., Any], texts: Sequence[str], references: Sequence[Sequence[str]], order: int) -> float:
    # Captions without words have no n-grams to divide by.
    if not any(texts):
        return 0.0
    return float(metric(list(texts), list(references), return_all_scores=False, n=order))
