"""The circuit breaker on a clock that the test moves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.core.breaker import BreakerOpen, CircuitBreaker


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> CircuitBreaker:
    return CircuitBreaker(failures=3, open_seconds=10, now=time)


def state(breaker: CircuitBreaker) -> str:
    return breaker.state


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(breaker.admit())


def test_it_opens_after_failures_in_a_row_only(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeeded(breaker.admit())
    fail(breaker, 2)
    assert state(breaker) == "closed"
    fail(breaker)
    assert state(breaker) == "open"
    with pytest.raises(BreakerOpen) as refused:
        breaker.admit()
    assert refused.value.retry_after == 10


def test_one_probe_only_and_its_success_closes(breaker: CircuitBreaker, time: Time) -> None:
    fail(breaker, 3)
    time.seconds = 10
    assert state(breaker) == "half_open"
    probe = breaker.admit()
    with pytest.raises(BreakerOpen):
        breaker.admit()
    breaker.succeeded(probe)
    assert state(breaker) == "closed"
    breaker.admit()


def test_a_failed_probe_opens_for_the_whole_time_again(breaker: CircuitBreaker, time: Time) -> None:
    fail(breaker, 3)
    time.seconds = 12
    fail(breaker)
    time.seconds = 21
    assert state(breaker) == "open"
    time.seconds = 22
    assert state(breaker) == "half_open"


def test_results_of_calls_from_before_the_opening_change_nothing(breaker: CircuitBreaker, time: Time) -> None:
    late_success, late_failure = breaker.admit(), breaker.admit()
    fail(breaker, 3)
    breaker.succeeded(late_success)
    assert state(breaker) == "open"
    time.seconds = 10
    probe = breaker.admit()
    breaker.failed(late_failure)
    assert state(breaker) == "half_open"
    breaker.succeeded(probe)
    assert state(breaker) == "closed"


def test_an_abandoned_probe_leaves_room_for_another(breaker: CircuitBreaker, time: Time) -> None:
    fail(breaker, 3)
    time.seconds = 10
    breaker.abandoned(breaker.admit())
    breaker.succeeded(breaker.admit())
    assert state(breaker) == "closed"


def test_of_many_threads_one_gets_the_probe(breaker: CircuitBreaker, time: Time) -> None:
    fail(breaker, 3)
    time.seconds = 10

    def admitted(_number: int) -> bool:
        try:
            breaker.admit()
        except BreakerOpen:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(admitted, range(200))) == 1


@pytest.mark.parametrize(("failures", "open_seconds"), [(0, 10), (3, 0)])
def test_a_breaker_that_could_not_work_is_refused(failures: int, open_seconds: float) -> None:
    with pytest.raises(ValueError, match="breaker"):
        CircuitBreaker(failures=failures, open_seconds=open_seconds)
