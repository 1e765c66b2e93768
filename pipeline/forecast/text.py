"""The forecast of a build as a table for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipeline.forecast.captions import CaptionPlan
from pipeline.forecast.estimate import Estimate, Interval

__all__ = ["bytes_text", "plan_lines", "rounded_time_text"]


def plan_lines(
    summary: Mapping[str, object], estimate: Estimate | None, captions: CaptionPlan | None, where: str, sample: str
) -> list[str]:
    """The lines of the table, one for each number, with the 95 % interval of sampled numbers.

    Args:
        where: the machine that the wall time is of, such as `2 workers`.
        sample: what was measured, in a few words.
    """
    by_split = summary["rows_by_split"]
    assert isinstance(by_split, Mapping)
    splits = ", ".join(f"{split} {count:,}" for split, count in by_split.items() if count)
    lines = [
        _line("clips", f"{summary['clips']:,}"),
        _line("rows", f"{summary['rows']:,}", splits),
        _line("captions", f"{summary['captions']:,}"),
        _line("shards", f"{summary['shards']:,}"),
        _line("rooms", f"{summary['rooms']:,}"),
    ]
    if estimate is not None:
        lost = int(str(summary["rows"])) - estimate.rows.value
        if lost >= 0.5:
            lines.append(_line("rows rejected", f"about {lost:,.0f}", "by the sample, clips that cannot be used"))
        parts = f"FLAC {bytes_text(estimate.flac_bytes.value)}, Parquet {bytes_text(estimate.parquet_bytes.value)}"
        spent = sorted(estimate.cpu_s_by_stage.items(), key=lambda stage: -stage[1])
        total = sum(estimate.cpu_s_by_stage.values())
        stages = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent[:5])
        lines += [
            _sampled("hours of sound", estimate.hours, "{:,.3g}".format),
            _sampled("size", estimate.total_bytes, bytes_text, parts),
            _sampled("CPU time", estimate.cpu_s, rounded_time_text, stages),
            _sampled("wall time", estimate.wall_s, rounded_time_text, where),
        ]
    if captions is not None:
        prompts = f", with {len(captions.prompts)} prompts" if len(captions.prompts) > 1 else ""
        known = f"; {captions.known:,} captions are answered already" if captions.known else ""
        tries = captions.tries.value
        lines += [
            _line("questions", f"{captions.questions:,}", f"of {captions.model}{prompts}{known}"),
            _sampled("answers", captions.answers, "{:,.0f}".format, f"{tries:.2f} tries ({captions.tries_from})"),
            _sampled("prompt tokens", captions.prompt_tokens, "{:,.0f}".format, captions.tokens_from),
            _sampled("answer tokens", captions.completion_tokens, "{:,.0f}".format, captions.tokens_from),
        ]
        if captions.judge is not None:
            judge = captions.judge
            tokens = judge.prompt_tokens + judge.completion_tokens
            lines += [
                _sampled(
                    "judge", judge.questions, "{:,.0f}".format, f"questions of {judge.model} ({judge.share_from})"
                ),
                _sampled("judge's tokens", tokens, "{:,.0f}".format, judge.tokens_from),
            ]
        if captions.cost_usd is not None:
            lines.append(_sampled("cost", captions.cost_usd, "${:,.2f}".format))
        elif captions.writer == "openai":
            lines.append(_line("cost", "not known", f"caption.prices has no price of {_unpriced(captions)}"))
    rejected = summary["rejected"]
    assert isinstance(rejected, Sequence)
    if rejected:
        lines.append(_line("rejected", f"{len(rejected):,}", "entries of the list that cannot be used"))
    return [*lines, *([f"\n{sample}"] if sample else [])]


def _unpriced(captions: CaptionPlan) -> str:
    """The model without a price; the judge's where only that has none."""
    judge = captions.judge
    return judge.model if judge is not None and judge.cost_usd is None and captions.writer_priced else captions.model


def _line(name: str, value: str, note: str = "") -> str:
    return f"{name:15} {value:>12}  {note}".rstrip()


def _sampled(name: str, interval: Interval, text: Callable[[float], str], note: str = "") -> str:
    """A line of the table with a number and its interval, if it has one."""
    low, high = text(interval.low), text(interval.high)
    between = "" if low == high else f"{low} to {high}"
    return _line(name, text(interval.value), "; ".join(part for part in (between, note) if part))


def bytes_text(count: float) -> str:
    """Bytes with a decimal prefix: 1.2 GB."""
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count / 1e3:.0f} kB"


def rounded_time_text(seconds: float) -> str:
    """An estimated time in one unit: seconds, minutes or hours, to three or four digits."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:,.4g} h"
