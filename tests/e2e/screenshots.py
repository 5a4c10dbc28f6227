"""Retakes docs/images/widget-*.png from the built widget and the fake app: ``python -m tests.e2e.screenshots [folder]``."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.cards import EVIDENCE, EXAMPLES, PAYOFF
from tests.e2e.conftest import DESKTOP, PHONE, WIDGET, launch
from tests.e2e.fake_app import FakeApp, serving
from tests.e2e.widget import Widget

ROOT = Path(__file__).resolve().parents[2]


def _script(fake: FakeApp) -> None:
    early = "可以的。还款日之前随时都能提前还：随星借 → 首页 → 去还款 → 提前还款。可以按金额还，也可以勾选要结清的合同。"
    fake.answers["怎么提前还款"] = [
        {
            "text": early,
            "buttons": [{"title": "一次还清要多少", "payload": "/settle_all"}, {"title": "转人工", "payload": "/request_human"}],
        }
    ]
    buttons = [{"title": "预约还款", "payload": "/schedule_repayment"}, {"title": "没有其他问题了", "payload": "/goodbye"}]
    fake.answers["/settle_all"] = [{"text": PAYOFF.text, "custom": PAYOFF.card, "buttons": buttons}]
    fake.answers["为什么有逾期费用"] = [{"text": EVIDENCE.text, "custom": EVIDENCE.card}]
    for name, example in EXAMPLES.items():
        fake.answers[name] = [{"text": example.text, "custom": example.card}]


def _converse(page: Page, url: str) -> Widget:
    page.goto(url)
    widget = Widget(page)
    widget.log_in("C1002")
    widget.open()
    widget.ask("怎么提前还款")
    widget.button("一次还清要多少").click()
    expect(widget.card("payoff_quote")).to_be_visible()
    return widget


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fake = FakeApp(WIDGET / "dist")
    _script(fake)
    with serving(fake) as url, sync_playwright() as playwright:
        browser = launch(playwright)
        for name, size in {"phone": PHONE, "desktop": DESKTOP}.items():
            touch = name == "phone"
            context = browser.new_context(
                viewport=size, is_mobile=touch, has_touch=touch, locale="zh-CN", reduced_motion="reduce"
            )
            page = context.new_page()
            widget = _converse(page, url)
            page.wait_for_timeout(300)
            page.screenshot(path=folder / f"widget-{name}.png")
            if folder.name != "images":
                page.screenshot(path=folder / f"page-{name}.png")
                for number, kind in enumerate(EXAMPLES):
                    widget.ask(kind)
                    page.wait_for_timeout(100)
                    page.screenshot(path=folder / f"{name}-{number:02d}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
