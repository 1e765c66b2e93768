"""The pictures of docs/report.md, from a release: ``python -m tests.benchmarks.report_figures out/demo``."""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.report.of_release import write_report_of
from tests.pipeline.report.browser import emulate, open_browser, open_page, picture, until

FIGURES = Path(__file__).parents[2] / "docs" / "figures"


@dataclass(frozen=True)
class Picture:
    """A picture of the report: its file in docs/figures, the screen, and what to do before it is taken."""

    file: str
    width: int = 1280
    height: int = 800
    scale: int = 1
    scheme: str = "light"
    prepare: Callable[[Any], None] = lambda browser: None


def show(section: str) -> Callable[[Any], None]:
    """Scrolls so that a section begins below the bar of links."""

    def prepare(browser: Any) -> None:
        browser.execute_script(f"document.getElementById('{section}').scrollIntoView({{behavior: 'instant'}})")

    return prepare


def open_a_row(browser: Any) -> None:
    """Searches for a word and opens the first row with a binaural player."""
    search = """
      const text = document.getElementById('text');
      text.value = 'cow';
      text.dispatchEvent(new Event('input'));
      document.querySelector('.chip input').blur();
    """
    browser.execute_script(search)
    until(browser, "return document.getElementById('found').textContent.includes(' of ')")
    opened = """
      const button = document.querySelector('#shown button.binaural') || document.querySelector('#shown button.open');
      button.click();
      document.querySelectorAll('audio').forEach(one => one.pause());
      document.activeElement.blur();
      document.getElementById('rows').scrollIntoView({behavior: 'instant'});
    """
    browser.execute_script(opened)
    until(browser, "return [...document.querySelectorAll('.opened audio')].every(one => one.readyState > 0)")


PICTURES = (
    Picture("report.png", height=690),
    Picture("report-phone.webp", 390, 844, scale=2),
    Picture("report-more.webp", height=780, scheme="dark", prepare=show("more")),
    Picture("report-rows.webp", height=1310, prepare=open_a_row),
    Picture("report-sources.webp", height=1020, scheme="dark", prepare=show("sources")),
)


def save(png: bytes, path: Path) -> None:
    """Saves a screenshot in the format of its name, as small as it can be without a visible difference."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if path.suffix == ".png":
        image.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    else:
        image.save(path, quality=82, method=6)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    """Writes the report of the release anew, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path)
    parser.add_argument("--input", help="the folder that the release was made from (RELEASE-recordings)")
    parser.add_argument("--output", type=Path, default=FIGURES)
    options = parser.parse_args()
    recordings = options.input or f"{options.release}-recordings"
    write_report_of(str(options.release), recordings)
    options.output.mkdir(parents=True, exist_ok=True)
    page = (options.release / "report" / "index.html").resolve()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, open_browser(Path(profile)) as browser:
        for one in PICTURES:
            emulate(browser, width=one.width, height=one.height, scheme=one.scheme, scale=one.scale)
            open_page(browser, page)
            browser.execute_script("document.documentElement.style.scrollbarWidth = 'none'")
            one.prepare(browser)
            until(
                browser, "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
            )
            save(picture(browser), options.output / one.file)


if __name__ == "__main__":
    main()
