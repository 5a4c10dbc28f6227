"""The outbox: in order, at least once, within the quotas, and nothing is forgotten."""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from bot.audit.service import audited
from bot.conversations.inbox.port import InboundMessage
from bot.conversations.inbox.service import Inbox
from bot.conversations.models import Message
from bot.conversations.outbox.models import Delivery, DeliveryTry
from bot.conversations.outbox.port import UNREACHABLE, Capabilities, OutgoingMessage, QuotaRule, SendResult
from bot.conversations.outbox.repository import OutboxRepository
from bot.conversations.outbox.sender import LEASE, MAX_ATTEMPTS, SILENT_CALLS, OutboxSender
from bot.conversations.outbox.service import DeliveryService
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.core.texts import Text
from bot.identity.models import ChannelBinding
from tests.secret import SECRET

TAKEN = SendResult("taken", platform_id="p-1")
WECHAT = (
    QuotaRule("five in 48 hours", 5, timedelta(hours=48), "message"),
    QuotaRule("three in a minute after a click", 3, timedelta(minutes=1), "click"),
)
TEXTS = {key: Text("{position}") for key in ("card_handoff_queued",)} | {"option_line": Text("回复 {number}：{title}")}


class Killed(BaseException):
    """``kill -9``: nothing after it runs."""


