"""Who really asks, and whether over https, behind proxies of ours.

``X-Forwarded-For`` is a claim: anybody can send it. It is read from its end, and only as far as each hop that vouches for the
next is one of the configured proxies. uvicorn's own reading of it is switched off (``--no-proxy-headers``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SECURE = {"http": "https", "websocket": "wss"}


class TrustedProxies:
    """Middleware that puts the true caller into ``scope["client"]`` and the true protocol into ``scope["scheme"]``."""

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self.app = app
        self._proxies = tuple(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] in _SECURE and client and self._trusts(_address(client[0])):
            headers = Headers(scope=scope)
            claims = ",".join(headers.getlist("x-forwarded-for")).split(",")
            scope["client"] = (self._caller(client[0], claims), client[1])
            if headers.get("x-forwarded-proto", "").rpartition(",")[2].strip() == "https":
                scope["scheme"] = _SECURE[scope["type"]]
        await self.app(scope, receive, send)

    def _caller(self, peer: str, claims: list[str]) -> str:
        """The last hop that no proxy of ours is; the first one when all are."""
        caller = peer
        for claim in reversed(claims):
            address = _address(claim)
            if address is None:  # nonsense, or nothing: whoever stands here is not known
                break
            caller = str(address)
            if not self._trusts(address):
                break
        return caller

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._proxies)


def _address(text: str) -> Address | None:
    """Of ``1.2.3.4``, ``1.2.3.4:56``, ``2001:db8::1`` or ``[2001:db8::1]:56``."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
