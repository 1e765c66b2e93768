"""Writes and opens a report of many rows: ``python -m tests.benchmarks.report RELEASE``.

It prints the time and memory of writing the report, and the size of its files. Then Chromium opens it from the disk.
The benchmark prints how long it takes until the table can be used, and how long a filter, a search and a sort take.
``tests.many_rows`` makes such a release.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.report import write_report
from tests.pipeline.report.browser import emulate, open_browser, open_page

# Times an action until the frame that draws its result. A search first waits 120 ms for more letters.
_TIMED = """
const [action, done] = arguments, begun = performance.now();
new MutationObserver((_, observer) => {
  observer.disconnect();
  requestAnimationFrame(() => done(performance.now() - begun));
}).observe(document.getElementById('shown'), {childList: true});
new Function(action)();
"""
_SEARCH = "const text = document.getElementById('text'); text.value = '{}'; text.dispatchEvent(new Event('input'))"
_ACTIONS = {
    "a word": "document.querySelectorAll('.chip input')[3].click()",
    "the first search": _SEARCH.format("dog far"),
    "a further search": _SEARCH.format("siren near"),
    "a sort": "document.querySelector('[data-sort=distance_m] button').click()",
    "a page": "document.querySelector('[data-to=next]').click()",
}


def _opened(browser: Any, page: Path, times: int) -> list[float]:
    """Milliseconds from navigation until the first rows are shown, for each of several visits."""
    shown = []
    for _ in range(times):
        browser.get("about:blank")
        open_page(browser, page)
        shown.append(browser.execute_script("return performance.getEntriesByName('elsa-table-shown')[0].startTime"))
    return shown


def main() -> None:
    """Prints the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path)
    parser.add_argument("--times", type=int, default=7, help="how often the page is opened (7)")
    arguments = parser.parse_args()
    cpu, wall = time.process_time(), time.perf_counter()
    page = write_report(arguments.release).resolve()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"written in {cpu:.1f} s of CPU, {wall:.1f} s, at {peak:.2f} GB at most, with the sample's sound")
    data = [path.stat().st_size for path in (page.parent / "data").iterdir()]
    print(f"page {page.stat().st_size / 1e3:.0f} kB; data {sum(data) / 1e6:.1f} MB in {len(data)} files")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, open_browser(Path(profile)) as browser:
        emulate(browser)
        shown = _opened(browser, page, arguments.times)
        print(
            f"table shown after {statistics.median(shown):.0f} ms ({min(shown):.0f} to {max(shown):.0f}, "
            f"{len(shown)} times)"
        )
        for name, action in _ACTIONS.items():
            print(f"{name}: {browser.execute_async_script(_TIMED, action):.0f} ms")
        print(f"heap {browser.execute_script('return performance.memory.usedJSHeapSize') / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
