"""``make screenshots``: the pictures in docs/images, taken from the running product as 郭海 (C1001) and 李婷 (C1002)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.conftest import DESKTOP, PHONE, launch  # noqa: E402
from tests.e2e.widget import Widget  # noqa: E402
from tests.live import start_stack  # noqa: E402


def take(browser: Browser, url: str, size: ViewportSize, customer: str, question: str, card: str, path: Path) -> None:
    """One conversation, one picture."""
    context = browser.new_context(viewport=size, locale="zh-CN", reduced_motion="reduce", device_scale_factor=1.5)
    page = context.new_page()
    page.goto(url)
    widget = Widget(page)
    widget.log_in(customer)
    widget.open()
    widget.ask(question)
    expect(widget.card(card).first).to_be_visible(timeout=15_000)
    widget.card(card).first.evaluate("card => card.scrollIntoView({ block: 'start' })")
    page.wait_for_timeout(400)
    page.screenshot(path=path)
    context.close()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    dispute = "系统扣款失败害我逾期，凭什么收我利息"
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        stack = start_stack(Path(data))
        url = next(stack).url
        browser = launch(playwright)
        take(browser, url, PHONE, "C1001", dispute, "evidence", folder / "widget-phone.png")
        take(
            browser, url, DESKTOP, "C1002", "我想一次性把全部借款都还清，要多少钱", "payoff_quote", folder / "widget-desktop.png"
        )
        browser.close()
        stack.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
