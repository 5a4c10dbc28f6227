"""One card of each kind of the contract, with what a borrower must be able to read on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """``reads``: texts that stand on the card. ``never``: texts that may not (codes, raw 分, ISO dates)."""

    text: str
    card: dict[str, Any]
    reads: tuple[str, ...]
    never: tuple[str, ...] = ()


def _quote_line(contract_no: str, principal: int, interest: int, fee: int, penalty: int) -> dict[str, Any]:
    return {
        "contract_no": contract_no,
        "product": contract_no[:2],
        "principal": principal,
        "interest": interest,
        "fee": fee,
        "penalty": penalty,
        "total": principal + interest + fee + penalty,
    }


PAYOFF = Example(
    "您现在一次还清，需要这些：",
    {
        "type": "payoff_quote",
        "as_of": "2026-08-10",
        "valid_until": "2026-08-11T00:00:00+08:00",
        # 1000000 + 16000 = 1016000; 819523 + 7867 = 827390; 160000 + 1440 = 161440; together 2004830
        "contracts": [
            _quote_line("KD-20260701-0002", 1_000_000, 16_000, 0, 0),
            _quote_line("YD-20260316-0003", 819_523, 7_867, 0, 0),
            _quote_line("FQ-20260516-0004", 160_000, 0, 1_440, 0),
        ],
        "total": 2_004_830,
    },
    (
        "¥20048.30",
        "随星借快贷",
        "KD-20260701-0002",
        "¥10000.00",
        "¥160.00",
        "¥10160.00",
        "¥8273.90",
        "手续费",
        "¥14.40",
        "¥1614.40",
        "8月10日 24:00前有效",
    ),
    ("2004830", "2026-08", "逾期费用"),
)

PREVIEW = Example(
    "按您说的金额，钱会这样还：",
    {
        "type": "repayment_preview",
        "amount": 500_000,
        "allocation": [
            {"contract_no": "YD-20260316-0003", "instalment": 5, "component": "penalty", "amount": 192},
            {"contract_no": "YD-20260316-0003", "instalment": 5, "component": "interest", "amount": 9_834},
            {"contract_no": "YD-20260316-0003", "instalment": 5, "component": "principal", "amount": 489_000},
        ],
        "left_over": 974,
    },
    (
        "还款预览",
        "¥5000.00",
        "YD-20260316-0003 第5期",
        "逾期费用",
        "¥1.92",
        "利息",
        "¥98.34",
        "本金",
        "¥4890.00",
        "多出部分（退回）",
        "¥9.74",
    ),
    ("penalty", "principal"),
)

SCHEDULED = Example(
    "预约好了。",
    {
        "type": "scheduled_repayment",
        "status": "created",
        "reason": None,
        "contract_no": "FQ-20260516-0005",
        "instalment": 3,
        "amount": 50_000,
        "execute_on": "2026-08-12",
        "posts_on": "2026-08-16",
        "opens_on": None,
    },
    ("预约还款", "预约成功", "FQ-20260516-0005", "第3期", "¥500.00", "扣款日", "8月12日", "入账日", "8月16日"),
    ("created", "可预约日期"),
)

REFUSED = Example(
    "现在还不能预约。",
    {
        "type": "scheduled_repayment",
        "status": "refused",
        "reason": "too_early",
        "contract_no": "YD-20260316-0006",
        "instalment": 4,
        "amount": 103_250,
        "execute_on": None,
        "posts_on": "2026-08-25",
        "opens_on": "2026-08-15",
    },
    ("未能预约", "还没到可以预约的日期", "8月15日起", "还款日", "8月25日"),
    ("too_early", "refused", "扣款日"),
)

PAYMENTS = Example(
    "您最近的还款：",
    {
        "type": "payment_status",
        "payments": [
            {
                "payment_no": "P-90001",
                "amount": 32_067,
                "status": "processing",
                "created_at": "2026-08-09T20:15:00+08:00",
                "advice": "stuck_do_not_pay_again",
            },
            {
                "payment_no": "P-80001",
                "amount": 32_067,
                "status": "settled",
                "created_at": "2026-07-10T01:00:00+08:00",
                "advice": "done",
            },
        ],
    },
    ("¥320.67", "还款中", "P-90001", "8月9日 20:15", "请不要再付一次", "已入账", "7月10日 01:00"),
    ("processing", "stuck_do_not_pay_again"),
)

EVIDENCE = Example(
    "下面是第5期的核对过程：",
    {
        "type": "evidence",
        "contract_no": "FQ-20260310-0007",
        "instalment": 5,
        "days": [
            {"date": "2026-08-04", "cause": "system", "reasons": ["扣款日系统超时，未能扣款"]},
            *(
                {"date": f"2026-08-{day:02d}", "cause": "borrower", "reasons": ["重新扣款时余额不足，通知已送达"]}
                for day in range(5, 11)
            ),
        ],
        "timeline": [
            {"at": "2026-08-03T02:00:00+08:00", "kind": "debit_attempt", "text": "自动扣款失败：系统超时"},
            {"at": "2026-08-03T09:30:00+08:00", "kind": "incident", "text": "确认自动扣款故障"},
            {"at": "2026-08-05T02:00:00+08:00", "kind": "debit_attempt", "text": "再次扣款失败：余额不足"},
            {"at": "2026-08-05T08:00:00+08:00", "kind": "notice", "text": "8月5日08:00短信通知已送达"},
        ],
        "penalty": 35,
        "system_caused": 5,
        "borrower_caused": 30,
    },
    (
        "FQ-20260310-0007",
        "第5期",
        "¥0.35",
        "系统原因",
        "¥0.05",
        "¥0.30",
        "系统原因 1天",
        "本人原因 6天",
        "8月4日",
        "8月5日至8月10日，6天",
        "重新扣款时余额不足",
        "查看记录时间线（4条）",
    ),
    ("2026-08",),
)

CASE = Example(
    "您的异议已经登记。",
    {
        "type": "case",
        "case_no": "C-20260810-0001",
        "kind": "dispute",
        "status": "investigating",
        "received_on": "2026-08-10",
        "decide_by": "2026-08-25",
        "next_update_by": "2026-08-13",
        "disputed_amount": 192,
    },
    ("费用异议案件", "核查中", "C-20260810-0001", "8月10日", "¥1.92", "8月13日前", "8月25日前"),
)

REMEDY = Example(
    "系统原因造成的费用已经退减。",
    {"type": "remedy", "case_no": "C-20260810-0001", "status": "granted", "amount": 192, "receipt_no": "R-20260810-0001"},
    ("费用退减", "已退减", "¥1.92", "C-20260810-0001", "R-20260810-0001"),
    ("granted",),
)

HANDOFF = Example(
    "现在没有人工在线。",
    {"type": "handoff", "state": "offline", "position": None, "reason": "user_request", "case_no": "C-20260810-0002"},
    ("人工客服", "非服务时间", "C-20260810-0002", "已经登记"),
    ("user_request", "offline"),
)

OFFICIAL = Example(
    "400-100-3399是我们的客服电话。",
    {"type": "official_check", "kind": "phone", "result": "official"},
    ("电话号码", "是我们的官方渠道"),
)

FOREIGN = Example(
    "这个账户不是我们的。",
    {"type": "official_check", "kind": "bank_account", "result": "unknown"},
    ("收款账户", "不是我们的官方渠道", "请不要转账"),
)

LOGIN = Example("先登录才能看您的账户。", {"type": "login_required"}, ("需要登录", "去登录"))
STEP_UP = Example(
    "验证码已发到您的手机。", {"type": "step_up_required"}, ("短信验证", "短信验证码（6位数字）", "请不要告诉任何人")
)

EXAMPLES: dict[str, Example] = {
    "payoff_quote": PAYOFF,
    "repayment_preview": PREVIEW,
    "scheduled_repayment": SCHEDULED,
    "scheduled_repayment (refused)": REFUSED,
    "payment_status": PAYMENTS,
    "evidence": EVIDENCE,
    "case": CASE,
    "remedy": REMEDY,
    "handoff": HANDOFF,
    "official_check": OFFICIAL,
    "official_check (unknown)": FOREIGN,
    "login_required": LOGIN,
    "step_up_required": STEP_UP,
}
