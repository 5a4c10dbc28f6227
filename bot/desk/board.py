"""The supervisors' board: who waits, who works, what the bot does alone, and what went wrong. Never commits.

Times are seconds, shares are whole percent, days and hours are Shanghai's.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, time, timedelta
from statistics import median

from sqlalchemy.orm import Session

from bot.cases.book import CaseBook
from bot.cases.thread import CLOCK_STOPS
from bot.conversations.statistics import StatisticsRepository
from bot.core.clock import SHANGHAI, Clock
from bot.core.texts import Texts
from bot.desk.attendance import AttendanceService
from bot.desk.board_schemas import Board, Deadlines, Hour, LoadOfAgent, RatedComment, Understanding, WaitingNow
from bot.desk.repository import DeskRepository

DAYS = 14
SOON_DAYS = 3
MOST_COMMENTS = 20


class BoardService:
    def __init__(self, session: Session, clock: Clock, texts: Texts) -> None:
        self._clock = clock
        self._statistics = StatisticsRepository(session)
        self._desk = DeskRepository(session)
        self._attendance = AttendanceService(session, clock, texts)
        self._book = CaseBook(session, clock)

    def board(self) -> Board:
        now = self._clock.now()
        today = datetime.combine(now.date(), time.min, tzinfo=SHANGHAI)
        return Board(
            as_of=now,
            waiting=self._waiting(now),
            agents=self._agents(today),
            today=self._hours(today, now),
            understanding=self._understanding(today - timedelta(days=DAYS - 1)),
            deadlines=self._deadlines(),
            comments=self._comments(today - timedelta(days=DAYS - 1)),
        )

    def _waiting(self, now: datetime) -> WaitingNow:
        waits = [max(0, int((now - at).total_seconds())) for at in self._statistics.waiting_since()]
        middle = int(median(waits)) if waits else 0
        return WaitingNow(count=len(waits), longest_seconds=max(waits, default=0), median_seconds=middle)

    def _agents(self, today: datetime) -> list[LoadOfAgent]:
        served = self._statistics.served_since(today)
        scores = self._statistics.scores_since(today - timedelta(days=DAYS - 1))
        found = []
        for each in self._attendance.colleagues():
            first_replies = [seconds for agent_id, seconds in served if agent_id == each.agent.agent_id]
            own = scores.get(each.agent.agent_id, [])
            found.append(
                LoadOfAgent(
                    agent_id=each.agent.agent_id,
                    name=each.agent.name,
                    presence=each.presence,
                    load=each.load,
                    most=each.most,
                    served_today=len(first_replies),
                    wait_median_seconds=int(median(first_replies)) if first_replies else None,
                    ratings=len(own),
                    score_tenths=round(10 * sum(own) / len(own)) if own else None,
                )
            )
        return found

    def _hours(self, today: datetime, now: datetime) -> list[Hour]:
        """One entry for each hour of today that has begun."""
        messages = Counter(at.hour for at in self._statistics.incoming_since(today))
        handoffs = Counter(at.hour for at in self._statistics.handoffs_since(today))
        return [Hour(hour=hour, messages=messages[hour], handoffs=handoffs[hour]) for hour in range(now.hour + 1)]

    def _understanding(self, since: datetime) -> Understanding:
        by_author = self._statistics.answered_since(since)
        bot, human = by_author.get("bot", 0), by_author.get("agent", 0)
        marked = [row for row in self._desk.misunderstandings() if row.marked_at >= since and row.state != "rejected"]
        return Understanding(
            days=DAYS,
            answered_by_bot=bot,
            answered_by_people=human,
            bot_share_percent=100 * bot // (bot + human) if bot + human else 0,
            misunderstood=len(marked),
            to_review=sum(1 for row in marked if row.state == "marked"),
        )

    def _comments(self, since: datetime) -> list[RatedComment]:
        """Somebody who no longer works here is named by their id."""
        names = {agent.agent_id: agent.name for agent in self._desk.agents()}
        return [
            RatedComment(
                conversation_id=row.conversation_id,
                agent_id=str(row.agent_id),
                name=names.get(str(row.agent_id), str(row.agent_id)),
                score=row.score,
                comment=str(row.comment),
                at=row.rated_at,
            )
            for row in self._statistics.comments_since(since, MOST_COMMENTS)
        ]

    def _deadlines(self) -> Deadlines:
        today = self._clock.today()
        cases = self._book.views(self._book.repository.not_over())
        left = [(case.decide_by - today).days for case in cases if case.status not in CLOCK_STOPS]
        return Deadlines(
            open=len(left), overdue=sum(1 for days in left if days < 0), soon=sum(1 for days in left if 0 <= days <= SOON_DAYS)
        )