@dataclass
class Platform:
    """A ``Sender`` that does as it is told, then takes everything."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(max_chars=50))
    results: deque[SendResult | BaseException] = field(default_factory=deque)
    calls: list[tuple[str, str, str | None]] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        self.calls.append((address, message.id, message.text))
        self.during()
        result = self.results.popleft() if self.results else TAKEN
        if isinstance(result, BaseException):
            raise result
        return result

    def texts(self, address: str = "a") -> list[str | None]:
        return [text for to, _, text in self.calls if to == address]


@dataclass
class Post:
    """A database, a platform and senders on it."""

    database: Database
    clock: FixedClock
    platform: Platform = field(default_factory=Platform)

    def sender(self) -> OutboxSender:
        return OutboxSender(self.database, self.clock, TEXTS, {"fake": self.platform})

    def round(self) -> int:
        done = self.sender().round()
        assert done["errors"] == 0
        return done["sent"]

    def answer(self, *texts: str, address: str = "a", customer_id: str = "", **more: object) -> str:
        with self.database.transaction() as session:
            conversation = ConversationService(session, self.clock).open("fake", address, customer_id)
            for text in texts:
                ConversationRepository(session).append(
                    conversation.id, self.clock.now(), direction="out", author="bot", text=text, state="queued", **more
                )
            return conversation.id

    def hear(self, number: object, address: str = "a", opens: str = "message", at: datetime | None = None) -> None:
        message = InboundMessage(f"in-{address}-{number}", address, "event", "", at, opens)  # type: ignore[arg-type]
        with self.database.transaction() as session:
            Inbox(session, self.clock).store("fake", [message])

    def deliveries(self) -> list[Delivery]:
        with self.database.transaction() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.message_id)))

    def states(self) -> list[str]:
        with self.database.transaction() as session:
            in_log = list(session.scalars(select(Message.state).order_by(Message.id)))
        assert in_log == [each.state for each in self.deliveries()], "log and outbox agree"
        return in_log

    def outcomes(self) -> list[str]:
        with self.database.transaction() as session:
            return list(session.scalars(select(DeliveryTry.outcome).order_by(DeliveryTry.id)))


@pytest.fixture
def post(database: Database, clock: FixedClock) -> Post:
    return Post(database, clock)


@pytest.fixture
def each_post(each_database: Database, clock: FixedClock) -> Post:
    return Post(each_database, clock)


def test_messages_of_a_pulled_channel_have_no_delivery(post: Post) -> None:
    with post.database.transaction() as session:
        conversation = ConversationService(session, post.clock).open("rest", "u", "")
        ConversationRepository(session).append(
            conversation.id, post.clock.now(), direction="out", author="bot", text="你好", state="queued"
        )
    assert post.deliveries() == []


def test_messages_go_out_in_order_and_once(each_post: Post) -> None:
    each_post.answer("一", "二", "三")
    each_post.answer("甲", address="b")
    assert each_post.round() == 4
    assert each_post.round() == 0
    assert each_post.platform.texts() == ["一", "二", "三"]
    assert each_post.platform.texts("b") == ["甲"]
    assert each_post.states() == ["sent"] * 4


def test_a_message_that_was_rolled_back_is_never_sent(post: Post) -> None:
    with post.database.transaction() as session:
        conversation = ConversationService(session, post.clock).open("fake", "a", "")
        ConversationRepository(session).append(
            conversation.id, post.clock.now(), direction="out", author="bot", text="你好", state="queued"
        )
        session.rollback()
    assert post.round() == 0
    assert post.deliveries() == []


@pytest.mark.parametrize(
    "refusal",
    [
        SendResult("later", error="http_503"),
        SendResult("later", error="timeout", answered=False),
        SendResult("reauthorise", error="http_401"),
        RuntimeError("a bug of the connector"),
    ],
)
def test_what_fails_is_tried_again_later_and_the_rest_waits_behind_it(post: Post, refusal: SendResult | RuntimeError) -> None:
    post.platform.results.append(refusal)
    post.answer("一", "二")
    post.answer("甲", address="b")
    assert post.round() == 1, "others are not held up"
    assert post.round() == 0, "not before its pause is over"
    waits = post.deliveries()[0]
    assert waits.waits_for == ("authorisation" if refusal == SendResult("reauthorise", error="http_401") else "retry")
    post.clock.advance(seconds=3)
    assert post.round() == 2
    assert post.platform.texts() == ["一", "一", "二"]
    ids = [number for to, number, _ in post.platform.calls if to == "a"]
    assert ids[0] == ids[1], "the platform can tell that it is the same"


def test_pauses_grow_and_a_message_that_never_gets_through_is_a_dead_letter(post: Post) -> None:
    post.platform.results.extend([SendResult("later", error="http_503")] * MAX_ATTEMPTS)
    post.answer("一", "二")
    pauses = []
    while post.deliveries()[0].state == "queued":
        post.round()
        due = post.deliveries()[0]
        pauses.append(due.next_try_at - post.clock.now())
        post.clock.moment = max(post.clock.moment, due.next_try_at)
    assert all(timedelta(seconds=1) <= pause <= timedelta(hours=1) for pause in pauses[:-1])
    assert pauses[10] > 4 * pauses[3]
    assert sum(pauses[:-1], timedelta(0)) > timedelta(hours=4)
    assert (post.deliveries()[0].failure, post.states()) == ("http_503", ["failed", "sent"])


def test_the_platform_says_how_long_to_wait(post: Post) -> None:
    post.platform.results.append(SendResult("later", error="http_429", retry_after=timedelta(minutes=10)))
    post.answer("一")
    post.round()
    post.clock.advance(minutes=9)
    assert post.round() == 0
    post.clock.advance(minutes=1)
    assert post.round() == 1


def test_a_message_that_is_refused_for_good_does_not_hold_up_the_next_and_can_be_retried(post: Post) -> None:
    post.platform.results.append(SendResult("never", error="blocked"))
    conversation_id = post.answer("一", "二")
    assert post.round() == 1
    assert post.states() == ["failed", "sent"]
    with post.database.transaction() as session:
        service = DeliveryService(session, post.clock)
        assert [(each.failure, each.conversation_id) for each in service.lost()] == [("blocked", conversation_id)]
        assert [(each.seq, each.state) for each in service.unsent(conversation_id)] == [(1, "failed")]
        service.retry(service.lost()[0].number)
    assert post.round() == 1
    assert post.states() == ["sent", "sent"]


def test_a_long_message_goes_out_in_parts_and_goes_on_where_it_stopped(post: Post) -> None:
    post.platform.results.extend([TAKEN, SendResult("later", error="http_503")])
    post.answer("第一句话。" * 15, "二")
    assert post.round() == 1
    assert post.states()[0] == "queued"
    post.clock.advance(seconds=3)
    assert post.round() == 2
    first, again, second, last = post.platform.texts()
    assert (again, second) == (second, again)
    assert f"{first}{second}" == "第一句话。" * 15
    assert last == "二"


NO_WORD: list[SendResult | BaseException] = [
    SendResult("later", error="no_answer", answered=False),
    SendResult("later", error=UNREACHABLE),
    RuntimeError("a library that hung"),
]


def test_a_platform_that_says_nothing_ends_the_round_so_that_others_have_their_turn(post: Post) -> None:
    """Each such call takes as long as it may, and a worker sends for one platform after the other."""
    for address in "abcdefgh":
        post.answer("一", address=address)
    post.platform.results.extend(NO_WORD)
    assert post.round() == 0
    assert len(post.platform.calls) == SILENT_CALLS == len(NO_WORD)
    assert post.round() == 5, "those whose turn had not come"
    post.clock.advance(seconds=3)
    assert post.round() == 3
    assert sorted(address for address, _, _ in post.platform.calls) == sorted("aabbccdefgh")


def test_an_answer_in_between_shows_that_the_platform_is_there(post: Post) -> None:
    for address in "abcdefgh":
        post.answer("一", address=address)
    post.platform.results.extend([*NO_WORD[:2], SendResult("later", error="http_503"), *NO_WORD[:2]])
    assert post.round() == 3
    assert len(post.platform.calls) == 8


# ── a process dies
def test_who_dies_between_sending_and_marking_sends_once_more_under_the_same_id_and_keeps_the_order(each_post: Post) -> None:
    each_post.platform.results.append(Killed())
    each_post.answer("一", "二")
    with pytest.raises(Killed):
        each_post.round()
    assert each_post.round() == 0, "the dead process still holds its lease"
    each_post.clock.advance(seconds=int(LEASE.total_seconds()))
    assert each_post.round() == 2
    assert each_post.platform.texts() == ["一", "一", "二"]
    assert len({number for _, number, _ in each_post.platform.calls}) == 2
    assert each_post.outcomes() == ["unknown", "taken", "taken"]


def test_a_slow_process_whose_lease_ran_out_does_not_overwrite_what_another_did(each_post: Post) -> None:
    each_post.answer("一", "二")
    slow = Platform()
    sender = OutboxSender(each_post.database, each_post.clock, TEXTS, {"fake": slow})

    def meanwhile() -> None:
        each_post.clock.advance(seconds=int(LEASE.total_seconds()))
        slow.during = lambda: None
        each_post.round()

    slow.during = meanwhile
    sender.round()
    assert each_post.platform.texts() == ["一", "二"]
    assert slow.texts() == ["一"]
    assert each_post.states() == ["sent", "sent"]


def test_many_senders_at_once_keep_the_order_and_send_nothing_twice(each_post: Post) -> None:
    for number in range(6):
        for address in "abcde":
            each_post.answer(str(number), address=address)
    workers = [threading.Thread(target=lambda: each_post.sender().round()) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    each_post.round()
    for address in "abcde":
        assert each_post.platform.texts(address) == [str(number) for number in range(6)]


def test_numbers_that_a_restored_database_gives_out_again_make_other_ids(post: Post, tmp_path: Path) -> None:
    """Else the platform takes the new message for the old one that came twice, and nobody gets it."""
    backup = tmp_path / "backup.db"
    post.database.dispose()
    shutil.copy(str(post.database.engine.url.database), backup)
    post.answer("之前")
    post.round()
    post.clock.advance(hours=1)
    restored = Post(audited(Database(f"sqlite:///{backup}"), Settings(secret_key=SecretStr(SECRET))), post.clock)
    restored.answer("之后")
    restored.round()
    restored.database.dispose()
    assert [each.message_id for each in (*post.deliveries(), *restored.deliveries())] == [1, 1]
    assert post.platform.calls[0][1] != restored.platform.calls[0][1]


# ── quotas
def test_what_does_not_fit_waits_until_the_borrower_writes(each_post: Post) -> None:
    each_post.platform.capabilities = Capabilities(quotas=WECHAT)
    conversation_id = each_post.answer(*"一二三四五六七")
    assert each_post.round() == 0, "nobody has written: there is no window"
    each_post.hear(1)
    assert each_post.round() == 5
    with each_post.database.transaction() as session:
        waiting = DeliveryService(session, each_post.clock).unsent(conversation_id)
    assert [(each.seq, each.waits_for) for each in waiting] == [(6, "quota"), (7, None)]
    each_post.clock.advance(hours=50)
    assert each_post.round() == 0
    each_post.hear(2)
    assert each_post.round() == 2
    assert each_post.platform.texts() == list("一二三四五六七")


def test_a_menu_click_opens_a_minute_for_three(post: Post) -> None:
    post.platform.capabilities = Capabilities(quotas=WECHAT)
    post.answer(*"一二三四")
    post.hear(1, opens="click")
    assert post.round() == 3
    post.hear(2, opens="click")
    post.clock.advance(minutes=1)
    assert post.round() == 0, "too late"


def test_a_window_counts_from_when_the_borrower_wrote_not_from_when_we_heard(post: Post) -> None:
    post.platform.capabilities = Capabilities(quotas=WECHAT)
    post.answer("一")
    post.hear(1, at=post.clock.now() - timedelta(hours=48))
    assert post.round() == 0
    post.hear(2, at=post.clock.now() + timedelta(hours=5))
    assert post.round() == 1
    assert post.deliveries()[0].sent_at == post.clock.now()


def test_a_try_whose_end_nobody_saw_uses_up_the_quota_and_a_refused_one_does_not(post: Post) -> None:
    post.platform.capabilities = Capabilities(quotas=(QuotaRule("two", 2, timedelta(hours=48), "message"),))
    post.platform.results.extend([SendResult("later", error="http_503"), SendResult("later", error="timeout", answered=False)])
    post.hear(1)
    post.answer("一", "二")
    for _ in range(3):
        post.round()
        post.clock.advance(minutes=1)
    assert post.outcomes() == ["refused", "unknown", "taken"]
    assert post.states() == ["sent", "queued"]


def test_the_platforms_own_no_waits_for_the_borrower_too(post: Post) -> None:
    post.platform.results.append(SendResult("quota", error="45047"))
    post.answer("一")
    assert post.round() == 0
    post.clock.advance(hours=1)
    assert post.round() == 0
    post.hear(1)
    assert post.round() == 1


NO_QUOTA = SendResult("quota", error="session_ended")


def test_a_no_that_crosses_the_borrowers_message_does_not_silence_them(each_post: Post) -> None:
    """WeCom says that the session has ended while the message that begins a new one is being stored."""
    each_post.platform.results.append(NO_QUOTA)
    each_post.answer("一")
    each_post.clock.advance(seconds=1)

    def writes() -> None:
        each_post.platform.during = lambda: None
        each_post.clock.advance(seconds=1)
        each_post.hear(1)

    each_post.platform.during = writes
    each_post.round()
    each_post.answer("二")
    each_post.clock.advance(seconds=2)
    each_post.round()
    assert each_post.platform.texts() == ["一", "一", "二"]
    assert each_post.states() == ["sent", "sent"]


def test_a_no_to_what_the_borrower_wrote_before_the_call_waits_for_the_next(post: Post) -> None:
    post.hear(1)
    post.clock.advance(seconds=1)
    post.platform.results.append(NO_QUOTA)
    post.answer("一")
    post.round()
    assert post.round() == 0
    assert post.platform.texts() == ["一"]


def test_who_writes_does_not_shorten_the_pause_that_a_platform_asked_for(post: Post) -> None:
    post.platform.results.append(SendResult("later", error="http_429", retry_after=timedelta(minutes=10)))
    post.answer("一")
    post.round()
    post.hear(1)
    post.clock.advance(minutes=9)
    assert post.round() == 0


OPTIONS = [{"title": "确定", "payload": "/affirm"}, {"title": "不", "payload": "/deny"}]


def offer(post: Post, conversation_id: str) -> str | None:
    with post.database.transaction() as session:
        found = OutboxRepository(session).last_offer(conversation_id)
        return None if found is None else found.text


def writes(post: Post, conversation_id: str, number: int) -> None:
    """Their message enters the log two seconds after it came: the outbox may be quicker."""
    post.hear(number)
    post.clock.advance(seconds=1)
    post.round()
    post.clock.advance(seconds=1)
    with post.database.transaction() as session:
        ConversationRepository(session).append(
            conversation_id,
            post.clock.now(),
            direction="in",
            author="borrower",
            text="在吗",
            state="answered",
            external_id=f"in-a-{number}",
        )
    post.clock.advance(seconds=1)


def test_a_number_means_an_option_that_had_to_wait_until_they_wrote(each_post: Post) -> None:
    """It stands before their message in the log, and after it on their screen."""
    each_post.platform.capabilities = Capabilities(quotas=WECHAT)
    conversation_id = each_post.answer("要现在提出吗", buttons=OPTIONS)
    each_post.round()
    assert each_post.platform.texts() == []
    writes(each_post, conversation_id, 1)
    assert len(each_post.platform.texts()) == 1
    assert offer(each_post, conversation_id) == "要现在提出吗"
    writes(each_post, conversation_id, 2)
    assert offer(each_post, conversation_id) is None, "they have written since"
    each_post.answer("哪一期", buttons=OPTIONS)
    each_post.round()
    assert offer(each_post, conversation_id) == "哪一期"


# ── whose account it is
def test_what_was_meant_for_a_customer_does_not_go_to_an_account_that_is_no_longer_bound(post: Post) -> None:
    audited(post.database, Settings(secret_key=SECRET))  # type: ignore[arg-type]
    with post.database.transaction() as session:
        bound = ChannelBinding(channel="fake", address="a", customer_id="C1", bound_at=post.clock.now())
        session.add(bound)
    post.answer("您的账单", customer_id="C1")
    assert post.round() == 1
    post.answer("您的下一个账单", customer_id="C1")
    with post.database.transaction() as session:
        row = session.scalars(select(ChannelBinding)).one()
        row.revoked_at, row.revoked_by = post.clock.now(), "customer"
    assert post.round() == 0
    assert [(each.state, each.failure) for each in post.deliveries()] == [("sent", None), ("failed", "unbound")]
    with post.database.transaction() as session:
        assert ConversationRepository(session).latest_of_customer("C1") is None, "notifications find another way"


# ── what the platform takes back
def test_what_the_platform_took_and_could_not_bring_is_a_dead_letter_that_goes_out_under_a_new_id(each_post: Post) -> None:
    each_post.answer("一", "二")
    each_post.platform.results.extend([SendResult("taken", platform_id="p-1"), SendResult("taken", platform_id="p-2")])
    each_post.round()
    first = each_post.deliveries()[0].message_id
    with each_post.database.transaction() as session:
        service = DeliveryService(session, each_post.clock)
        assert service.refused_later("fake", "p-1", "msg_send_fail_10")
        assert not service.refused_later("fake", "p-1", "msg_send_fail_10"), "it is known"
        assert not service.refused_later("fake", "p-9", "msg_send_fail_10")
        assert not service.refused_later("other", "p-2", "msg_send_fail_10")
    assert each_post.states() == ["failed", "sent"]
    assert each_post.deliveries()[0].failure == "msg_send_fail_10"
    with each_post.database.transaction() as session:
        DeliveryService(session, each_post.clock).retry(first)
    assert each_post.round() == 1
    ids = [message_id for _, message_id, _ in each_post.platform.calls]
    assert ids[0].startswith(f"{first}-")
    assert ids[-1] == f"{ids[0]}-1"
    assert each_post.states() == ["sent", "sent"]


def test_only_the_part_that_did_not_get_through_and_those_behind_it_go_out_again(post: Post) -> None:
    post.answer("第一段。" * 10 + "第二段。" * 10)
    post.platform.results.extend(SendResult("taken", platform_id=f"p-{number}") for number in range(2))
    assert post.round() == 2
    message_id = post.deliveries()[0].message_id
    with post.database.transaction() as session:
        service = DeliveryService(session, post.clock)
        service.refused_later("fake", "p-1", "msg_send_fail_0")
        service.retry(message_id)
    assert post.round() == 1
    one, two, again = (called for _, called, _ in post.platform.calls)
    assert (one[:-2], one[-2:], two[-2:], again) == (two[:-2], "-0", "-1", f"{two}-1")
