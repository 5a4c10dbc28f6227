"""The job that deletes files which no row names: what is left of an upload that was killed or refused."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bot.attachments.repository import AttachmentRepository
from bot.attachments.storage import FOLDERS, Storage
from bot.core.database import Database
from bot.core.guard import Guard

FOLDERS_A_ROUND = 4
"""All 256 are seen in 64 rounds, a quarter of an hour."""


class StrayFiles:
    """Any number of workers may do this at once."""

    def __init__(self, database: Database, root: Path) -> None:
        self._database = database
        self._storage = Storage(root)
        self._next = 0
        self.guard = Guard()

    def round(self) -> dict[str, int]:
        """How many files were deleted."""
        self.guard.reset()
        removed = 0
        for _ in range(FOLDERS_A_ROUND):
            with self.guard.item("attachment_folder", self._next):
                removed += self._storage.remove_strays(self._next, self._known)
            self._next = (self._next + 1) % FOLDERS
        return {"removed": removed, "errors": self.guard.errors}

    def _known(self, attachment_ids: Collection[str]) -> set[str]:
        if not attachment_ids:
            return set()
        with self._database.transaction() as session:
            return AttachmentRepository(session).known(attachment_ids)
