"""What a test reads from a report in a browser, and what it does there."""

from __future__ import annotations

import base64
from typing import Any

from tests.pipeline.report.browser import until

#: Returns the duration of the player with this index once it plays.
PLAYS = (
    "const one = document.querySelectorAll('audio')[arguments[0]]; return one && one.currentTime > 0 && one.duration"
)
_DECODE = """
const [encoded, done] = arguments;
const bytes = Uint8Array.from(atob(encoded), character => character.charCodeAt(0));
new OfflineAudioContext(2, 48000, 48000).decodeAudioData(bytes.buffer).then(sound => done({
  channels: sound.numberOfChannels, seconds: sound.duration,
  peak: sound.getChannelData(0).reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0)
}), error => done({error: String(error)}));
"""
_COLOURS = """
const seen = [];
const parse = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
for (const one of document.querySelectorAll('main *, nav *, header *, footer *')) {
  if (one.closest('svg, audio') || !one.checkVisibility()) continue;
  if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
  let under = one, fill = [0, 0, 0, 0];
  while (under && fill.length === 4 && fill[3] === 0) {
    fill = parse(getComputedStyle(under).backgroundColor);
    under = under.parentElement;
  }
  seen.push([one.outerHTML.slice(0, 80), parse(getComputedStyle(one).color), fill]);
}
return seen;
"""


def shown(browser: Any) -> list[int]:
    """The numbers of the rows that the table shows."""
    script = "return [...document.querySelectorAll('#shown tr[data-row]')].map(row => Number(row.dataset.row))"
    return [int(row) for row in browser.execute_script(script)]


def found(browser: Any) -> str:
    """What the live region says, with plain spaces."""
    return str(browser.execute_script("return document.getElementById('found').textContent")).replace("\u202f", "")


def wait_for(browser: Any, said: str) -> None:
    """Waits until the live region says how many rows were found."""
    until(
        browser,
        "return document.getElementById('found').textContent.replace(/\u202f/g, '').startsWith(arguments[0])",
        said,
    )


def chip(browser: Any, facet: str, value: str) -> Any:
    """The checkbox of a word."""
    script = """
      const [facet, value] = arguments, sets = [...document.querySelectorAll('fieldset')];
      const chips = sets.find(one => one.querySelector('legend').textContent === facet).querySelectorAll('.chip');
      return [...chips].find(one => one.textContent.startsWith(value + ' ')).querySelector('input');
    """
    return browser.execute_script(script, facet, value)


def focused(browser: Any) -> str:
    """The tag and name of what has the focus."""
    script = (
        "const one = document.activeElement; return one.tagName + ' ' + (one.ariaLabel || one.textContent || one.id)"
    )
    return str(browser.execute_script(script))


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def decoded_by(browser: Any, sound: bytes) -> Any:
    """The channels, seconds and peak of a sound file as the browser decodes it."""
    return browser.execute_async_script(_DECODE, base64.b64encode(sound).decode())


def contrasts(browser: Any) -> list[tuple[str, float]]:
    """The HTML of every visible text, and its contrast with the colour under it."""
    return [(html, _contrast(ink, under)) for html, ink, under in browser.execute_script(_COLOURS)]


def _contrast(text: list[float], under: list[float]) -> float:
    """The ratio of the Web Content Accessibility Guidelines, 1 to 21."""

    def luminance(colour: list[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour[:3])]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(text), luminance(under)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
