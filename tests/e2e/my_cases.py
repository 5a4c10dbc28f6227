"""What `GET /chat/cases/{case_no}` answers: a case that asks for something, one that is remedied, a closed one."""

from __future__ import annotations

from typing import Any


def _card(case_no: str, kind: str, status: str, **dates: Any) -> dict[str, Any]:
    known = {"received_on": None, "decide_by": None, "next_update_by": None, "disputed_amount": None, **dates}
    return {"type": "case", "case_no": case_no, "kind": kind, "status": status, **known}


def _event(kind: str, at: str, by: str, text: str | None = None, **data: Any) -> dict[str, Any]:
    return {"type": kind, "at": at, "by": by, "text": text, "data": data}


def asking() -> dict[str, Any]:
    dates = {"received_on": "2099-08-08", "decide_by": "2099-08-23", "next_update_by": "2099-08-13"}
    return {
        "case": _card("C-20990808-0003", "complaint", "waiting_for_borrower", **dates),
        "contract_no": None,
        "instalment": None,
        "events": [
            _event("received", "2099-08-08T09:12:00+08:00", "borrower", "催收员每天早上六点给我妈妈打电话，还骂人"),
            _event("acknowledged", "2099-08-08T09:12:00+08:00", "bot"),
            _event("note", "2099-08-09T10:00:00+08:00", "staff", "正在调取8月1日以来的通话录音"),
            _event("note", "2099-08-09T11:00:00+08:00", "bot"),
            _event("asked_borrower", "2099-08-10T15:40:00+08:00", "staff", "对方用的是哪个号码？有通话记录的截图更好。"),
        ],
        "remedies": [],
        "attachments": [],
        "appeal_until": None,
    }


def decided() -> dict[str, Any]:
    dates = {"received_on": "2099-07-01", "decide_by": "2099-07-16", "disputed_amount": 3_192}
    reasons = "扣款日系统超时，没有扣成；您卡里的钱足够"
    return {
        "case": _card("C-20990701-0002", "dispute", "remedied", **dates),
        "contract_no": "FQ-20981101-0001",
        "instalment": 10,
        "events": [
            _event("received", "2099-07-01T20:00:00+08:00", "borrower", "系统扣款失败害我逾期，凭什么收我利息"),
            _event(
                "decided",
                "2099-07-06T16:00:00+08:00",
                "staff",
                facts="7月1日自动扣款因系统故障失败",
                reasons=reasons,
                remedy="免除全部逾期费用",
                outcome="for_borrower",
                ways_on=["review", "mediation"],
            ),
            _event("remedied", "2099-07-06T16:05:00+08:00", "bot", amount=3_192, receipts=["R-20990706-0001"]),
        ],
        "remedies": [
            {
                "type": "remedy",
                "case_no": "C-20990701-0002",
                "status": "granted",
                "amount": 3_192,
                "receipt_no": "R-20990706-0001",
            }
        ],
        "attachments": [
            {
                "attachment_id": "0" * 32,
                "media_type": "application/pdf",
                "size": 81_920,
                "case_no": "C-20990701-0002",
                "created_at": "2099-07-06T16:10:00+08:00",
                "uploaded_by": "agent",
            }
        ],
        "appeal_until": "2099-08-05",
    }


def closed() -> dict[str, Any]:
    return {
        "case": _card("C-20990301-0001", "fraud_report", "closed", received_on="2099-03-01", decide_by="2099-03-16"),
        "contract_no": None,
        "instalment": None,
        "events": [_event("received", "2099-03-01T08:00:00+08:00", "borrower", "有人冒充客服让我转账")],
        "remedies": [],
        "attachments": [],
        "appeal_until": None,
    }


def my_cases() -> list[dict[str, Any]]:
    return [asking(), decided(), closed()]
