"""An admin's view of the accounts, and the first day of a new colleague, each in a browser of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.e2e.desk import Desk
from tests.e2e.sides import Sides, sides, staffed_file
from tests.e2e.test_desk import serious

__all__ = ["sides", "staffed_file"]

pytestmark = [pytest.mark.browser, pytest.mark.processes]

CHOSEN = "correct-horse-battery"
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "tablet": {"width": 1024, "height": 768},
    "phone": {"width": 390, "height": 844},
}


def of(page: Page, name: str) -> Locator:
    """The account of this name."""
    return page.get_by_role("list", name="账号").get_by_role("listitem").filter(has_text=name)


def confirm(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="确定", exact=True).click()


def handed_out(page: Page) -> str:
    """The password that is on the screen, which is then closed."""
    dialog = page.get_by_role("dialog").filter(has_text="的初始密码")
    expect(dialog).to_contain_text("只显示这一次")
    password = dialog.locator("code").inner_text()
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="我已记下").click()
    expect(dialog).to_be_hidden()
    return password


def choose_password(page: Page, present: str, chosen: str) -> None:
    page.get_by_label("初始密码", exact=True).fill(present)
    page.get_by_label("新密码", exact=True).fill(chosen)
    page.get_by_label("再次输入新密码").fill(chosen)
    page.get_by_role("button", name="确认修改").click()


def test_an_admin_opens_an_account_its_owner_begins_work_and_is_closed(sides: Sides) -> None:
    admin = sides.agent("M2301")
    page = admin.page
    admin.desk.view("账号")
    page.get_by_role("button", name="新建账号").click()
    dialog = page.get_by_role("dialog", name="新建账号")
    dialog.get_by_label("工号").fill("a2001")
    dialog.get_by_label("姓名").fill("小苏")
    dialog.get_by_label("反诈").check()
    dialog.get_by_role("button", name="新建账号").click()
    expect(dialog.get_by_role("alert")).to_have_text("这个工号已被使用，请换一个。")
    dialog.get_by_label("工号").fill("a2009")
    dialog.get_by_role("button", name="新建账号").click()
    password = handed_out(page)
    expect(of(page, "小苏")).to_contain_text("未改初始密码")
    expect(of(page, "小苏")).to_contain_text("反诈")

    colleague = sides.page()
    colleague.goto(f"{admin.cable.url}/desk")
    desk = Desk(colleague)
    with colleague.expect_response("**/desk/api/login") as login:
        desk.log_in("A2009", password)
    assert login.value.json()["token"] is None, "a page gets no token that its scripts could carry away"
    expect(colleague.get_by_role("heading", name="请设置自己的密码")).to_be_visible()
    assert serious(colleague) == []
    choose_password(colleague, password, "short")
    expect(colleague.get_by_role("alert")).to_have_text("新密码至少12位")
    choose_password(colleague, password, CHOSEN)
    expect(colleague.get_by_role("navigation", name="主导航")).to_be_visible()
    expect(colleague.get_by_role("link", name="账号")).to_have_count(0)
    colleague.goto(f"{admin.cable.url}/desk#/accounts")
    expect(desk.queue).to_be_visible()

    page.reload()
    expect(of(page, "小苏")).not_to_contain_text("未改初始密码")
    of(page, "小苏").get_by_role("button", name="停用").click()
    confirm(page)
    expect(of(page, "小苏")).to_have_count(0)
    expect(colleague.get_by_role("dialog", name="登录坐席台")).to_be_visible()
    desk.log_in("A2009", CHOSEN)
    expect(colleague.get_by_role("alert").filter(has_text="工号或密码不对")).to_be_visible()
    page.get_by_text("已停用", exact=True).click()
    expect(of(page, "小苏")).to_contain_text("已停用")
    expect(of(page, "小苏").get_by_role("button")).to_have_text(["恢复"])


def test_with_the_keyboard_alone_an_account_is_changed_and_its_password_handed_out_anew(sides: Sides) -> None:
    admin = sides.agent("M2301")
    page = admin.page
    admin.desk.view("账号")
    of(page, "小何").get_by_role("button", name="修改").press("Enter")
    dialog = page.get_by_role("dialog", name="修改账号 A2002")
    name = dialog.get_by_label("姓名")
    name.focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text("小何何")
    dialog.get_by_role("button", name="保存").press("Enter")
    expect(dialog).to_be_hidden()
    reset = of(page, "小何何").get_by_role("button", name="重置密码")
    reset.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="确定", exact=True).press("Enter")
    assert len(handed_out(page)) == 19
    expect(of(page, "小何何")).to_contain_text("未改初始密码")
    own = of(page, "老唐")
    expect(own.get_by_role("button")).to_have_text(["修改"])
    page.get_by_role("button", name="账号安全").press("Enter")
    mine = page.get_by_role("dialog", name="修改密码")
    expect(mine.get_by_label("当前密码")).to_be_focused()
    page.keyboard.insert_text("not-my-password")
    mine.get_by_label("新密码", exact=True).fill(CHOSEN)
    mine.get_by_label("再次输入新密码").fill(CHOSEN)
    page.keyboard.press("Enter")
    expect(mine.get_by_role("alert")).to_have_text("当前密码不对。")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_accounts_have_no_serious_finding_and_fit_the_screen(
    sides: Sides, size: str, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    """``PICTURES=folder`` keeps what it looks like."""
    admin = sides.agent("M2301")
    page = admin.page
    page.set_viewport_size(SIZES[size])
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    admin.desk.view("账号")
    expect(of(page, "小林")).to_be_visible()
    folder = Path(os.environ.get("PICTURES", tmp_path))

    def look(name: str) -> None:
        page.wait_for_timeout(400)
        page.screenshot(path=folder / f"{name}-{size}-{scheme}.png")
        assert serious(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"

    look("accounts")
    of(page, "小林").get_by_role("button", name="修改").click()
    expect(page.get_by_role("dialog", name="修改账号 A2001")).to_be_visible()
    look("change")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    of(page, "小林").get_by_role("button", name="重置密码").click()
    confirm(page)
    expect(page.get_by_role("dialog").filter(has_text="的初始密码")).to_be_visible()
    look("handed")
    handed_out(page)
    page.get_by_role("button", name="账号安全").click()
    expect(page.get_by_role("dialog", name="修改密码")).to_be_visible()
    look("password")
