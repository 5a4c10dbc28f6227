"""The desk's job of ``bot/worker.py``: waiting borrowers are assigned, those left alone go back to the queue.

Who still waits when the office closes goes on with the bot.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from bot.conversations.office_hours import OfficeHours
from bot.conversations.turns import TurnService
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.desk.attendance import AttendanceService

MOST_AT_ONCE = 200
"""Assignments of one round."""


class DeskWorker:
    """Any number may run at once: a conversation changes hands by compare-and-set."""

    def __init__(self, database: Database, clock: Clock, settings: Settings, texts: Texts) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._texts = texts
        self._hours = OfficeHours.parse(settings.office_hours)
        self.guard = Guard()

    def round(self) -> Mapping[str, int]:
        self.guard.reset()
        done = {"taken_back": 0, "put_off": 0, "assigned": 0, "apologised": 0}
        with self.guard.item("taken_back"):
            done["taken_back"] = self._take_back()
        with self.guard.item("put_off"):
            done["put_off"] = self._put_off()
        with self.guard.item("assigned"):
            done["assigned"] = self._assign()
        with self.guard.item("apologised"), self._database.transaction() as session:
            turns = TurnService(session, self._clock, self._settings, self._texts)
            done["apologised"] = turns.recover(all_of_them=False)
        return {**done, "errors": self.guard.errors}

    def _take_back(self) -> int:
        with self._database.transaction() as session:
            alone = self._attendance(session).left_alone()
        taken = 0
        for conversation_id, agent_id in alone:
            with self.guard.item("take_back", conversation_id), self._database.transaction() as session:
                taken += self._attendance(session).take_back(conversation_id, agent_id)
        return taken

    def _put_off(self) -> int:
        with self._database.transaction() as session:
            waiting = self._attendance(session).to_put_off()
        done = 0
        for conversation_id in waiting:
            with self.guard.item("put_off", conversation_id), self._database.transaction() as session:
                done += self._attendance(session).put_off(conversation_id)
        return done

    def _assign(self) -> int:
        for number in range(MOST_AT_ONCE):
            with self._database.transaction() as session:
                if self._attendance(session).assign_next() is None:
                    return number
        return MOST_AT_ONCE

    def _attendance(self, session: Session) -> AttendanceService:
        return AttendanceService(session, self._clock, self._texts, hours=self._hours)
