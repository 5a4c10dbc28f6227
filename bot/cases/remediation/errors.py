"""Errors of mass remediation; the codes are stable.

NotFound (404)     RunNotFound
Conflict (409)     IncidentNotConfirmed, ListingUnfinished, NothingToGive, RunDecided, NotApproved, ItemsChanged

``SamePerson`` and ``NotSupervisor`` (403) as for the remedies of cases.
"""

from __future__ import annotations

from bot.core.errors import Conflict, NotFound


class RunNotFound(NotFound):
    code = "remediation_run_not_found"


class IncidentNotConfirmed(Conflict):
    """A suspicion decides nothing about money (product §3 c)."""

    code = "incident_not_confirmed"


class ListingUnfinished(Conflict):
    """Instalments are still being found or examined; ``details.left``: how many wait to be examined."""

    code = "remediation_listing_unfinished"


class NothingToGive(Conflict):
    code = "remediation_nothing_to_give"


class RunDecided(Conflict):
    """The run is in another stage; ``details.status``."""

    code = "remediation_run_decided"


class NotApproved(Conflict):
    """Nothing is posted before a second person has approved; ``details.status``."""

    code = "remediation_not_approved"


class ItemsChanged(Conflict):
    """The items are not those that were proposed: somebody changed the table. Nothing is posted."""

    code = "remediation_items_changed"
