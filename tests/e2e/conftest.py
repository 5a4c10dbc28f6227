"""A real browser, the real build of the widget, and a fake app behind it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize, sync_playwright

from tests.e2e.fake_app import FakeApp, serving
from tests.e2e.widget import Widget

WIDGET = Path(__file__).resolve().parents[2] / "web" / "widget"
DESK = WIDGET.parent / "desk"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}


def unavailable(reason: str) -> NoReturn:
    """Skips, or fails where everything must be there (``REQUIRE_SERVICES=1``)."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium when it is installed, else the one that Playwright brought. Raises Playwright's ``Error``."""
    executable = shutil.which("chromium")
    return playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGS)


def _outdated(folder: Path, built: Path) -> bool:
    if not built.exists():
        return True
    names = ("src", "demo", "index.html", "vite.config.ts", "package-lock.json")
    parts = [folder / name for name in names if (folder / name).exists()]
    files = [file for part in parts for file in (part.rglob("*") if part.is_dir() else [part]) if file.is_file()]
    return max(file.stat().st_mtime for file in files) > built.stat().st_mtime


def _built(folder: Path, name: str) -> Path:
    """``folder/dist``, built here when the sources are newer than ``name`` in it (``make web`` does the same)."""
    if _outdated(folder, folder / "dist" / name):
        if shutil.which("npm") is None:
            unavailable(f"web/{folder.name} is not built and npm is not installed: run `make web`")
        if not (folder / "node_modules").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True)
        subprocess.run(["npm", "run", "--silent", "build"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "dist"


@pytest.fixture(scope="session")
def dist() -> Path:
    """The built widget."""
    return _built(WIDGET, "widget.js")


@pytest.fixture(scope="session")
def desk_dist() -> Path:
    """The built desk."""
    return _built(DESK, "index.html")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for this package. Not longer: Playwright's event loop would be in the way of asyncio tests elsewhere."""
    with sync_playwright() as playwright:
        if shutil.which("chromium") is None and not Path(playwright.chromium.executable_path).exists():
            unavailable("no browser: `apt-get install chromium` or `playwright install chromium`")
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def fake(dist: Path) -> FakeApp:
    return FakeApp(dist)


@pytest.fixture
def url(fake: FakeApp) -> Iterator[str]:
    with serving(fake) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A desktop visitor with an empty browser. Any script error, and anything the content policy refuses, fails the test."""
    context = browser.new_context(viewport=DESKTOP, locale="zh-CN", timezone_id="America/New_York")
    context.set_default_timeout(8_000)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None)
    yield context
    context.close()
    assert problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def widget(page: Page, url: str) -> Widget:
    """The demo page, with the chat still closed."""
    page.goto(url)
    return Widget(page)


@pytest.fixture
def chat(widget: Widget) -> Widget:
    """The demo page with the chat open."""
    widget.open()
    return widget


@pytest.fixture
def phone(browser: Browser, url: str) -> Iterator[Widget]:
    """The demo page on a phone, with the chat open."""
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN")
    context.set_default_timeout(8_000)
    page = context.new_page()
    page.goto(url)
    widget = Widget(page)
    widget.open()
    yield widget
    context.close()
