"""Headers that every answer has, whatever made it. A route that sets one of its own (a stricter policy) keeps it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no page: opened in a browser they load and run nothing."""
PAGE = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Scripts only from our own files. Inline styles are what component libraries write; they run nothing."""
DRAWING = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
API_DOCS = (
    "default-src 'none'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "img-src data: https://fastapi.tiangolo.com; connect-src 'self'; frame-ancestors 'none'"
)
"""FastAPI's page for trying the API, which comes from a CDN: it exists in the demo only (bot/app.py)."""

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_PRIVATE = ("/chat", "/desk/api", "/webhooks", "/demo/login", "/demo/otp", "/bank")
HSTS = "max-age=31536000"


class SecurityHeaders:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _policy(scope["path"], headers.get("content-type", "")))
                if scope["path"].startswith(_PRIVATE):
                    headers.setdefault("Cache-Control", "no-store")
                if scope.get("scheme") == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self.app(scope, receive, add)


def _policy(path: str, content_type: str) -> str:
    if path in ("/docs", "/redoc"):
        return API_DOCS
    if content_type.startswith("text/html"):
        return PAGE
    return DRAWING if content_type.startswith("image/svg") else NOTHING
