"""The desk as an agent sees it: what can be read, pressed and typed."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

PASSWORD = "suixing-demo"


class Desk:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.login = page.get_by_role("button", name="登录", exact=True)
        self.log = page.get_by_role("log", name="聊天记录")
        self.reply_box = page.get_by_role("textbox", name="回复客户")
        self.queue = page.get_by_role("region", name="会话列表")
        self.packet = page.get_by_role("complementary", name="客户与案情")

    def log_in(self, agent_id: str, password: str = PASSWORD) -> None:
        self.page.get_by_label("工号").fill(agent_id)
        self.page.get_by_label("密码").fill(password)
        self.login.click()

    def open(self, url: str, agent_id: str) -> None:
        self.page.goto(f"{url}/desk")
        self.log_in(agent_id)
        expect(self.page.get_by_role("navigation", name="主导航")).to_be_visible()

    def view(self, name: str) -> None:
        self.page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()

    def waiting(self, text: str) -> Locator:
        """The waiting conversation whose borrower wrote ``text`` last."""
        return self.queue.locator("a[data-waiting]").filter(has_text=text)

    def claim(self) -> None:
        self.page.get_by_role("button", name="接入", exact=True).click()
        expect(self.reply_box).to_be_enabled()

    def reply(self, text: str) -> None:
        self.reply_box.fill(text)
        self.reply_box.press("Enter")

    def confirm(self) -> None:
        """Answers the question that a dialog asks."""
        self.page.get_by_role("dialog").get_by_role("button", name="确定", exact=True).click()

    def message(self, author: str, text: str) -> Locator:
        return self.log.locator(f".message[data-author={author}]").filter(has_text=text)
