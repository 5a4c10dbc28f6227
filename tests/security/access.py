"""Who may call what: one row for each operation of the API. A new endpoint without a row fails ``test_access.py``."""

from __future__ import annotations

from enum import Enum, auto


class Access(Enum):
    PUBLIC = auto()
    """Nobody in particular: health, becoming a visitor, logging in."""
    OPTIONAL = auto()
    """A token is not needed, but one that is given must be good."""
    BORROWER = auto()
    """A customer, or the visitor whose sender it is."""
    HOLDER = auto()
    """A customer or any visitor: what they may see is decided by the id in the address."""
    CUSTOMER = auto()
    AGENT = auto()
    SUPERVISOR = auto()
    """Supervisors and admins."""
    ADMIN = auto()
    COOKIE = auto()
    """The browser's session, not a token."""
    SIGNED = auto()
    """The bank's signature (tests/channels/test_bank.py)."""


DESK, CASE = "/desk/api", "/desk/api/cases/{case_no}"
CONVERSATION, RUN = "/desk/api/conversations/{conversation_id}", "/desk/api/remediation/runs/{run_no}"

TABLE: dict[str, Access] = {
    "GET /healthz": Access.PUBLIC,
    "GET /readyz": Access.PUBLIC,
    "GET /metrics": Access.PUBLIC,
    "GET /webhooks/rest/webhook": Access.PUBLIC,
    "POST /webhooks/rest/webhook": Access.OPTIONAL,
    "POST /bank/callbacks": Access.SIGNED,
    "POST /demo/login": Access.PUBLIC,
    "GET /demo/otp": Access.PUBLIC,
    "GET /demo/customers": Access.PUBLIC,
    "POST /chat/visitor": Access.PUBLIC,
    "GET /chat/messages": Access.BORROWER,
    "POST /chat/resume": Access.CUSTOMER,
    "POST /chat/ack": Access.BORROWER,
    "POST /chat/rating": Access.BORROWER,
    "POST /chat/leave-queue": Access.BORROWER,
    "POST /chat/attachments": Access.BORROWER,
    "GET /chat/attachments/{attachment_id}": Access.HOLDER,
    "GET /chat/cases": Access.CUSTOMER,
    "GET /chat/cases/{case_no}": Access.CUSTOMER,
    "POST /chat/cases/{case_no}/facts": Access.CUSTOMER,
    "POST /chat/cases/{case_no}/withdraw": Access.CUSTOMER,
    "POST /chat/cases/{case_no}/appeal": Access.CUSTOMER,
    f"POST {DESK}/login": Access.PUBLIC,
    f"GET {DESK}/session": Access.COOKIE,
    f"POST {DESK}/logout": Access.AGENT,
    f"POST {DESK}/presence": Access.AGENT,
    f"GET {DESK}/colleagues": Access.AGENT,
    f"POST {DESK}/password": Access.AGENT,
    f"GET {DESK}/accounts": Access.ADMIN,
    f"POST {DESK}/accounts": Access.ADMIN,
    f"PUT {DESK}/accounts/{{agent_id}}": Access.ADMIN,
    f"POST {DESK}/accounts/{{agent_id}}/reset-password": Access.ADMIN,
    f"POST {DESK}/accounts/{{agent_id}}/close": Access.ADMIN,
    f"POST {DESK}/accounts/{{agent_id}}/reopen": Access.ADMIN,
    f"GET {DESK}/queue": Access.AGENT,
    f"GET {DESK}/intents": Access.AGENT,
    f"GET {DESK}/search": Access.AGENT,
    f"GET {DESK}/board": Access.SUPERVISOR,
    f"GET {DESK}/audit": Access.SUPERVISOR,
    f"GET {DESK}/approvals": Access.SUPERVISOR,
    f"GET {CONVERSATION}": Access.AGENT,
    f"POST {CONVERSATION}/claim": Access.AGENT,
    f"POST {CONVERSATION}/take-over": Access.SUPERVISOR,
    f"POST {CONVERSATION}/reply": Access.AGENT,
    f"POST {CONVERSATION}/give-back": Access.AGENT,
    f"POST {CONVERSATION}/transfer": Access.AGENT,
    f"POST {CONVERSATION}/read": Access.AGENT,
    f"GET {CONVERSATION}/notes": Access.AGENT,
    f"POST {CONVERSATION}/notes": Access.AGENT,
    f"GET {CONVERSATION}/attachments": Access.AGENT,
    f"POST {CONVERSATION}/messages/{{seq}}/misunderstood": Access.AGENT,
    f"GET {DESK}/attachments/{{attachment_id}}": Access.AGENT,
    f"GET {DESK}/canned-answers": Access.AGENT,
    f"POST {DESK}/canned-answers": Access.SUPERVISOR,
    f"DELETE {DESK}/canned-answers/{{number}}": Access.SUPERVISOR,
    f"GET {DESK}/misunderstandings": Access.SUPERVISOR,
    f"POST {DESK}/misunderstandings/{{number}}/review": Access.SUPERVISOR,
    f"GET {DESK}/dead-letters": Access.SUPERVISOR,
    f"POST {DESK}/dead-letters/{{number}}/retry": Access.SUPERVISOR,
    f"GET {DESK}/cases": Access.AGENT,
    f"GET {CASE}": Access.AGENT,
    f"POST {CASE}/assign": Access.AGENT,
    f"POST {CASE}/notes": Access.AGENT,
    f"POST {CASE}/ask": Access.AGENT,
    f"POST {CASE}/investigate": Access.AGENT,
    f"POST {CASE}/extension": Access.AGENT,
    f"POST {CASE}/extension/approve": Access.SUPERVISOR,
    f"POST {CASE}/extension/refuse": Access.SUPERVISOR,
    f"POST {CASE}/remedies": Access.AGENT,
    f"POST {CASE}/remedies/{{remedy_no}}/approve": Access.SUPERVISOR,
    f"POST {CASE}/remedies/{{remedy_no}}/reject": Access.SUPERVISOR,
    f"POST {CASE}/decide": Access.AGENT,
    f"POST {CASE}/close": Access.AGENT,
    f"POST {CASE}/reopen": Access.AGENT,
    f"POST {CASE}/correct-report": Access.AGENT,
    f"POST {CASE}/customer": Access.AGENT,
    f"POST {CASE}/attachments": Access.AGENT,
    f"GET {DESK}/remediation/runs": Access.SUPERVISOR,
    f"POST {DESK}/remediation/runs": Access.SUPERVISOR,
    f"GET {DESK}/incidents": Access.AGENT,
    f"POST {DESK}/incidents": Access.AGENT,
    f"GET {DESK}/incidents/{{incident_no}}/touched": Access.AGENT,
    f"POST {DESK}/incidents/{{incident_no}}/confirm": Access.SUPERVISOR,
    f"POST {DESK}/incidents/{{incident_no}}/end": Access.SUPERVISOR,
    f"GET {CONVERSATION}/unsent": Access.AGENT,
    f"POST {CONVERSATION}/unbind": Access.AGENT,
    f"POST {DESK}/dead-letters/messages/{{number}}/retry": Access.SUPERVISOR,
    f"POST {DESK}/dead-letters/incoming/{{number}}/retry": Access.SUPERVISOR,
    f"GET {RUN}": Access.SUPERVISOR,
    f"GET {RUN}/items": Access.SUPERVISOR,
    f"GET {RUN}/preview.csv": Access.SUPERVISOR,
    f"GET {RUN}/chart.svg": Access.SUPERVISOR,
    f"POST {RUN}/propose": Access.SUPERVISOR,
    f"POST {RUN}/approve": Access.SUPERVISOR,
    f"POST {RUN}/reject": Access.SUPERVISOR,
}

UNLISTED = {
    "GET /",
    "GET /desk",
    "GET /desk/assets/{path:path}",
    "GET /channels/{path:path}",
    "POST /channels/{path:path}",
    "GET /docs",
    "GET /docs/oauth2-redirect",
    "GET /openapi.json",
    "GET /webhooks/rest/",
    "GET /widget.js",
    "GET /{path:path}",
    "POST /bank/callbacks",
    "SOCKET /chat/socket",
    "SOCKET /desk/api/socket",
}
"""What the API description leaves out: pages, health as Rasa has it, and the sockets (their tests: test_socket.py)."""
