"""The product catalogue (``data/catalogue/products.yml``): read, checked as a whole, refused as a whole.

The check reports every problem at once, each with the product and the figure. The rule behind it: the all-in annual cost of a
product may never exceed 24 % (product §1), for no allowed term, and neither may a year of penalty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from bot.core.money import Fen
from bot.loans.cost import plan_cost
from bot.loans.errors import CatalogueRefused, ProductNotFound
from bot.loans.port import ProductCode
from bot.loans.schedule import MAX_DAYS, MAX_MONTHS, Method, make_plan

MAX_ALL_IN = Decimal("0.24")
"""Ceiling of the all-in annual cost (product §1)."""
_PROBE_PRINCIPAL: Fen = 10_000_000_00
"""Large enough that whole 分 do not blur the rate."""
_PROBE_DATE = date(2026, 1, 1)
Category = Literal["cash", "instalment"]


@dataclass(frozen=True)
class Product:
    """One product. ``max_rate`` is the highest rate a contract may carry: daily, fee per period, or annual, as its method says.

    Terms are days for ``by_day``, else months. ``all_in_cost`` is the worst case over all allowed terms, for the annual ceiling.
    """

    code: ProductCode
    name: str
    category: Category
    method: Method
    min_term: int
    max_term: int
    max_rate: Decimal
    penalty_daily_rate: Decimal
    all_in_cost: Decimal


class Catalogue:
    """The products by code, in the order of the file."""

    def __init__(self, products: dict[ProductCode, Product]) -> None:
        self.products = products

    def product(self, code: str) -> Product:
        """Raises ``ProductNotFound``."""
        for known, product in self.products.items():
            if known == code:
                return product
        raise ProductNotFound(f"no product {code!r}", product=code)

    @classmethod
    def load(cls, path: Path) -> Catalogue:
        """Reads and checks the file. Raises ``CatalogueRefused`` with every problem found."""
        return cls.parse(yaml.safe_load(path.read_text(encoding="utf-8")))

    @classmethod
    def parse(cls, raw: Any) -> Catalogue:
        """As ``load``, from the parsed file: a mapping with the list ``products``."""
        problems: list[str] = []
        products: dict[ProductCode, Product] = {}
        entries = raw.get("products") if isinstance(raw, dict) else None
        if not isinstance(entries, list) or not entries:
            raise CatalogueRefused("catalogue: `products` must be a non-empty list")
        for place, entry in enumerate(entries, 1):
            product = _product(entry, f"product {place}", problems)
            if product is None:
                continue
            if product.code in products:
                problems.append(f"{product.code}: listed twice")
            products[product.code] = product
        if problems:
            raise CatalogueRefused("; ".join(problems), problems=problems)
        return cls(products)


def _product(entry: Any, place: str, problems: list[str]) -> Product | None:
    """The product of one entry, or ``None`` after adding what is wrong with it to ``problems``."""
    if not isinstance(entry, dict):
        problems.append(f"{place}: not a mapping")
        return None
    code = entry.get("code")
    place = f"{place} ({code})"
    before = len(problems)
    _choice(entry, "code", get_args(ProductCode), place, problems)
    _choice(entry, "category", get_args(Category), place, problems)
    _choice(entry, "method", get_args(Method), place, problems)
    if not isinstance(entry.get("name"), str) or not entry["name"].strip():
        problems.append(f"{place}: `name` is missing")
    if (entry.get("code") == "KD") != (entry.get("method") == "by_day"):
        problems.append(f"{place}: `method` by_day belongs to KD and to no other product")
    max_rate = _rate(entry, "max_rate", place, problems)
    penalty = _rate(entry, "penalty_daily_rate", place, problems)
    longest = MAX_DAYS if entry.get("method") == "by_day" else MAX_MONTHS
    low, high = entry.get("min_term"), entry.get("max_term")
    if not isinstance(low, int) or not isinstance(high, int) or not 1 <= low <= high <= longest:
        problems.append(f"{place}: terms {low!r}…{high!r} are not whole numbers with 1 ≤ min_term ≤ max_term ≤ {longest}")
    if len(problems) > before:
        return None
    if penalty * 365 > MAX_ALL_IN:
        problems.append(f"{place}: a year of penalty costs {_percent(penalty * 365)}, more than {_percent(MAX_ALL_IN)}")
    cost = worst_cost(entry["method"], max_rate, entry["min_term"], entry["max_term"])
    if cost > MAX_ALL_IN:
        problems.append(f"{place}: all-in annual cost {_percent(cost)} exceeds {_percent(MAX_ALL_IN)}")
    return Product(
        code=entry["code"],
        name=entry["name"],
        category=entry["category"],
        method=entry["method"],
        min_term=entry["min_term"],
        max_term=entry["max_term"],
        max_rate=max_rate,
        penalty_daily_rate=penalty,
        all_in_cost=cost,
    )


def worst_cost(method: Method, rate: Decimal, min_term: int, max_term: int) -> Decimal:
    """The highest annual cost over all allowed terms."""
    plans = (make_plan(method, _PROBE_PRINCIPAL, rate, _PROBE_DATE, term) for term in range(min_term, max_term + 1))
    return max(plan_cost(plan, by_day=method == "by_day") for plan in plans)


def _choice(entry: dict[str, Any], field: str, allowed: tuple[str, ...], place: str, problems: list[str]) -> None:
    if entry.get(field) not in allowed:
        problems.append(f"{place}: `{field}` is {entry.get(field)!r}, must be one of {', '.join(allowed)}")


def _rate(entry: dict[str, Any], field: str, place: str, problems: list[str]) -> Decimal:
    """An exact rate; it must be quoted in the file, because YAML would read a bare number as a binary float."""
    raw = entry.get(field)
    try:
        rate = Decimal(raw) if isinstance(raw, str) else None
    except InvalidOperation:
        rate = None
    if rate is None or not rate.is_finite() or not 0 <= rate < 1:
        problems.append(f'{place}: `{field}` is {raw!r}, must be a quoted decimal from 0 to 1, such as "0.0005"')
        return Decimal(0)
    return rate


def _percent(value: Decimal) -> str:
    return f"{(value * 100).quantize(Decimal('0.01'))} %"
