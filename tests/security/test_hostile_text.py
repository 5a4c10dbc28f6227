"""Text that attacks something, in every field of every operation: kept as text, given back as text, never a 500."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bot.cases.service import CaseService
from bot.core.clock import FixedClock
from bot.core.settings import ROOT, Settings
from bot.loans.service import SqlLoanBackend
from tests.gateway import FakeRasa, Stack, bearer, running
from tests.security.access import TABLE, Access
from tests.security.requests import Call, Description, with_value

SCRIPT = "<script>alert('随星')</script><img src=x onerror=alert(1)>\"'`{{7*7}}${7*7}"
HOSTILE = {
    "html": SCRIPT,
    "sql": "'; DROP TABLE messages; -- \" OR 1=1 /* % _ \\",
    "right to left": "\u202e\u2066fdp.exe\u2069\u200b\u200f",
    "control characters": "a\x00b\x01\x07\x08\x1b[31m\x7f\u0085\u2028\u2029z",
    "emoji and marks": "👩‍👩‍👧‍👦" + "e" + "\u0301" * 300,
    "newlines for logs and headers": "x\r\nSet-Cookie: a=b\r\n\r\n<html>\nlevel=error event=forged",
    "long": "龍" * 70_000,
    "nearly too long": "𠮷" * 3_900,
    "path": "../../../../etc/passwd%00.png",
    "blank": " \u3000\t ",
    "nothing": "",
}
RAW = {"half a surrogate pair": '"\\ud800x"', "a number": "7", "a list": '["x"]', "null": "null", "deep": "[" * 500 + "]" * 500}
"""JSON in place of the text, as it would be written by hand."""


@pytest.fixture
async def world(gateway_settings: Settings, process_logging: None) -> AsyncIterator[tuple[Stack, dict[str, str]]]:
    """The application without limits in the way, and ids of things that are there."""
    many = dict.fromkeys(
        (
            "messages_per_minute",
            "messages_per_customer_minute",
            "requests_per_token_minute",
            "changes_per_token_minute",
            "attachments_per_token_hour",
            "failed_logins_per_address_hour",
        ),
        100_000,
    )
    async with running(gateway_settings.model_copy(update=many), FixedClock(), FakeRasa()) as stack:
        await stack.say("你好", token=stack.customer_token())
        conversation_id = stack.conversation("u-1", "C1002").id
        stack.request_human(conversation_id)
        await stack.client.post(f"/desk/api/conversations/{conversation_id}/claim", headers=stack.agent("S2101"))
        with stack.database.transaction() as session:
            case = CaseService(session, stack.clock, SqlLoanBackend(session, stack.clock)).open_complaint(
                customer_id="C1002",
                conversation_id=conversation_id,
                channel="rest",
                story="催收骚扰",
                callback_phone=None,
                key="k",
            )
        yield stack, {"case_no": case.case.case_no, "conversation_id": conversation_id, "seq": "1", "agent_id": "A2003"}


def headers_for(stack: Stack, operation: str) -> dict[str, str]:
    match TABLE[operation]:
        case Access.AGENT | Access.SUPERVISOR | Access.COOKIE:
            return stack.agent("S2101")
        case Access.ADMIN:
            return stack.agent("M2301")
        case Access.PUBLIC | Access.SIGNED:
            return {}
        case _:
            return bearer(stack.customer_token())


def is_json(response: httpx.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.startswith("application/json")


def check(response: httpx.Response, what: str) -> None:
    assert response.status_code < 500, (what, response.text[:500])
    if response.content and is_json(response):
        json.loads(response.content.decode("utf-8", "strict"))
    else:
        assert "<script>" not in response.text, what
    assert "set-cookie: a=b" not in str(response.headers).lower()


def fields(description: Description) -> list[tuple[Call, tuple[str, ...]]]:
    """Every place in every body where text may stand."""
    found = []
    for name, item in description.operations().items():
        schema = item.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            found += [(description.call(name), path) for path in description.texts(schema)]
    return found


def test_the_fields_are_really_found(world: tuple[Stack, dict[str, str]]) -> None:
    found = {(call.operation, path) for call, path in fields(Description(world[0].app))}
    assert ("POST /webhooks/rest/webhook", ("message",)) in found
    assert ("POST /webhooks/rest/webhook", ("metadata", "message_id")) in found
    assert ("POST /desk/api/cases/{case_no}/correct-report", ("about", "contract_no")) in found
    assert ("PUT /desk/api/accounts/{agent_id}", ("name",)) in found
    assert len(found) >= 30


@pytest.mark.parametrize("kind", HOSTILE)
async def test_in_no_field_of_a_body_it_breaks_anything(world: tuple[Stack, dict[str, str]], kind: str) -> None:
    stack, ids = world
    for call, path in fields(Description(stack.app)):
        hostile = replace(call.about(**ids), body=with_value(call.body, path, HOSTILE[kind]))
        response = await hostile.send(stack, {**headers_for(stack, call.operation), "Idempotency-Key": f"{kind[:3]}"})
        check(response, f"{call.operation} {path}")


@pytest.mark.parametrize("kind", RAW)
async def test_json_that_is_no_text_is_refused_or_understood(world: tuple[Stack, dict[str, str]], kind: str) -> None:
    stack, ids = world
    for call, path in fields(Description(stack.app)):
        body = json.dumps(with_value(call.body, path, "@@")).replace('"@@"', RAW[kind])
        about = call.about(**ids)
        response = await stack.client.request(
            call.method,
            call.path.format(**about.values),
            params=about.query,
            content=body.encode("ascii"),
            headers={**headers_for(stack, call.operation), "Content-Type": "application/json", "Idempotency-Key": "raw"},
        )
        check(response, f"{call.operation} {path}")


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if len(HOSTILE[kind]) < 4000])
async def test_in_no_query_address_or_header_it_breaks_anything(world: tuple[Stack, dict[str, str]], kind: str) -> None:
    stack, _ = world
    description = Description(stack.app)
    text = HOSTILE[kind]
    for name, item in description.operations().items():
        call = description.call(name)
        for parameter in item.get("parameters", []):
            where, key = parameter["in"], parameter["name"]
            if where == "query":
                changed = replace(call, query={**call.query, key: text})
            elif where == "path":
                quoted = "".join(f"%{byte:02X}" for byte in text.encode())[:1500] or "%20"
                changed = replace(call, path=call.path.replace("{" + key + "}", quoted))
            else:
                continue
            check(await changed.send(stack, headers_for(stack, name)), f"{name} {where} {key}")
    for key in ("X-Request-ID", "X-CSRF-Token", "Authorization", "Cookie", "Idempotency-Key", "X-Forwarded-For", "Origin"):
        raw = re.sub(rb"[\x00\r\n]", b"", text.encode())[:2000]
        response = await stack.client.post("/desk/api/presence", json={"presence": "away"}, headers={key.encode(): raw})
        check(response, key)


TOO_LARGE = (2**31, 2**63, 10**30)
"""More than a column of ours holds: PostgreSQL refuses the first, SQLite's driver the last two."""


