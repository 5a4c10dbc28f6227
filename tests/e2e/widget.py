"""The widget as a borrower sees it: what can be read, pressed and typed."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


class Widget:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.launcher = page.get_by_role("button", name="打开随星客服")
        self.window = page.get_by_role("dialog", name="随星客服")
        self.log = page.get_by_role("log")
        self.input = page.get_by_role("textbox", name="输入消息")
        self.send_button = page.get_by_role("button", name="发送", exact=True)
        self.human = self.window.locator("button.human")
        self.banner = self.window.locator(".banner")
        self.typing = self.log.locator(".typing")
        self.code = page.get_by_role("textbox", name="短信验证码（6位数字）")

    def open(self) -> None:
        """Opens the chat, and waits until what was said before is there."""
        self.launcher.click()
        expect(self.window).to_be_visible()
        expect(self.log).to_have_attribute("aria-busy", "false")

    def say(self, text: str) -> None:
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str) -> None:
        """Says it and waits until the answer is there."""
        before = self.messages.count()
        self.say(text)
        expect(self.messages.nth(before + 1)).to_be_visible()
        expect(self.typing).to_have_count(0)

    def wait_until_idle(self) -> None:
        """Until nothing is on its way: the queue in the browser's storage is empty."""
        self.page.wait_for_function("() => !Object.keys(localStorage).some(key => key.includes('/outbox/'))")

    @property
    def messages(self) -> Locator:
        """Everything said, without the greeting and the typing indicator."""
        return self.log.locator(".message:not(.greeting):not(.typing)")

    @property
    def texts(self) -> list[str]:
        return [bubble.inner_text() for bubble in self.log.locator(".message:not(.greeting) .text").all()]

    @property
    def answer(self) -> str:
        """Everything that came after the borrower's last words."""
        said = self.messages.all()
        authors = [message.get_attribute("data-author") for message in said]
        last = len(said) - authors[::-1].index("borrower")
        return " ".join(message.inner_text() for message in said[last:])

    def expect_texts(self, *texts: str) -> None:
        """Exactly these messages, in this order."""
        expect(self.log.locator(".message:not(.greeting) .text")).to_have_text(list(texts))

    def button(self, name: str) -> Locator:
        return self.log.get_by_role("button", name=name, exact=True)

    def card(self, kind: str) -> Locator:
        return self.log.locator(f"[data-card={kind}]")

    def log_in(self, customer_id: str) -> None:
        """Chooses the customer on the demo page, and waits until the token has arrived."""
        with self.page.expect_response("**/demo/login"):
            self.page.get_by_label("演示登录").select_option(customer_id)
