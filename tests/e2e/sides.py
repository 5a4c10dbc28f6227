"""Both sides of a conversation: a borrower's browser and agents' browsers, each on a line of its own to the same office."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from bot.core.settings import Settings
from bot.desk.demo import seed_agents
from tests.conftest import audited_for_tests
from tests.e2e.cable import Cable
from tests.e2e.desk import Desk
from tests.e2e.office import Office, office
from tests.e2e.widget import Widget

PATIENCE_MS = 30_000
"""Nothing is slower than this, not even on a loaded machine; what is there at once is not waited for."""
SIZE: ViewportSize = {"width": 1280, "height": 800}


@dataclass
class Side:
    """A browser and its line."""

    page: Page
    cable: Cable

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def lose_network(self) -> None:
        """The device has no network, and what went over it is broken off."""
        self.context.set_offline(True)
        self.cable.cut()

    def find_network(self) -> None:
        self.cable.mend()
        self.context.set_offline(False)


@dataclass
class Borrower(Side):
    widget: Widget


@dataclass
class Agent(Side):
    desk: Desk


@dataclass
class Sides:
    """Opens browsers. What a script throws, and what a page's policy refuses, fails the test."""

    office: Office
    _browser: Browser
    _stack: ExitStack
    problems: list[str] = field(default_factory=list)

    def borrower(self, customer_id: str | None = None) -> Borrower:
        """At the demo page with the chat open; ``customer_id``: logged in."""
        page, cable = self._page()
        page.goto(cable.url)
        widget = Widget(page)
        if customer_id is not None:
            widget.log_in(customer_id)
        widget.open()
        return Borrower(page, cable, widget)

    def agent(self, agent_id: str) -> Agent:
        """Logged in at the desk."""
        page, cable = self._page()
        desk = Desk(page)
        desk.open(cable.url, agent_id)
        return Agent(page, cable, desk)

    def together(self, last_words: str = "在吗") -> tuple[Borrower, Agent]:
        """A visitor who asked for a human, and 小林, who has taken the conversation."""
        borrower = self.borrower()
        borrower.widget.ask("转人工")
        borrower.widget.ask(last_words)
        agent = self.agent("A2001")
        agent.desk.waiting(last_words).click()
        agent.desk.claim()
        expect(borrower.widget.banner).to_contain_text("人工客服正在和您对话")
        return borrower, agent

    def page(self) -> Page:
        """A browser with nothing open yet."""
        return self._page()[0]

    def _page(self) -> tuple[Page, Cable]:
        cable = self._stack.enter_context(Cable(self.office.port).laid())
        context = self._browser.new_context(
            viewport=SIZE, locale="zh-CN", timezone_id="America/New_York", reduced_motion="reduce"
        )
        self._stack.callback(context.close)
        context.set_default_timeout(PATIENCE_MS)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        page = context.new_page()  # another one shows a file: the browser's own page around it is refused its styles
        page.on("console", lambda said: self.problems.append(said.text) if "Content Security Policy" in said.text else None)
        return page, cable


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Waits for something that the pages' events bring about in this process."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about")
        page.wait_for_timeout(10)


@pytest.fixture(scope="session")
def staffed_file(seeded_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo people and the demo's agents; each test works on a copy."""
    path = tmp_path_factory.mktemp("staffed") / "staffed.db"
    shutil.copy(seeded_file, path)
    database = audited_for_tests(f"sqlite:///{path}")
    with database.transaction() as session:
        seed_agents(session, Settings(demo=True))
    database.dispose()
    return path


@pytest.fixture
def sides(browser: Browser, dist: Path, desk_dist: Path, staffed_file: Path, tmp_path: Path) -> Iterator[Sides]:
    database = tmp_path / "care.db"
    shutil.copy(staffed_file, database)
    expect.set_options(timeout=PATIENCE_MS)
    with ExitStack() as stack:
        both = Sides(stack.enter_context(office(database, tmp_path / "var")), browser, stack)
        yield both
    expect.set_options(timeout=5_000)
    assert both.problems == []
