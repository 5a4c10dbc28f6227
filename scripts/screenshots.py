"""``make screenshots``: the pictures in docs/images, taken from the running product on the day of ``scripts/demo_day.py``."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.demo_day import DISPUTE, Day, play  # noqa: E402
from tests.e2e.conftest import DESKTOP, PHONE, launch  # noqa: E402
from tests.e2e.desk import Desk  # noqa: E402
from tests.e2e.widget import Widget  # noqa: E402
from tests.live import LiveApp, start_stack  # noqa: E402

TABLET: ViewportSize = {"width": 1024, "height": 768}
TALL: ViewportSize = {"width": 1280, "height": 1500}
PATIENCE_MS = 30_000
COLOURS = 256
"""A palette keeps a picture at a third of its size, and nobody sees the difference."""
SETTLE_MS = 800
"""Fonts, charts and the last answer of the server."""


def save(page: Page, path: Path) -> None:
    page.wait_for_timeout(SETTLE_MS)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, kmeans=4, dither=Image.Dither.NONE).save(path, optimize=True)


def take_widget(browser: Browser, url: str, size: ViewportSize, customer: str, question: str, card: str, path: Path) -> None:
    """One conversation, one picture."""
    context = browser.new_context(viewport=size, locale="zh-CN", reduced_motion="reduce", device_scale_factor=1)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(url)
    widget = Widget(page)
    widget.log_in(customer)
    widget.open()
    widget.ask(question)
    expect(widget.card(card).first).to_be_visible()
    widget.card(card).first.evaluate("card => card.scrollIntoView({ block: 'start' })")
    save(page, path)
    context.close()


def take_case(browser: Browser, url: str, customer: str, path: Path) -> None:
    """The newest case of a customer who has one, on a phone that is set to dark."""
    context = browser.new_context(viewport=PHONE, locale="zh-CN", color_scheme="dark", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(url)
    widget = Widget(page)
    widget.log_in(customer)
    widget.open()
    page.get_by_role("tab", name="我的案件").click()
    page.get_by_role("tabpanel", name="我的案件").get_by_role("button").first.click()
    expect(page.get_by_role("heading", name="处理经过")).to_be_visible()
    save(page, path)
    context.close()


class Pictures:
    """The desk of one person after another."""

    def __init__(self, browser: Browser, app: LiveApp, day: Day, folder: Path) -> None:
        self._browser = browser
        self._app = app
        self._day = day
        self._folder = folder

    def take(self) -> None:
        """Every main view, by a supervisor who has taken 郭海's conversation."""
        desk = self._at_desk("S2101")
        desk.queue.locator("a").filter(has_text="C1001").first.click()
        desk.claim()
        desk.reply("您好，我是客服老周。故障已经确认，逾期费用已经退减，不影响您的征信。")
        expect(desk.message("agent", "您好，我是客服老周")).to_be_visible()
        self._save(desk, "conversations")
        desk.packet.evaluate("packet => { packet.scrollTop = packet.scrollHeight / 3; }")
        desk.log.evaluate("log => { log.scrollTop = 0; }")
        self._save(desk, "evidence")
        self._go(desk, f"cases/{self._day.case_no}")
        self._save(desk, "cases")
        self._go(desk, "approvals")
        expect(desk.page.get_by_role("article").filter(has_text=self._day.case_no)).to_be_visible()
        self._save(desk, "approvals")
        self._go(desk, f"cases/{self._day.case_no}")
        desk.page.get_by_role("button", name="通过方案").click()
        self._save(desk, "approval")
        desk.page.keyboard.press("Escape")
        self._go(desk, f"remediation/{self._day.run_no}")
        self._save(desk, "remediation")
        self._go(desk, "incidents")
        expect(desk.page.get_by_role("button", name="统计影响")).to_have_count(2)
        for _ in range(2):
            desk.page.get_by_role("button", name="统计影响").first.click()
        expect(desk.page.get_by_role("row").filter(has_text="人 / ")).to_have_count(2)
        self._save(desk, "incidents")
        self._go(desk, "corrections")
        self._save(desk, "corrections")
        self._go(desk, "board")
        expect(desk.page.get_by_role("heading", name="客服明细")).to_be_visible()
        desk.page.set_viewport_size(TALL)
        self._save(desk, "board")
        desk.page.set_viewport_size(DESKTOP)
        self._go(desk, "search")
        desk.page.get_by_role("searchbox").or_(desk.page.get_by_role("textbox")).first.fill("C1001")
        desk.page.keyboard.press("Enter")
        self._save(desk, "search")
        self._go(desk, "audit")
        self._save(desk, "audit")
        admin = self._at_desk("M2301")
        self._go(admin, "accounts")
        expect(admin.page.get_by_role("listitem").filter(has_text="小林")).to_be_visible()
        self._save(admin, "accounts")
        for name, size in {"dark": DESKTOP, "tablet": TABLET}.items():
            other = self._at_desk("S2101", size, "dark" if name == "dark" else "light")
            other.queue.locator("a").filter(has_text="C1001").first.click()
            expect(other.message("agent", "您好，我是客服老周")).to_be_visible()
            self._save(other, name)

    def _at_desk(self, who: str, size: ViewportSize = DESKTOP, scheme: Literal["light", "dark"] = "light") -> Desk:
        context = self._browser.new_context(
            viewport=size, locale="zh-CN", color_scheme=scheme, reduced_motion="reduce", device_scale_factor=1
        )
        context.set_default_timeout(PATIENCE_MS)
        desk = Desk(context.new_page())
        desk.open(self._app.url, who)
        return desk

    def _go(self, desk: Desk, view: str) -> None:
        desk.page.goto(f"{self._app.url}/desk#/{view}")

    def _save(self, desk: Desk, name: str) -> None:
        save(desk.page, self._folder / f"desk-{name}.png")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        stack = start_stack(Path(data))
        app = next(stack)
        browser = launch(playwright)
        take_widget(browser, app.url, PHONE, "C1001", DISPUTE, "evidence", folder / "widget-phone.png")
        take_case(browser, app.url, "C1001", folder / "widget-case.png")
        quote = "我想一次性把全部借款都还清，要多少钱"
        take_widget(browser, app.url, DESKTOP, "C1002", quote, "payoff_quote", folder / "widget-desktop.png")
        app.start_over()
        Pictures(browser, app, play(app), folder).take()
        browser.close()
        stack.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
