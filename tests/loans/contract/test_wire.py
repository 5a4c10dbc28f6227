"""What only the HTTP implementation can suffer: slow servers, lost answers, restarts, refused connections, wrong answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from bot.core.breaker import CircuitBreaker
from bot.core.calls import CallPolicy
from bot.core.errors import InvalidInput
from bot.loans.errors import CustomerNotFound, IdempotencyConflict, LoanBackendMisbehaved, LoanBackendUnavailable
from bot.loans.http_backend import http_loan_backend
from bot.loans.http_client import LoanHttpClient
from bot.loans.http_contract import OPERATIONS
from bot.loans.http_server import OpenBackend, make_router
from bot.loans.port import LoanBackend
from tests.loans.contract.conftest import SECRET, Connect, Server

CUSTOMER = "C1002"
OVERDUE = ("FQ-20251010-1001", 10)


# --- retries over a real socket -----------------------------------------------------------------------------------------------


def test_a_read_is_repeated_until_the_core_is_back(server: Server, connect: Connect) -> None:
    server.faults.script = [503, 500]
    assert http_loan_backend(connect()).customer(CUSTOMER).name == "李婷"
    assert len(server.faults.paths) == 3


def test_a_read_is_given_up_after_the_attempts(server: Server, connect: Connect) -> None:
    server.faults.script = [502] * 9
    with pytest.raises(LoanBackendUnavailable):
        http_loan_backend(connect(attempts=3)).customer(CUSTOMER)
    assert len(server.faults.paths) == 3


def test_a_payment_whose_answer_was_lost_is_made_once(server: Server, connect: Connect, unit: OpenBackend) -> None:
    server.faults.script = ["lost"]
    payment = http_loan_backend(connect()).create_payment(CUSTOMER, 1000, key="k")
    assert len(server.faults.paths) == 2
    with unit() as loans:
        assert [item.payment_no for item in loans.payments(CUSTOMER) if item.status == "processing"] == [payment.payment_no]


def test_a_waiver_whose_every_answer_was_lost_is_found_by_its_key(server: Server, connect: Connect, unit: OpenBackend) -> None:
    server.faults.script = ["lost"] * 3
    remote = http_loan_backend(connect())
    with pytest.raises(LoanBackendUnavailable):
        remote.waive_penalty(*OVERDUE, 192, reason="C-1", key="k")
    receipt = remote.waive_penalty(*OVERDUE, 192, reason="C-1", key="k")
    assert remote.receipt(receipt.receipt_no) == receipt
    with pytest.raises(IdempotencyConflict):
        remote.waive_penalty(*OVERDUE, 191, reason="C-1", key="k")
    with unit() as loans:
        assert loans.contract("C1001", OVERDUE[0]).instalments[9].waived_penalty == 192


@pytest.mark.parametrize("fault", ["lost", 503])
def test_a_command_without_a_key_is_never_repeated(server: Server, connect: Connect, fault: str | int) -> None:
    server.faults.script = [fault]
    with pytest.raises(LoanBackendUnavailable if fault == 503 else (LoanBackendUnavailable, InvalidInput)):
        http_loan_backend(connect()).create_payment(CUSTOMER, 1000, key="")
    assert server.faults.paths == ["/loan-backend/v1/create-payment"]


def test_a_slow_core_costs_no_more_than_the_timeout(server: Server, connect: Connect) -> None:
    server.faults.script = ["slow"] * 3
    started = time.monotonic()
    with pytest.raises(LoanBackendUnavailable):
        http_loan_backend(connect(timeout_seconds=0.15, attempts=3)).customer(CUSTOMER)
    assert time.monotonic() - started < 3
    assert len(server.faults.paths) == 3


def test_all_calls_of_a_unit_share_its_time(server: Server, connect: Connect) -> None:
    server.faults.script = ["slow"] * 9
    loans = http_loan_backend(connect(timeout_seconds=0.2, unit_seconds=0.3, attempts=9))
    with pytest.raises(LoanBackendUnavailable):
        loans.customer(CUSTOMER)
    sent = len(server.faults.paths)
    assert sent < 3
    time.sleep(0.2)
    with pytest.raises(LoanBackendUnavailable, match="no time is left"):
        loans.bills(CUSTOMER)
    assert len(server.faults.paths) == sent


def test_a_core_that_does_not_run_is_unavailable(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(LoanBackendUnavailable, match="ConnectError"):
        http_loan_backend(connect(url=url)).customer(CUSTOMER)


def test_the_circuit_opens_and_a_probe_closes_it(server: Server, connect: Connect) -> None:
    now = [0.0]
    breaker = CircuitBreaker(failures=2, open_seconds=10, now=lambda: now[0])
    loans = http_loan_backend(connect(breaker=breaker, attempts=1))
    server.faults.script = [503, 503, 503]
    for _ in range(2):
        with pytest.raises(LoanBackendUnavailable):
            loans.customer(CUSTOMER)
    with pytest.raises(LoanBackendUnavailable) as refused:
        loans.create_payment(CUSTOMER, 1000, key="k")
    assert refused.value.details == {"retry_after": 10}
    assert len(server.faults.paths) == 2, "an open circuit asks nobody"
    now[0] = 10.0
    assert str(breaker.state) == "half_open"
    with pytest.raises(LoanBackendUnavailable):
        loans.customer(CUSTOMER)  # the probe fails: open for another ten seconds
    with pytest.raises(LoanBackendUnavailable):
        loans.customer(CUSTOMER)
    assert len(server.faults.paths) == 3
    now[0] = 20.0
    assert loans.customer(CUSTOMER).customer_id == CUSTOMER
    assert breaker.state == "closed"


def test_business_refusals_never_open_the_circuit(connect: Connect) -> None:
    breaker = CircuitBreaker(failures=2)
    loans = http_loan_backend(connect(breaker=breaker))
    for _ in range(5):
        with pytest.raises(CustomerNotFound):
            loans.customer("C9999")
    assert breaker.state == "closed"


# --- the secret ----------------------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_our_fault_and_not_the_borrowers(connect: Connect) -> None:
    with pytest.raises(LoanBackendMisbehaved, match="401"):
        http_loan_backend(connect(secret="not the secret of these tests")).customer(CUSTOMER)


def test_two_secrets_are_accepted_while_one_is_replaced(connect: Connect) -> None:
    assert http_loan_backend(connect(secret="the secret before: still accepted")).customer(CUSTOMER)


def test_every_path_asks_for_the_secret(server: Server) -> None:
    for operation in OPERATIONS.values():
        response = httpx.request(operation.verb, server.url + operation.path)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("secrets", [[], ["short"], ["long enough for a secret", ""]])
def test_a_server_without_a_real_secret_does_not_start(secrets: list[str], unit: OpenBackend) -> None:
    with pytest.raises(ValueError, match="secret"):
        make_router(unit, secrets)


# --- what the server refuses ----------------------------------------------------------------------------------------------------

HEADERS = {"Authorization": f"Bearer {SECRET}", "Idempotency-Key": "k"}


@pytest.mark.parametrize(
    "body",
    [
        {"customer_id": CUSTOMER, "amount": 1000.0},
        {"customer_id": CUSTOMER, "amount": "1000"},
        {"customer_id": CUSTOMER, "amount": True},
        {"customer_id": CUSTOMER, "amount": 1000, "contract_no": "KD-1"},
        {"customer_id": CUSTOMER},
        {"customer_id": 1002, "amount": 1000},
        {"customer_id": "C\x001002", "amount": 1000},
        {"customer_id": "C" * 501, "amount": 1000},
    ],
)
def test_a_command_is_decoded_strictly(server: Server, body: dict[str, Any]) -> None:
    response = httpx.post(f"{server.url}/loan-backend/v1/create-payment", json=body, headers=HEADERS)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        {"as_of": "1755820800"},
        {"as_of": "2026-08-22T00:00:00"},
        {"as_of": "2026-02-30"},
        {"asof": "2026-08-22"},
        {"include_settled": "1"},
    ],
)
def test_a_query_is_decoded_strictly(server: Server, query: dict[str, str]) -> None:
    response = httpx.get(f"{server.url}/loan-backend/v1/contracts", params={"customer_id": CUSTOMER, **query}, headers=HEADERS)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")


def test_a_command_without_the_header_is_refused(server: Server) -> None:
    body = {"customer_id": CUSTOMER, "amount": 1000}
    headers = {"Authorization": f"Bearer {SECRET}"}
    assert httpx.post(f"{server.url}/loan-backend/v1/create-payment", json=body, headers=headers).status_code == 422


# --- wrong answers, through a transport ---------------------------------------------------------------------------------------

GOOD = {"customer_id": "C1", "name": "甲", "phone": "13900000000", "bank_name": "银行", "card_tail": "0001"}
HOLD = {"contract_no": "KD-1", "instalment": 1, "reason": "r", "held_on": "2026-08-22", "released_on": None}


def answering(answer: Callable[[httpx.Request], httpx.Response], **policy: Any) -> tuple[LoanBackend, list[httpx.Request]]:
    """A backend whose every request is answered by ``answer``, and the requests; it pauses for no time at all."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    chosen = CallPolicy(**{"attempts": 3, **policy})
    client = LoanHttpClient(
        "http://core.example/api", SECRET, chosen, transport=httpx.MockTransport(handle), sleep=lambda _seconds: None
    )
    return http_loan_backend(client), asked


