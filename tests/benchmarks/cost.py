"""The cost of the paper's whole build, from the rates that `elsa plan --json` measures. It writes docs/cost.md:

elsa plan folder --input RECORDINGS --json > plan.json
python -m tests.benchmarks.cost plan.json
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: The paper's sets: (clips, hours of clips, spatial rows, hours of rows, captions per clip). AudioCaps and Freesound
#: have one or two captions per clip. One is assumed here, and docs/cost.md says so.
SETS = {
    "Clotho": (3_839, 23.99, 8_546, 55.0, 5),
    "AudioCaps": (49_274, 136.87, 98_459, 258.12, 1),
    "Freesound": (414_127, 2_528.15, 783_033, 4_425.53, 1),
}
CLIP_HOURS = sum(entry[1] for entry in SETS.values())
ROWS = sum(entry[2] for entry in SETS.values())
HOURS = sum(entry[3] for entry in SETS.values())
QUESTIONS = sum(entry[2] * entry[4] for entry in SETS.values())
#: The rooms that the three recipes draw from, and the rows of a shard.
ROOMS, TRAIN_ROOMS, ROWS_PER_SHARD = 13_922, 8_502, 256
CORES = (2, 16, 96, 1_000)
#: Two weeks on 96 CPUs (ELSA, appendix).
PAPER_CPU_HOURS, PAPER_TB = 32_256, 16.0

#: The measured rates that the arithmetic uses, with their units in their names.
RATES = (
    "decode_cpu_s_a_second",
    "furnish_cpu_s_a_room",
    "place_cpu_s_a_row",
    "respond_cpu_s_a_row",
    "render_cpu_s_a_second",
    "write_cpu_s_a_second",
    "word_cpu_s_a_row",
    "captions_cpu_s_a_row",
    "tables_cpu_s_a_row",
    "measure_cpu_s_a_room",
    "beam_cpu_s_a_shard",
    "finish_cpu_s_a_row",
    "flac_bytes_a_second",
    "metadata_bytes_a_row",
)


@dataclass(frozen=True)
class Prices:
    """List prices in US dollars of November 2026. They are assumptions: look them up before you pay."""

    prompt_tokens: float = 0.15e-6
    """gpt-4o-mini, per token; a batch costs half."""
    completion_tokens: float = 0.60e-6
    vcpu_hour: float = 0.056
    """Dataflow, batch, us-central1."""
    memory_gb_hour: float = 0.003557
    gb_per_vcpu: float = 3.75
    s3_gb_month: float = 0.023
    gcs_gb_month: float = 0.020


@dataclass(frozen=True)
class Answers:
    """Tokens of a question and of an answer of the prompt `place`, and tries at best and as the small model needs.

    They come from 1,000 captions of AudioCaps. Tokens are counted as pipeline/forecast/captions.py counts them.
    """

    prompt_tokens: float = 406.0
    completion_tokens: float = 27.0
    fewest_tries: float = 1.0
    most_tries: float = 1.8


def cpu_hours(rates: Mapping[str, float]) -> dict[str, tuple[str, float]]:
    """The CPU-hours of each stage, with the arithmetic as text."""
    shards = math.ceil(ROWS / ROWS_PER_SHARD)
    # The number of different rooms in a shard, if each row draws one of the rooms of the training split.
    visits = shards * TRAIN_ROOMS * (1 - (1 - 1 / TRAIN_ROOMS) ** ROWS_PER_SHARD)

    def of(count: float, unit: str, *names: str) -> tuple[str, float]:
        rate = sum(rates[name] for name in names)
        return f"{count:,.0f} {unit} × {1000 * rate:.3g} ms", count * rate / 3600

    return {
        "decode and trim": of(CLIP_HOURS * 3600, "s of clips", "decode_cpu_s_a_second"),
        "rooms of rows": of(visits, "rooms, once a shard", "furnish_cpu_s_a_room"),
        "responses": of(ROWS, "rows", "place_cpu_s_a_row", "respond_cpu_s_a_row"),
        "render, FLAC, digests": of(HOURS * 3600, "s of rows", "render_cpu_s_a_second", "write_cpu_s_a_second"),
        "words, captions, tables": of(ROWS, "rows", "word_cpu_s_a_row", "captions_cpu_s_a_row", "tables_cpu_s_a_row"),
        "rooms.parquet": of(ROOMS, "rooms", "measure_cpu_s_a_room"),
        "Beam": of(shards, "shards", "beam_cpu_s_a_shard"),
        "the end: totals, digest": of(ROWS, "rows", "finish_cpu_s_a_row"),
    }


def lines(rates: Mapping[str, float], prices: Prices | None = None, answers: Answers | None = None) -> list[str]:
    """The tables of docs/cost.md."""
    prices, answers = prices or Prices(), answers or Answers()
    stages = cpu_hours(rates)
    total = sum(hours for _, hours in stages.values())
    text = ["| stage | arithmetic | CPU-hours |", "|---|---|--:|"]
    text += [f"| {name} | {arithmetic} | {hours:.2f} |" for name, (arithmetic, hours) in stages.items()]
    text += [
        f"| **all** | | **{total:.1f}** |",
        f"| the paper | 14 days × 24 h × 96 CPUs | {PAPER_CPU_HOURS:,} = {PAPER_CPU_HOURS / total:,.0f} × ours |",
        "",
    ]
    alone = stages["the end: totals, digest"][1]
    shards = math.ceil(ROWS / ROWS_PER_SHARD)
    text += ["| cores | arithmetic | wall time |", "|--:|---|--:|"]
    for cores in CORES:
        rounds = math.ceil(shards / cores) * cores / shards
        hours = (total - alone) * rounds / cores + alone
        arithmetic = f"{total - alone:.1f} h ÷ {cores:,} × {rounds:.3f} + {alone:.2f} h on one core"
        text.append(f"| {cores:,} | {arithmetic} | {_hours(hours)} |")
    text += ["| the paper's 96 | | 14 days |", ""]
    flac_tb = HOURS * 3600 * rates["flac_bytes_a_second"] / 1e12
    raw_tb = HOURS * 3600 * 48_000 * 4 * 2 / 1e12
    tables_gb = ROWS * rates["metadata_bytes_a_row"] / 1e9
    text += [
        "| storage | arithmetic | |",
        "|---|---|--:|",
        f"| FLAC, 16 bit | {HOURS * 3600:,.0f} s × {rates['flac_bytes_a_second'] / 1e3:.0f} kB | {flac_tb:.2f} TB |",
        f"| the same as PCM | {HOURS * 3600:,.0f} s × 48,000 × 4 × 2 bytes | {raw_tb:.2f} TB |",
        f"| metadata.parquet | {ROWS:,} rows × {rates['metadata_bytes_a_row']:.0f} bytes | {tables_gb:.2f} GB |",
        *(
            f"| a month on {name} | {1000 * flac_tb:,.0f} GB × ${price:.3f} | ${1000 * flac_tb * price:.0f} |"
            for name, price in (("S3", prices.s3_gb_month), ("GCS", prices.gcs_gb_month))
        ),
        f"| the paper | | {PAPER_TB:.0f} TB |",
        "",
        "| answers | arithmetic | all at the first try | as often as the small model |",
        "|---|---|--:|--:|",
    ]
    both = (answers.fewest_tries, answers.most_tries)
    each = answers.prompt_tokens * prices.prompt_tokens + answers.completion_tokens * prices.completion_tokens
    dollars = [QUESTIONS * tries * each for tries in both]
    text += [
        f"| answers | {QUESTIONS:,} questions × {both[0]:g} to {both[1]:g} tries "
        f"| {QUESTIONS * both[0]:,.0f} | {QUESTIONS * both[1]:,.0f} |",
        *(
            f"| {name} | × {tokens:.0f} "
            f"| {QUESTIONS * both[0] * tokens / 1e6:,.0f} M | {QUESTIONS * both[1] * tokens / 1e6:,.0f} M |"
            for name, tokens in (
                ("prompt tokens", answers.prompt_tokens),
                ("answer tokens", answers.completion_tokens),
            )
        ),
        f"| gpt-4o-mini | $0.15 and $0.60 a million | ${dollars[0]:.0f} | ${dollars[1]:.0f} |",
        f"| in batches | half | ${dollars[0] / 2:.0f} | ${dollars[1] / 2:.0f} |",
        "",
        "| machines | arithmetic | |",
        "|---|---|--:|",
    ]
    core_hour = prices.vcpu_hour + prices.gb_per_vcpu * prices.memory_gb_hour
    text += [
        f"| Dataflow, CPU | {total:.1f} vCPU-hours × (${prices.vcpu_hour} + {prices.gb_per_vcpu} GB × "
        f"${prices.memory_gb_hour}) | ${total * core_hour:.2f} |",
        f"| the paper's CPU-hours at that price | {PAPER_CPU_HOURS:,} × ${core_hour:.4f} "
        f"| ${PAPER_CPU_HOURS * core_hour:,.0f} |",
    ]
    return text


def rate_lines(rates: Mapping[str, float]) -> list[str]:
    """The rates as a table, to six digits. All other numbers of the page follow from them."""
    return ["| rate | |", "|---|--:|", *(f"| `{name}` | {rates[name]:.6g} |" for name in RATES)]


def rates_of_page(text: str) -> dict[str, float]:
    """The rates that the text of a page states."""
    return {name: float(value) for name, value in re.findall(r"^\| `(\w+)` \| ([0-9.e+-]+) \|$", text, re.MULTILINE)}


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="the output of `elsa plan --json`")
    rates = json.loads(parser.parse_args().plan.read_text())["forecast"]["rates"]
    # Rounded as the page shows them, so that the page can be made again from itself.
    rates = rates_of_page("\n".join(rate_lines(rates)))
    print("\n".join([*rate_lines(rates), "", *lines(rates)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
