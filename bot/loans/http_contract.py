"""The HTTP form of ``LoanBackend``, derived from the protocol itself, so that server, client and OpenAPI cannot disagree.

One operation per method, at ``/loan-backend/v1/<method-name-with-hyphens>``. Reads are GET with query parameters; reads whose
parameters hold a list, an amount or a phone number are POST with a JSON body (a phone does not belong into access logs, and a
query cannot tell an empty list from none). Commands, which are the methods with ``key``, are POST with the key in the header.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, TypeAdapter, ValidationError, create_model

from bot.core.errors import CareError, InvalidInput
from bot.core.wire import Day, Moment, QueryBool, QueryInt, Text
from bot.loans import errors
from bot.loans.port import LoanBackend

PREFIX = "/loan-backend/v1"
KEY_HEADER = "Idempotency-Key"
_BODY_PARAMETERS = frozenset({"amount", "phone"})
_DAY: TypeAdapter[date] = TypeAdapter(Day)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@dataclass(frozen=True)
class Operation:
    """One method of the protocol as it crosses HTTP. ``safe``: it changes nothing, so it may be repeated without a key."""

    name: str
    safe: bool
    in_body: bool
    signature: inspect.Signature
    request: type[BaseModel]
    result: TypeAdapter[Any]
    result_type: Any
    doc: str

    @property
    def path(self) -> str:
        return f"{PREFIX}/{self.name.replace('_', '-')}"

    @property
    def verb(self) -> str:
        return "POST" if self.in_body else "GET"


def _wire_type(hint: Any, *, in_body: bool) -> Any:
    """The strict type by which a parameter of the protocol is decoded."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(_wire_type(item, in_body=in_body) for item in get_args(hint))]  # noqa: UP007  (built at run time)
    if origin is Sequence:
        return list[_wire_type(get_args(hint)[0], in_body=in_body)]  # type: ignore[misc]
    known = {
        str: Text,
        date: Day,
        datetime: Moment,
        int: StrictInt if in_body else QueryInt,
        bool: StrictBool if in_body else QueryBool,
    }
    return known.get(hint, hint)


def _operation(name: str) -> Operation:
    method = getattr(LoanBackend, name)
    signature, hints = inspect.signature(method), get_type_hints(method, include_extras=True)
    given = [parameter for parameter in signature.parameters.values() if parameter.name not in ("self", "key")]
    safe = "key" not in signature.parameters
    lists = any("Sequence" in str(hints[parameter.name]) for parameter in given)
    in_body = not safe or lists or any(parameter.name in _BODY_PARAMETERS for parameter in given)
    fields: dict[str, Any] = {
        parameter.name: (
            _wire_type(hints[parameter.name], in_body=in_body),
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in given
    }
    title = "".join(part.capitalize() for part in name.split("_"))
    request = create_model(f"{title}Request", __config__=ConfigDict(extra="forbid"), **fields)
    return Operation(
        name, safe, in_body, signature, request, TypeAdapter(hints["return"]), hints["return"], inspect.getdoc(method) or ""
    )


OPERATIONS: Mapping[str, Operation] = {
    name: _operation(name)
    for name, member in vars(LoanBackend).items()
    if inspect.isfunction(member) and not name.startswith("_")
}
"""Every method of the protocol, in its order."""

ERROR_CLASSES: Mapping[str, type[CareError]] = {InvalidInput.code: InvalidInput} | {
    member.code: member
    for member in vars(errors).values()
    if inspect.isclass(member)
    and issubclass(member, CareError)
    and member.__module__ == errors.__name__
    and member not in (errors.LoanBackendUnavailable, errors.LoanBackendMisbehaved)
}
"""The class of each stable error code; every backend behind the contract uses these codes and no others."""


def header_of(key: str) -> str:
    """A key as header value: UTF-8, percent-encoded but for ``A-Z a-z 0-9 - . _ ~ :``."""
    return quote(key, safe=":")


def key_of(header: str) -> str:
    """Raises ``InvalidInput`` when the header is not percent-encoded UTF-8."""
    try:
        return unquote(header, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidInput("the idempotency key is not percent-encoded UTF-8") from error


def decode_error(code: object, message: object, details: object) -> CareError | None:
    """The exception that the backend raised, with its details; ``None`` when this is no error of the contract.

    In details a name that ends in ``_on`` or ``_day`` is a date, in ``_at`` a moment (the convention of ``bot/loans``).
    """
    if not isinstance(code, str) or code not in ERROR_CLASSES or not isinstance(details, dict):
        return None
    try:
        return ERROR_CLASSES[code](str(message), **{str(name): _detail(str(name), value) for name, value in details.items()})
    except ValidationError:
        return None


def _detail(name: str, value: Any) -> Any:
    if value is None or not name.endswith(("_on", "_day", "_at")):
        return value
    return (_MOMENT if name.endswith("_at") else _DAY).validate_python(value)