@pytest.mark.parametrize("number", [*TOO_LARGE, 0, -1, -(10**30)])
async def test_a_number_that_no_row_can_have_is_refused(world: tuple[Stack, dict[str, str]], number: int) -> None:
    stack, ids = world
    description = Description(stack.app)
    in_addresses = 0
    for name, item in description.operations().items():
        call = description.call(name).about(**ids)
        headers = {**headers_for(stack, name), "Idempotency-Key": str(number)}
        for parameter in item.get("parameters", []):
            where, key = parameter["in"], parameter["name"]
            if description.resolved(parameter["schema"]).get("type") != "integer":
                continue
            if where == "path":
                in_addresses += 1
                response = await replace(call, values={**call.values, key: str(number)}).send(stack, headers)
                assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request"), name
            else:
                check(await replace(call, query={**call.query, key: str(number)}).send(stack, headers), f"{name} {key}")
        schema = item.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        for path in description.numbers(schema) if schema is not None else ():
            response = await replace(call, body=with_value(call.body, path, number)).send(stack, headers)
            check(response, f"{name} {path}")
            assert number not in TOO_LARGE or response.status_code in (400, 403, 404, 409, 422), (name, path)
    assert in_addresses >= 7


async def test_what_was_written_comes_back_letter_by_letter(world: tuple[Stack, dict[str, str]]) -> None:
    """Nothing is stripped or escaped on the way in: the pages write text as text, and JSON has its own escapes."""
    stack, ids = world
    token, agent = bearer(stack.customer_token()), stack.agent("S2101")
    texts = [HOSTILE["html"], HOSTILE["sql"], HOSTILE["right to left"], "<b>粗</b>"]
    conversation, case = f"/desk/api/conversations/{ids['conversation_id']}", f"/desk/api/cases/{ids['case_no']}"
    for number, text in enumerate(texts):
        await stack.post(text, token=stack.customer_token())
        for path, body in ((f"{conversation}/reply", {"text": text}), (f"{conversation}/notes", {"text": text})):
            assert (await stack.client.post(path, json=body, headers=agent)).status_code == 201
        note = {"text": text, "audience": "borrower"}
        answer = await stack.client.post(f"{case}/notes", json=note, headers={**agent, "Idempotency-Key": f"n{number}"})
        assert answer.status_code == 200, answer.text
    log = [m.get("text") for m in (await stack.read("u-1", stack.customer_token()))["messages"]]
    notes = [note["text"] for note in (await stack.client.get(f"{conversation}/notes", headers=agent)).json()["notes"]]
    thread = (await stack.client.get(f"/chat/cases/{ids['case_no']}", headers=token)).text
    for text in texts:
        assert log.count(text) == 2, "from the borrower, and from the agent"
        assert text in notes
        assert json.dumps(text, ensure_ascii=False)[1:-1] in thread
        assert html.escape(text) == text or html.escape(text) not in thread