def test_a_base_path_is_kept_and_the_secret_sent() -> None:
    loans, asked = answering(lambda _: httpx.Response(200, json=GOOD))
    assert loans.customer("C1").name == "甲"
    assert str(asked[0].url) == "http://core.example/api/loan-backend/v1/customer?customer_id=C1"
    assert asked[0].headers["Authorization"] == f"Bearer {SECRET}"


def test_a_phone_number_stands_in_no_address() -> None:
    loans, asked = answering(lambda _: httpx.Response(200, content=b"null"))
    assert loans.customer_by_phone("13900000000") is None
    assert "139" not in str(asked[0].url)


def test_new_fields_of_a_newer_core_are_ignored() -> None:
    loans, _ = answering(lambda _: httpx.Response(200, json=GOOD | {"nickname": "小甲"}))
    assert loans.customer("C1").customer_id == "C1"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>login</html>"),
        httpx.Response(200, json=GOOD | {"name": None}),
        httpx.Response(200, json={name: value for name, value in GOOD.items() if name != "phone"}),
        httpx.Response(200, content=b"null"),
        httpx.Response(204),
        httpx.Response(302, headers={"Location": "http://elsewhere.example/"}),
        httpx.Response(404, text="no such page"),
        httpx.Response(404, json={"error": {"code": "not_found", "message": "no route", "details": {}}}),
        httpx.Response(409, json={"error": {"code": "customer_not_found", "message": "wrong status", "details": {}}}),
        httpx.Response(404, json={"error": {"code": "customer_not_found", "message": "", "details": ["wrong shape"]}}),
        httpx.Response(403, json={"error": "forbidden"}),
        httpx.Response(400, json=["?"]),
        httpx.Response(200, content=b"[" * 9_000_000),
    ],
)
def test_an_answer_outside_the_contract_is_reported_and_not_repeated(answer: httpx.Response) -> None:
    loans, asked = answering(lambda _: answer)
    with pytest.raises(LoanBackendMisbehaved):
        loans.customer("C1")
    assert len(asked) == 1


