"""The bank's reports over HTTP: signed, fresh, once; whatever is refused leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count, permutations
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import func, select

from bot.app import create_app
from bot.channels.bank import MAX_BYTES, PATH, make_router
from bot.core.clock import FixedClock
from bot.core.database import Base, Database
from bot.core.settings import Settings
from bot.core.signing import sign
from bot.loans.demo import seed_if_empty
from bot.loans.models import LedgerTransactionRow
from bot.loans.port import Payment
from bot.loans.service import SqlLoanBackend
from bot.loans.servicing.callbacks import CallbackService
from bot.loans.servicing.models import CallbackNonceRow, ChannelEventRow
from bot.loans.unit import Unit
from tests.gateway import FakeRasa, Stack, running

SECRET = "the bank's secret of these tests, long enough"
BEFORE = "the secret before that one, still accepted by us"
WHO, AMOUNT = "C1002", 5000


class Bank:
    """Signs like the bank, and lies when asked to."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.numbers = count(1)

    def order(self, key: str = "pay") -> str:
        """A repayment under way; its number is the order's."""
        with self.stack.database.transaction() as session:
            return SqlLoanBackend(session, self.stack.clock).create_payment(WHO, AMOUNT, key=key).payment_no

    def headers(self, body: bytes, **changed: Any) -> dict[str, str]:
        timestamp = str(int(self.stack.clock.now().timestamp()) + changed.get("late", 0))
        nonce = changed.get("nonce", f"nonce-of-these-tests-{next(self.numbers)}")
        return {
            "X-Callback-Timestamp": timestamp,
            "X-Callback-Nonce": nonce,
            "X-Callback-Signature": sign(changed.get("secret", SECRET), timestamp, nonce, body),
        }

    async def send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.stack.client.post(PATH, content=body, headers=headers)

    async def report(self, order_no: str, state: str, event_id: str, code: str | None = None, **changed: Any) -> httpx.Response:
        body = report(order_no, state, event_id, code)
        return await self.send(body, self.headers(body, **changed))

    def payment(self, payment_no: str) -> Payment:
        with self.stack.database.transaction() as session:
            return SqlLoanBackend(session, self.stack.clock).payment(WHO, payment_no)

    def prove(self) -> None:
        with self.stack.database.transaction() as session:
            Unit(session, self.stack.clock).ledger.check()

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables."""
        with self.stack.database.transaction() as session:
            tables = Base.metadata.sorted_tables
            return {table.name: sorted(map(tuple, session.execute(table.select())), key=repr) for table in tables}

    def events(self) -> list[tuple[str, str, str]]:
        with self.stack.database.transaction() as session:
            rows = session.scalars(select(ChannelEventRow).order_by(ChannelEventRow.event_id))
            return [(row.event_id, row.state, row.outcome) for row in rows]


def report(order_no: str, state: str, event_id: str, code: str | None = None) -> bytes:
    given = {"event_id": event_id, "order_no": order_no, "state": state, "code": code}
    return json.dumps({name: value for name, value in given.items() if value is not None}).encode()


def bank_settings(settings: Settings, database: Database, **changed: Any) -> Settings:
    url = database.engine.url.render_as_string(hide_password=False)
    given = {"database_url": url, "bank_callback_secret": SecretStr(SECRET), "bank_callback_previous_secret": SecretStr(BEFORE)}
    return settings.model_copy(update={**given, **changed})


@pytest.fixture
async def bank(gateway_settings: Settings, seeded: Database, clock: FixedClock, process_logging: None) -> AsyncIterator[Bank]:
    async with running(bank_settings(gateway_settings, seeded), clock, FakeRasa()) as stack:
        yield Bank(stack)


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_settled_order_is_booked_once_however_often_it_is_reported(bank: Bank) -> None:
    order = bank.order()
    answers = [await bank.report(order, "settled", "E-1") for _ in range(3)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"outcome": "applied"}), (200, {"outcome": "repeated"}), (200, {"outcome": "repeated"}),
    ]  # fmt: skip
    assert (await bank.report(order, "settled", "E-2")).json() == {"outcome": "repeated"}
    assert (bank.payment(order).status, bank.payment(order).advice) == ("settled", "done")
    assert bank.events() == [("E-1", "settled", "applied"), ("E-2", "settled", "repeated")]
    bank.prove()


async def test_a_failure_keeps_the_code_of_the_bank(bank: Bank) -> None:
    order = bank.order()
    assert (await bank.report(order, "failed", "E-1", "INSUFFICIENT_FUNDS")).json() == {"outcome": "applied"}
    payment = bank.payment(order)
    assert (payment.status, payment.result_code, payment.side) == ("failed", "INSUFFICIENT_FUNDS", "borrower")


async def test_an_order_that_still_runs_is_only_noted(bank: Bank) -> None:
    order = bank.order()
    assert (await bank.report(order, "processing", "E-1")).json() == {"outcome": "pending"}
    assert bank.payment(order).status == "processing"


@pytest.mark.parametrize("order_of_reports", list(permutations(("processing", "settled", "returned"))))
async def test_reports_in_any_order_end_in_the_same_books(bank: Bank, order_of_reports: tuple[str, ...]) -> None:
    order = bank.order()
    for state in (*order_of_reports, *order_of_reports):
        assert (await bank.report(order, state, f"E-{state}")).status_code == 200
    assert bank.payment(order).status == "returned"
    bank.prove()


async def test_failed_after_settled_books_nothing_and_is_kept_for_a_person(bank: Bank) -> None:
    order = bank.order()
    await bank.report(order, "settled", "E-1")
    assert (await bank.report(order, "failed", "E-2", "SYS_ERROR")).json() == {"outcome": "contradiction"}
    assert bank.payment(order).status == "settled"
    bank.prove()


async def test_an_event_that_reports_something_else_than_before_is_refused(bank: Bank) -> None:
    order, other = bank.order(), "P-404"
    await bank.report(order, "settled", "E-1")
    before = bank.everything()
    for order_no, state in ((order, "returned"), (other, "settled")):
        assert code_of(await bank.report(order_no, state, "E-1")) == (409, "idempotency_key_reused")
    assert bank.everything() == before


async def test_an_unknown_order_has_one_answer_that_tells_nothing(bank: Bank) -> None:
    answers = [await bank.report("P-404", "settled", "E-1") for _ in range(2)]
    assert {(code_of(answer), answer.json()["error"]["message"]) for answer in answers} == {
        ((404, "payment_order_not_found"), "no such order")
    }
    assert answers[0].json()["error"]["details"] == {}
    assert bank.events() == [("E-1", "settled", "unknown_order")], "kept for a person"
    bank.prove()


# --- forged, stale, replayed --------------------------------------------------------------------------------------------------


async def test_a_message_that_the_bank_did_not_sign_is_refused_and_leaves_nothing(bank: Bank) -> None:
    order = bank.order()
    body = report(order, "settled", "E-1")
    good, other = bank.headers(body), bank.headers(report(order, "failed", "E-1"))
    signature = good["X-Callback-Signature"]
    forged: list[dict[str, str]] = [
        {},
        {"Authorization": f"Bearer {SECRET}"},
        bank.headers(body, secret="a guess of an attacker, as long as ours"),
        other,  # a signature of another body
        {**good, "X-Callback-Timestamp": str(int(good["X-Callback-Timestamp"]) + 1)},
        {**good, "X-Callback-Nonce": "another-nonce-of-an-attacker"},
        {**good, "X-Callback-Signature": ""},
        {**good, "X-Callback-Signature": signature[:-1]},
        {**good, "X-Callback-Signature": signature.upper()},
        {**good, "X-Callback-Signature": signature.removeprefix("v1=")},
        {**good, "X-Callback-Signature": f"v2={signature[3:]}"},
        {name: value for name, value in good.items() if name != "X-Callback-Nonce"},
        bank.headers(body, nonce="short"),
        bank.headers(body, nonce="n" * 65),
        bank.headers(body, nonce="a nonce with blanks in it"),
    ]
    before = bank.everything()
    for headers in forged:
        assert code_of(await bank.send(body, headers)) == (401, "callback_unauthenticated"), headers
    for timestamp in ("", "now", "-1", "1e9", "1" * 13, "１２３"):
        signature = sign(SECRET, timestamp, good["X-Callback-Nonce"], body)
        headers = {**good, "X-Callback-Signature": signature, "X-Callback-Timestamp": timestamp}
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        response = await bank.stack.client.post(PATH, content=body, headers=sent)
        assert code_of(response) == (401, "callback_unauthenticated"), timestamp
    assert bank.everything() == before
    assert (await bank.send(body, good)).json() == {"outcome": "applied"}, "only the forgery was refused"


@pytest.mark.parametrize(
    ("late", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False), (-86400, False)]
)
async def test_a_message_is_fresh_for_five_minutes(bank: Bank, late: int, accepted: bool) -> None:
    order = bank.order()
    before = bank.everything()
    response = await bank.report(order, "settled", "E-1", late=late)
    if accepted:
        assert response.json() == {"outcome": "applied"}
    else:
        assert code_of(response) == (401, "callback_stale")
        assert bank.everything() == before


async def test_a_message_that_was_caught_and_sent_again_is_refused(bank: Bank) -> None:
    body = report(bank.order(), "settled", "E-1")
    headers = bank.headers(body)
    assert (await bank.send(body, headers)).json() == {"outcome": "applied"}
    before = bank.everything()
    assert code_of(await bank.send(body, headers)) == (409, "callback_replayed")
    assert bank.everything() == before


async def test_a_refused_message_may_be_sent_again_under_its_nonce(bank: Bank) -> None:
    """What failed was not received: its mark went with it."""
    order = bank.order()
    wrong = report(order, "settled", "a\nb")
    assert code_of(await bank.send(wrong, bank.headers(wrong, nonce="nonce-used-twice-here"))) == (400, "invalid_text")
    assert (await bank.report(order, "settled", "E-1", nonce="nonce-used-twice-here")).json() == {"outcome": "applied"}


async def test_the_secret_can_be_replaced_without_a_pause(bank: Bank) -> None:
    order = bank.order()
    assert (await bank.report(order, "processing", "E-1", secret=BEFORE)).status_code == 200
    assert (await bank.report(order, "settled", "E-2", secret=SECRET)).status_code == 200


# --- malformed --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", (400, "malformed_json")),
        (b"{", (400, "malformed_json")),
        (b"\xff\xfe", (400, "malformed_json")),
        (b"[]", (422, "invalid_request")),
        (b"{}", (422, "invalid_request")),
        (b'{"event_id": "E", "order_no": "P"}', (422, "invalid_request")),
        (b'{"event_id": "E", "order_no": "P", "state": "gone"}', (422, "invalid_request")),
        (b'{"event_id": "E", "order_no": "P", "state": "unknown"}', (422, "invalid_request")),
        (b'{"event_id": 1, "order_no": "P", "state": "settled"}', (422, "invalid_request")),
        (b'{"event_id": "E", "order_no": ["P"], "state": "settled"}', (422, "invalid_request")),
        (b'{"event_id": "", "order_no": "P", "state": "settled"}', (422, "invalid_request")),
        (b'{"event_id": "E", "order_no": "P\\u0000", "state": "settled"}', (422, "invalid_request")),
        (b'{"event_id": "E", "order_no": "P", "state": "settled", "amount": 1}', (422, "invalid_request")),
        (report("P" * 41, "settled", "E"), (422, "invalid_request")),
        (report("P", "settled", "E" * 81), (422, "invalid_request")),
        (report("P", "failed", "E", "C" * 33), (422, "invalid_request")),
        (report("P\n", "settled", "E"), (400, "invalid_text")),
        (report(" ", "settled", "E"), (400, "invalid_text")),
    ],
)
async def test_a_signed_message_that_makes_no_sense_is_refused_and_leaves_nothing(
    bank: Bank, body: bytes, refusal: tuple[int, str]
) -> None:
    before = bank.everything()
    response = await bank.send(body, bank.headers(body))
    assert code_of(response) == refusal
    assert bank.everything() == before


async def test_a_refusal_does_not_repeat_what_was_sent(bank: Bank) -> None:
    body = json.dumps({"event_id": "E", "order_no": "P", "state": "6222020200112233445"}).encode()
    assert "6222" not in (await bank.send(body, bank.headers(body))).text


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 70_000])
async def test_an_oversized_message_is_refused_signed_or_not(bank: Bank, size: int) -> None:
    body = report("P", "settled", "E") + b" " * size
    before = bank.everything()
    for headers in (bank.headers(body), {}):
        assert code_of(await bank.send(body, headers)) == (413, "payload_too_large")
    assert bank.everything() == before


async def test_the_route_is_for_reports_only(bank: Bank) -> None:
    assert code_of(await bank.stack.client.get(PATH)) == (404, "not_found")
    assert code_of(await bank.stack.client.put(PATH)) == (405, "method_not_allowed")


# --- without a secret ---------------------------------------------------------------------------------------------------------


async def test_without_a_secret_the_route_does_not_exist(stack: Stack) -> None:
    bank = Bank(stack)
    body = report("P", "settled", "E")
    for headers in (bank.headers(body), bank.headers(body, secret=""), {}):
        assert code_of(await bank.send(body, headers)) == (404, "not_found")
    assert PATH not in stack.app.openapi()["paths"]
    with pytest.raises(ValueError, match="BANK_CALLBACK_SECRET"):
        make_router(stack.settings)


def test_the_api_description_says_how_to_sign(gateway_settings: Settings) -> None:
    app = create_app(gateway_settings.model_copy(update={"bank_callback_secret": SecretStr(SECRET)}))
    described = app.openapi()["paths"][PATH]["post"]
    assert {item["name"] for item in described["parameters"]} == {
        "X-Callback-Timestamp", "X-Callback-Nonce", "X-Callback-Signature",
    }  # fmt: skip
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {"event_id", "order_no", "state", "code"}
    assert "200" in described["responses"]
    app.state.runtime.database.dispose()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"bank_callback_secret": "too short"}, "at least 32"),
        ({"bank_callback_previous_secret": BEFORE}, "BANK_CALLBACK_SECRET is not"),
        ({"bank_callback_secret": SECRET, "bank_callback_window_seconds": 3601}, "3600"),
        ({"bank_callback_secret": SECRET, "loan_backend_url": "https://core.example", "loan_backend_secret": SECRET},
         "reports to the core system"),
    ],
)  # fmt: skip
def test_settings_that_would_leave_a_hole_do_not_start(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Settings.model_validate({"demo": True, **given})


def test_an_empty_secret_is_none() -> None:
    assert Settings.model_validate({"demo": True, "bank_callback_secret": ""}).bank_callback_secret is None


# --- at the same time, and afterwards ---------------------------------------------------------------------------------------


async def test_sixteen_at_once_book_one_payment_and_keep_one_unknown_report(
    gateway_settings: Settings, each_database: Database, clock: FixedClock, process_logging: None
) -> None:
    assert seed_if_empty(each_database, clock)
    async with running(bank_settings(gateway_settings, each_database), clock, FakeRasa()) as stack:
        bank = Bank(stack)
        order = bank.order()
        body = report(order, "settled", "E-1")
        caught = bank.headers(body)
        answers = await asyncio.gather(
            *(bank.report(order, "settled", "E-1") for _ in range(6)),
            *(bank.send(body, caught) for _ in range(5)),
            *(bank.report("P-404", "settled", "E-2") for _ in range(5)),
        )
        outcomes = [answer.json().get("outcome") or answer.json()["error"]["code"] for answer in answers]
        assert outcomes[11:] == ["payment_order_not_found"] * 5
        assert sorted(outcomes[:11]) == ["applied"] + ["callback_replayed"] * 4 + ["repeated"] * 6
        assert bank.events() == [("E-1", "settled", "applied"), ("E-2", "settled", "unknown_order")]
        with each_database.transaction() as session:
            head = LedgerTransactionRow
            receipts = select(func.count()).select_from(head).where(head.payment_no == order, head.kind == "receipt")
            assert session.scalar(receipts) == 1
        bank.prove()


async def test_marks_are_forgotten_when_their_signatures_are_long_out_of_date(bank: Bank) -> None:
    order = bank.order()
    await bank.report(order, "processing", "E-1")
    bank.stack.clock.advance(hours=23)
    await bank.report(order, "settled", "E-2", nonce="the-nonce-of-the-later-one")
    for hours, left in ((0, 2), (2, 1), (24, 0)):
        bank.stack.clock.advance(hours=hours)
        with bank.stack.database.transaction() as session:
            CallbackService(Unit(session, bank.stack.clock)).forget()
            assert len(session.scalars(select(CallbackNonceRow)).all()) == left
    assert len(bank.events()) == 2, "the reports themselves are kept"