async def test_a_search_takes_wildcards_and_quotes_as_letters(world: tuple[Stack, dict[str, str]]) -> None:
    stack, _ = world
    agent = stack.agent("S2101")
    for query in ("%", "_", "%%%", "' OR '1'='1", "\\"):
        found = (await stack.client.get("/desk/api/search", params={"q": query}, headers=agent)).json()
        assert found["messages"] == [], query
        listed = await stack.client.get("/desk/api/cases", params={"text": query}, headers=agent)
        assert listed.json()["cases"] == [], query


async def test_the_tables_are_still_there_and_hostile_messages_at_once_break_nothing(world: tuple[Stack, dict[str, str]]) -> None:
    stack, _ = world
    answers = await asyncio.gather(*(stack.post(text, sender=f"s-{n}") for n, text in enumerate(list(HOSTILE.values())[:6])))
    assert {answer.status_code for answer in answers} == {200}


BAD_WORDS = {
    r"\bunsafeHTML\b": "lit's way around escaping",
    r"\bunsafeSVG\b": "lit's way around escaping",
    r"\bv-html\b": "Vue's way around escaping",
    r"\.(inner|outer)HTML\s*\+?=(?!=)": "HTML from a string",
    r"\binsertAdjacentHTML\b": "HTML from a string",
    r"\bdocument\.write\b": "HTML from a string",
    r"\bdangerouslySetInnerHTML\b": "React's way around escaping",
    r"\beval\(": "code from a string",
    r"\bnew Function\(": "code from a string",
    r"\bset(Timeout|Interval)\(\s*[\"'`]": "code from a string",
    r"\bsrcdoc\b": "HTML from a string",
    r"javascript:": "code in an address",
    r"\bpostMessage\([^)]*[\"']\*[\"']": "a message to whatever page",
}


def web_sources() -> list[Any]:
    kinds = {".ts", ".tsx", ".js", ".mjs", ".vue", ".html"}
    found = [path for path in (ROOT / "web").rglob("*") if path.suffix in kinds]
    others = {"node_modules", "dist", "eslint.config.js"}  # the last one forbids these words itself
    ours = [path for path in found if not others & set(path.parts)]
    return [path for path in ours if "test" not in str(path.relative_to(ROOT))]


def test_no_page_makes_markup_or_code_from_text() -> None:
    sources = web_sources()
    assert len(sources) > 20
    found = [
        f"{path.relative_to(ROOT)}: {reason}"
        for path in sources
        for pattern, reason in BAD_WORDS.items()
        if re.search(pattern, path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("line", ["node.innerHTML = text", "<p v-html='x'>", "unsafeHTML(x)", "setTimeout('x()', 1)", "eval(x)"])
def test_the_patterns_find_what_they_are_for(line: str) -> None:
    assert any(re.search(pattern, line) for pattern in BAD_WORDS)
