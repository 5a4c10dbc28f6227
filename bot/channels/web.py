"""Pages: the demo shop with the widget (built by Vite into web/widget/dist), its loader, and the desk (web/desk/dist)."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from bot.core.errors import NotFound

FOREVER = "public, max-age=31536000, immutable"
"""For files whose names are hashes of what is in them."""
DESK_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""The desk shows borrowers' data: nothing foreign, nothing inline, in nobody's frame. Pictures in style sheets are data URLs."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html"
)
"""The demo page runs under what a strict host page would allow: nothing inline, no eval, no HTML from strings."""
PAGES = Path(__file__).resolve().parent / "pages"


class NotBuilt(NotFound):
    """The web parts are not built yet: `make run` builds them."""

    code = "web_not_built"


def install_web(app: FastAPI, web_dir: Path) -> None:
    """Adds the pages. Call it last: everything that no route takes is looked for among the built files."""
    dist = web_dir / "widget" / "dist"
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def demo_page() -> Response:
        built = dist / "index.html"
        if built.is_file():
            return FileResponse(built, headers={"Cache-Control": "no-cache", "Content-Security-Policy": POLICY})
        return HTMLResponse((PAGES / "not_built.html").read_text(encoding="utf-8"), status_code=503)

    @router.get("/widget.js")
    async def loader() -> Response:
        built = dist / "widget.js"
        if not built.is_file():
            raise NotBuilt("web/widget/dist/widget.js is missing: run `make web`")
        return FileResponse(built, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    _add_desk(router, web_dir / "desk" / "dist")
    files = StaticFiles(directory=dist, check_dir=False)

    @router.get("/{path:path}")
    async def asset(path: str, request: Request) -> Response:
        if not dist.is_dir():
            raise NotFound("no such page")
        return await files.get_response(path, request.scope)  # 404 for what is not inside dist

    app.include_router(router)


def _add_desk(router: APIRouter, desk: Path) -> None:
    """The page at ``/desk`` and its assets, with the policy of ``DESK_HEADERS``."""

    @router.get("/desk")
    async def desk_page() -> Response:
        built = desk / "index.html"
        if not built.is_file():
            return HTMLResponse((PAGES / "not_built.html").read_text(encoding="utf-8"), status_code=503)
        return FileResponse(built, headers={**DESK_HEADERS, "Cache-Control": "no-cache"})

    desk_files = StaticFiles(directory=desk / "assets", check_dir=False)

    @router.get("/desk/assets/{path:path}")
    async def desk_asset(path: str, request: Request) -> Response:
        if not desk.is_dir():
            raise NotFound("no such page")
        response = await desk_files.get_response(path, request.scope)
        response.headers.update({**DESK_HEADERS, "Cache-Control": FOREVER})
        return response
