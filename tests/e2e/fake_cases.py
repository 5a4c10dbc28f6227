"""The borrower's own cases in the fake app: `GET /chat/cases`, one of them, and what is added to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response


def refusal(status: int, code: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": "refused by the fake", "details": {}}}, status_code=status)


class FakeCases:
    """``customer_of`` gives the customer of a request's token, or raises."""

    def __init__(self, customer_of: Callable[[Request, str], str]) -> None:
        self._customer_of = customer_of
        self.of: dict[str, list[dict[str, Any]]] = {}
        """What `GET /chat/cases/{case_no}` answers, newest first, by customer."""
        self.business_date = "2099-08-10"
        self.faults: deque[str] = deque()
        """Codes with which the next lists and facts are refused."""

    def add_to(self, app: FastAPI) -> None:
        app.get("/chat/cases", response_model=None)(self._list)
        app.get("/chat/cases/{case_no}", response_model=None)(self._one)
        app.post("/chat/cases/{case_no}/facts", response_model=None)(self._facts)

    def own(self, request: Request, case_no: str) -> dict[str, Any]:
        for found in self.of.get(self._customer_of(request, ""), []):
            if found["case"]["case_no"] == case_no:
                return found
        raise HTTPException(404, "case_not_found")

    async def _list(self, request: Request) -> Response:
        mine = self.of.get(self._customer_of(request, ""), [])
        if self.faults:
            return refusal(500, self.faults.popleft())
        return JSONResponse({"cases": [found["case"] for found in mine], "as_of": self.business_date})

    async def _one(self, request: Request, case_no: str) -> Response:
        return JSONResponse({**self.own(request, case_no), "as_of": self.business_date})

    async def _facts(self, request: Request, case_no: str) -> Response:
        found = self.own(request, case_no)
        if self.faults:
            return refusal(409, self.faults.popleft())
        text = (await request.json())["text"]
        at = datetime.now(UTC).isoformat()
        found["events"].append({"type": "fact_added", "at": at, "by": "borrower", "text": text, "data": {}})
        return JSONResponse(found["case"])