def test_the_report_of_a_wrong_answer_repeats_no_personal_values() -> None:
    loans, _ = answering(lambda _: httpx.Response(200, json=GOOD | {"phone": 13900000000}))
    with pytest.raises(LoanBackendMisbehaved) as caught:
        loans.customer("C1")
    assert "phone" in caught.value.message
    assert "139" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("instalment", 1.0), ("instalment", "1"), ("instalment", True), ("held_on", 1755820800), ("held_on", "2026-08-22T00:00:00")],
)
def test_answers_are_decoded_strictly(field: str, wrong: Any) -> None:
    loans, _ = answering(lambda _: httpx.Response(200, json=HOLD | {field: wrong}))
    with pytest.raises(LoanBackendMisbehaved, match=field):
        loans.hold_accrual("KD-1", 1, "r", key="k")
    loans, _ = answering(lambda _: httpx.Response(200, json=HOLD))
    assert loans.hold_accrual("KD-1", 1, "r", key="k").held_on == date(2026, 8, 22)


RECEIPT = {
    "receipt_no": "R-1", "kind": "waiver", "customer_id": "C1", "contract_no": None, "instalment": None,
    "amount": 1, "reason": "r", "at": "2026-08-22T16:30:00Z", "refund_no": None,
}  # fmt: skip


