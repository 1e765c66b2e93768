"""Chromium without a window and without a network, for the tests and the pictures of the report."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WAIT_S = 60.0


@contextmanager
def open_browser(profile: Path, width: int = 1280, height: int = 900) -> Iterator[Any]:
    """Debian's Chromium with a profile of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for argument in [
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
        "autoplay-policy=no-user-gesture-required",
    ]:
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument(f"--window-size={width},{height}")
    # A request to the network fails at once and is logged.
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=program("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        browser.set_script_timeout(_WAIT_S)
        yield browser
    finally:
        browser.quit()


def program(name: str) -> str:
    """The path of an installed program, or where Debian would install it."""
    return shutil.which(name) or f"/usr/bin/{name}"


def emulate(
    browser: Any, *, width: int = 1280, height: int = 900, scheme: str = "light", motion: str = "reduce", scale: int = 1
) -> None:
    """Emulate a screen of this size (a phone's, if narrow) and a reader's preferences.

    Without motion, because what moves cannot be clicked.
    """
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
    asked = [{"name": name, "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": asked})


def until(browser: Any, script: str, *arguments: Any) -> Any:
    """Wait until a script returns something true, and return it."""
    end = time.monotonic() + _WAIT_S
    while not (found := browser.execute_script(script, *arguments)):
        assert time.monotonic() < end, f"never came true: {script}"
        time.sleep(0.02)
    return found


def open_page(browser: Any, page: Path) -> None:
    """Open a report and wait for its table."""
    browser.get(page.as_uri())
    until(browser, "return document.documentElement.dataset.table === 'shown'")


def picture(browser: Any) -> bytes:
    """What the screen shows, as PNG."""
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": False})
    return base64.b64decode(shot["data"])
