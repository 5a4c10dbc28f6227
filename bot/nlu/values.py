"""What a recognised phrase is worth: integer 分 for money, a date, an integer. JioNLP reads the Chinese; here stands only what it
does not know: how people shorten (五千二), and that a bare 15号 is the next one, not the last one.
"""

from __future__ import annotations

import calendar
import contextlib
import io
import re
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

_DIGITS = {**{str(n): n for n in range(10)}, **{c: n for n, c in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2}
_DIGITS.update({character: n for n, character in enumerate("壹贰叁肆伍陆柒捌玖", start=1)})
_SHORTENED = re.compile(r"([百千万佰仟萬kKwW])([一二三四五六七八九两壹贰叁肆伍陆柒捌玖1-9])$")
_NEXT_UNIT = {"百": "十", "佰": "十", "千": "百", "仟": "百", "k": "百", "万": "千", "萬": "千", "w": "千"}
_MONEY_NOISE = re.compile(r"[¥￥$,\s多整]")
_KUAI = re.compile(r"^(.+?)(?:块钱?|元钱?|圆)([一二三四五六七八九\d])?(?:[毛角])?([一二三四五六七八九\d])?分?$")
MAX_FEN = 10**12
"""¥10 billion: nobody means more; a longer run of digits is no amount."""


@lru_cache(maxsize=1)
def _jionlp() -> Any:
    """JioNLP, imported on first use: 1 s, and it prints a banner."""
    with contextlib.redirect_stdout(io.StringIO()):
        import jionlp  # noqa: PLC0415 - see above
    return jionlp


def warm_up(today: date) -> None:
    """Make JioNLP build its patterns (0.1 s) before the first borrower waits for it."""
    _yuan("一百")
    _by_jionlp("明天", today)


def integer(phrase: str) -> int | None:
    """Value of a whole number in digits or Chinese numerals ("12", "十二"), None when it is none."""
    text = phrase.strip()
    if text.isdigit():
        return int(text)
    fen = amount(text)
    return fen // 100 if fen is not None and fen % 100 == 0 else None


def amount(phrase: str) -> int | None:
    """分 of an amount ("五千二", "1.2万", "¥320.67", "三块五"), None when it is no exact amount of whole 分."""
    text = _MONEY_NOISE.sub("", phrase).lower().replace("人民币", "").replace("rmb", "").replace("圆", "元")
    jiao_fen = 0
    if match := _KUAI.match(text):
        text, jiao, fen = match.group(1), match.group(2), match.group(3)
        jiao_fen = _DIGITS[jiao] * 10 if jiao else 0
        jiao_fen += _DIGITS[fen] if fen else 0
    if match := _SHORTENED.search(text):
        text = text[: match.end(1)] + str(_DIGITS[match.group(2)]) + _NEXT_UNIT[match.group(1)]
        text = _chinese_digits(text)
    yuan = _yuan(text)
    if yuan is None:
        return None
    result = yuan * 100 + jiao_fen
    return int(result) if result == int(result) and 0 <= result < MAX_FEN else None


def _chinese_digits(text: str) -> str:
    """ "2千5百" → "二千五百": JioNLP reads digits before several units wrongly. Numbers with several digits stay."""
    if re.search(r"\d[\d.]", text):
        return text
    return re.sub(r"\d", lambda match: "零一二三四五六七八九"[int(match.group())], text).replace("k", "千").replace("w", "万")


def _yuan(text: str) -> Decimal | None:
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return Decimal(text)
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([百千万佰仟萬kw])(\d)([十百千])", text):  # 12万5千: exact, without JioNLP's floats
        units = {"十": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "k": 1000, "万": 10000, "萬": 10000, "w": 10000}
        return Decimal(match.group(1)) * units[match.group(2)] + Decimal(match.group(3)) * units[match.group(4)]
    try:
        parsed = _jionlp().parse_money(text)
    except ValueError:
        return None  # JioNLP's way to say that the phrase is no amount
    number = parsed["num"]
    return Decimal(number) if isinstance(number, str) and parsed["case"] == "元" else None


def day(phrase: str, today: date) -> date | None:
    """The day that a phrase names, seen from `today`; None when it names none (下个月31号 in a month of 30 days).

    A day of the month or of the week without a month or week is the next such day, today included.
    """
    text = re.sub(r"\s|的", "", phrase)
    text = re.sub(r"^(\d{1,2})[./](\d{1,2})[号日]?$", r"\1月\2号", text).replace("月份", "月").replace("礼拜", "星期")
    if (own := _counted(text, today) or _edge_of_month(text, today)) is not None:
        return own
    if match := re.fullmatch(r"(?:每个?月)?([\d一二三四五六七八九十两]{1,3})[号日]", text):
        return _next_day_of_month(integer(match.group(1)), today)
    if match := re.fullmatch(r"次月(.+)", text):
        text = "下个月" + match.group(1)
    return _by_jionlp(re.sub(r"^当月", "本月", text), today)


def _counted(text: str, today: date) -> date | None:
    """ "三天后", "两周后", "半个月后", "过两天"."""
    match = re.fullmatch(r"过?(半|\d{1,3}|[^\W\d]{1,3}?)个?(天|日|周|星期|月)(?:之后|以后|过后|后)?", text)
    if match is None or not (text.startswith("过") or text.endswith("后")):
        return None
    if match.group(1) == "半":
        return today + timedelta(days=15) if match.group(2) == "月" else None
    count = 2 if match.group(1) == "两" else integer(match.group(1))
    if count is None:
        return None
    if match.group(2) != "月":
        return today + timedelta(days=count * (1 if match.group(2) in "天日" else 7))
    year, month = _month_after(today, count)
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def _month_after(today: date, months: int) -> tuple[int, int]:
    index = today.year * 12 + today.month - 1 + months
    return index // 12, index % 12 + 1


def _edge_of_month(text: str, today: date) -> date | None:
    """ "月底", "下个月初", "年底"."""
    if text in {"年底", "年末"}:
        return date(today.year, 12, 31)
    match = re.fullmatch(r"(下+|上|本|这|当|次|每)?个?月?([底末初])", text)
    if match is None:
        return None
    lead = match.group(1) or ""
    months = lead.count("下") + (lead == "次") - (lead == "上")
    if match.group(2) == "初" and not lead and today.day > 1:
        months = 1
    year, month = _month_after(today, months)
    return date(year, month, 1 if match.group(2) == "初" else calendar.monthrange(year, month)[1])


def _next_day_of_month(number: int | None, today: date) -> date | None:
    if number is None or not 1 <= number <= 31:
        return None
    for months in range(3):
        year, month = _month_after(today, months)
        if number <= calendar.monthrange(year, month)[1] and (months or number >= today.day):
            return date(year, month, number)
    return None


def _by_jionlp(text: str, today: date) -> date | None:
    base = {"year": today.year, "month": today.month, "day": today.day, "hour": 12, "minute": 0, "second": 0}
    try:
        parsed = _jionlp().parse_time(text, time_base=base)
    except ValueError:
        return None  # JioNLP's way to say that the phrase is no time
    start = parsed["time"][0] if parsed["type"] in {"time_point", "time_span"} else ""
    if not re.match(r"\d{4}-\d\d-\d\d", start):
        return None
    found = date.fromisoformat(start[:10])
    if re.fullmatch(r"(?:周|星期).", text) and found < today:
        return found + timedelta(days=7)
    if re.fullmatch(r"\w{1,2}月\w{1,3}[号日]?", text):
        return min((found.replace(year=found.year + n) for n in (-1, 0, 1)), key=lambda near: abs((near - today).days))
    return found