@pytest.mark.parametrize("at", ["2026-08-22T16:30:00", "1755820800", 1755820800, "2026-08-22", "2026-08-22 16:30:00Z"])
def test_a_moment_without_its_zone_is_refused(at: Any) -> None:
    loans, _ = answering(lambda _: httpx.Response(200, json=RECEIPT | {"at": at}))
    with pytest.raises(LoanBackendMisbehaved, match="at: "):
        loans.receipt("R-1")


def test_a_moment_in_another_zone_counts_by_the_shanghai_date() -> None:
    loans, _ = answering(lambda _: httpx.Response(200, json=RECEIPT))
    assert loans.receipt("R-1").at.date() == date(2026, 8, 23)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectTimeout, httpx.ReadTimeout, httpx.PoolTimeout, httpx.ReadError, httpx.WriteError,
        httpx.RemoteProtocolError, httpx.ProxyError, httpx.DecodingError,
    ],
)  # fmt: skip
def test_every_failure_of_the_lower_layer_is_mapped(error: type[httpx.RequestError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    loans, asked = answering(fail)
    with pytest.raises(LoanBackendUnavailable, match=error.__name__):
        loans.customer("C1")
    assert len(asked) == 3


def test_too_many_requests_are_repeated_after_the_pause_that_the_core_asks_for() -> None:
    paused: list[float] = []
    answers = iter([httpx.Response(429, headers={"Retry-After": "2"}), httpx.Response(200, json=GOOD)])
    client = LoanHttpClient(
        "http://core.example", SECRET, transport=httpx.MockTransport(lambda _: next(answers)), sleep=paused.append
    )
    assert http_loan_backend(client, unit_seconds=10).customer("C1").name == "甲"
    assert paused == [2.0]


def test_a_pause_longer_than_the_units_time_is_not_taken() -> None:
    loans, asked = answering(lambda _: httpx.Response(503, headers={"Retry-After": "60"}))
    with pytest.raises(LoanBackendUnavailable) as caught:
        loans.customer("C1")
    assert len(asked) == 1
    assert caught.value.details == {"retry_after": 60}


def test_pauses_grow_and_stay_below_their_limit() -> None:
    paused: list[float] = []
    client = LoanHttpClient(
        "http://core.example", SECRET, CallPolicy(attempts=8, backoff_seconds=0.1, max_backoff_seconds=0.4, unit_seconds=60),
        breaker=CircuitBreaker(failures=99), transport=httpx.MockTransport(lambda _: httpx.Response(500)), sleep=paused.append,
    )  # fmt: skip
    with pytest.raises(LoanBackendUnavailable):
        http_loan_backend(client).customer("C1")
    assert len(paused) == 7
    assert all(0 <= pause <= min(0.4, 0.1 * 2**number) for number, pause in enumerate(paused))
