"""Hostile releases, over all commands that read one: hangs, memory, tracebacks, files outside, connections and keys.

python -m tests.benchmarks.hostile_releases --releases 2000
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chat_server import chat_server, obedient
from tests.hostile.honest import make_honest
from tests.hostile.releases import SECRET_TEXT
from tests.hostile.run import Outcome, run_case, warm_up
from tests.hostile.stranger import KEY, stranger


def main() -> int:
    """Prints a table, and a line for each fault; returns 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hostile_releases", description=__doc__)
    parser.add_argument("--releases", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first")
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--rendering", type=int, default=0, metavar="N", help="reproduce renders every Nth release")
    parser.add_argument("--drawing", type=int, default=1, metavar="N", help="report draws every Nth release")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no release after so many minutes")
    parser.add_argument("--quiet", action="store_true")
    arguments = parser.parse_args()
    begun = time.monotonic()
    os.environ["OPENAI_API_KEY"] = KEY
    os.environ.pop("OPENAI_BASE_URL", None)
    with (
        tempfile.TemporaryDirectory(prefix="hostile-") as name,
        stranger() as other,
        chat_server(obedient) as own,
    ):
        folder = Path(name)
        honest = make_honest(folder / "honest", other.url, own.base_url)
        warm_up(honest, folder / "warm")
        results: list[tuple[int, list[str], Outcome]] = []

        def run(seed: int) -> None:
            if time.monotonic() - begun > 60 * arguments.minutes:
                return
            rendering = bool(arguments.rendering) and seed % arguments.rendering == 0
            drawing = seed % arguments.drawing == 0
            changes, outcomes = run_case(seed, folder / str(seed), honest, rendering=rendering, drawing=drawing)
            for outcome in outcomes:
                results.append((seed, changes, outcome))
                if outcome.fault and not arguments.quiet:
                    last = outcome.said.strip().splitlines()[-1:] or [""]
                    print(f"{seed} {outcome.command} {changes}: {outcome.fault}: {last[0][:200]}", flush=True)

        with ThreadPoolExecutor(arguments.at_once) as threads:
            list(threads.map(run, range(arguments.first, arguments.first + arguments.releases)))
        code = _print(results, time.monotonic() - begun)
        sent = b"".join(own.files.values()) + repr(own.requests).encode()
        secret = sent.count(SECRET_TEXT.encode())
        asked = len(own.requests) + len(own.files)
    print(f"requests to the stranger's endpoint: {len(other.heard)}, of which {other.with_key()} hold the key")
    print(f"requests and files to the user's own endpoint: {asked}, of which {secret} hold a text from outside")
    return 1 if code or other.heard or secret else 0


def _print(results: list[tuple[int, list[str], Outcome]], seconds: float) -> int:
    by_command: dict[str, list[Outcome]] = defaultdict(list)
    for _, _, outcome in results:
        by_command[outcome.command].append(outcome)
    print("| command | releases | exit 0 | 1 | 2 | most CPU | most memory | faults |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for command, outcomes in by_command.items():
        codes = Counter(outcome.exit_code for outcome in outcomes)
        cpu_s, memory = max(o.cpu_s for o in outcomes), max(o.memory_bytes for o in outcomes)
        faults = sum(bool(outcome.fault) for outcome in outcomes)
        print(
            f"| {command} | {len(outcomes)} | {codes[0]} | {codes[1]} | {codes[2]} | {cpu_s:.1f} s "
            f"| {memory >> 20} MB | {faults} |"
        )
    faults = Counter(outcome.fault.split(" ")[0] for _, _, outcome in results if outcome.fault)
    print(f"{seconds:.0f} s; faults: {dict(faults) or 'none'}")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
