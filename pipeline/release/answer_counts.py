"""Counts the answers of a language model: kept, refused and failed ones, their tokens and cost; notes for the user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.recipe import Recipe
from transforms.captions.answer_budget import Price
from transforms.records import ERROR_PREFIX, ReplyKind, reply_of_reason
from transforms.seeds import derive_seed

_QUESTION = ("request_sha256", "model", "text", "prompt_tokens", "completion_tokens")


def answer_counter(recipe: Recipe) -> AnswerCounter:
    """A counter that knows the recipe's prices."""
    return AnswerCounter(
        {model: Price(price.prompt, price.completion) for model, price in recipe.caption.prices.items()}
    )


class AnswerCounter:
    """Counts answers table by table; the tables come in the order of answers.parquet, which is that of the requests."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = prices
        self._kept = self._refused = self._failed = self._requests = 0
        self._judged = self._kept_by_judge = 0
        self._prompt_tokens: Counter[str] = Counter()
        self._completion_tokens: Counter[str] = Counter()
        self._last: set[tuple[Any, ...]] = set()
        # Hashes, because a spent budget may leave a million captions without an answer.
        self._unasked: set[int] = set()
        self._unanswered: dict[int, str] = {}
        self._not_asked: set[int] = set()
        self._of_scenes: set[int] = set()
        # Captions that a later attempt has written; only these may be among the unanswered.
        self._kept_later: set[int] = set()

    def add(self, answers: pa.Table) -> None:
        """Counts a table. A question that several rows ask is one request."""
        if not answers.num_rows:
            return
        is_error = pc.fill_null(pc.starts_with(answers["reason"], ERROR_PREFIX), False)
        by_judge = pc.fill_null(pc.equal(answers["asked"], "judge"), False)
        self._failed += _count(is_error)
        self._kept += _count(pc.and_not(answers["kept"], by_judge))
        self._refused += _count(pc.invert(pc.or_(pc.or_(answers["kept"], is_error), by_judge)))
        self._judged += _count(pc.and_not(by_judge, is_error))
        self._kept_by_judge += _count(pc.and_(answers["kept"], by_judge))
        self._note_failures(answers.filter(is_error))
        later = answers.filter(pc.and_(answers["kept"], pc.greater(answers["attempt"], 0)))
        pairs = zip(later["row_id"].to_pylist(), later["caption_index"].to_pylist(), strict=True)
        self._kept_later |= {derive_seed(row_id, index) for row_id, index in pairs}
        asked = answers.filter(pc.invert(is_error)).select(_QUESTION).group_by(list(_QUESTION)).aggregate([])
        last_request = answers["request_sha256"][-1].as_py()
        seen, self._last = self._last, set()
        for question in zip(*(asked[name].to_pylist() for name in _QUESTION), strict=True):
            if question[0] == last_request:
                self._last.add(question)
            if question in seen:
                continue
            _, model, _, prompt_tokens, completion_tokens = question
            self._requests += 1
            self._prompt_tokens[model] += prompt_tokens or 0
            self._completion_tokens[model] += completion_tokens or 0
        self._last |= {question for question in seen if question[0] == last_request}

    def counts(self) -> dict[str, Any]:
        """The counts for release.json; `cost_usd` covers all builds that paid for answers; None without prices.

        Kept and refused answers are a writer's. Those among the kept that a judge has kept are counted besides, where a
        judge was asked.
        """
        priced = all(model in self._prices for model in self._prompt_tokens)
        models = sorted(self._prompt_tokens) if priced else ()
        cost = sum(
            self._prices[model].usd(self._prompt_tokens[model], self._completion_tokens[model]) for model in models
        )
        return {
            "kept": self._kept,
            "refused": self._refused,
            "failed": self._failed,
            **({"judged": self._judged, "kept_by_judge": self._kept_by_judge} if self._judged else {}),
            "requests": self._requests,
            "prompt_tokens": sum(self._prompt_tokens.values()),
            "completion_tokens": sum(self._completion_tokens.values()),
            "cost_usd": round(cost, 6) if priced else None,
        }

    @property
    def no_answer_came(self) -> bool:
        """Whether a language model was asked, and the endpoint failed every time."""
        return bool(self._unanswered) and not self._requests

    def notes(self) -> tuple[str, ...]:
        """A line for captions that were not asked for, one for scenes, and one for those without an answer."""
        lines = []
        if self._unasked:
            count = len(self._unasked)
            lines.append(f"the budget is spent: {count} captions were not asked for, the template wrote them")
        if self._not_asked:
            lines.append(
                f"{len(self._not_asked)} captions have no answer in the release that is made again: nobody was asked, "
                "the template wrote them"
            )
        if self._of_scenes:
            lines.append(
                f"{len(self._of_scenes)} captions are of scenes, for which the model on this machine is too small: "
                "the template wrote them"
            )
        unanswered = {key: kind for key, kind in self._unanswered.items() if key not in self._kept_later}
        if unanswered:
            kinds = ", ".join(sorted(set(unanswered.values())))
            count = len(unanswered)
            lines.append(
                f"the endpoint gave no answer to {count} captions ({kinds}), the template wrote them; "
                "elsa captions redo asks again"
            )
        return tuple(lines)

    def _note_failures(self, errors: pa.Table) -> None:
        columns = ("row_id", "caption_index", "reason")
        for row_id, index, reason in zip(*(errors[name].to_pylist() for name in columns), strict=True):
            reply = reply_of_reason(reason)
            if reply.kind is ReplyKind.OVER_BUDGET:
                self._unasked.add(derive_seed(row_id, index))
            elif reply.kind is ReplyKind.NOT_ASKED:
                self._not_asked.add(derive_seed(row_id, index))
            elif reply.kind is ReplyKind.NO_SCENES:
                self._of_scenes.add(derive_seed(row_id, index))
            elif reply.is_failure:
                self._unanswered.setdefault(derive_seed(row_id, index), str(reply.error))


def _count(mask: pa.Array | pa.ChunkedArray) -> int:
    """The number of true values."""
    return pc.sum(mask).as_py() or 0
