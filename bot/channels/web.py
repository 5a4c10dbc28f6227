"""Pages: the demo shop with the widget (built by Vite into web/widget/dist), the loader, and the desk's address."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from bot.core.errors import NotFound

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
            return FileResponse(built, headers={"Cache-Control": "no-cache"})
        return HTMLResponse((PAGES / "not_built.html").read_text(encoding="utf-8"), status_code=503)

    @router.get("/widget.js")
    async def loader() -> Response:
        built = dist / "widget.js"
        if not built.is_file():
            raise NotBuilt("web/widget/dist/widget.js is missing: run `make web`")
        return FileResponse(built, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    @router.get("/desk")
    async def desk_page() -> Response:
        return HTMLResponse((PAGES / "desk.html").read_text(encoding="utf-8"))

    files = StaticFiles(directory=dist, check_dir=False)

    @router.get("/{path:path}")
    async def asset(path: str, request: Request) -> Response:
        if not dist.is_dir():
            raise NotFound("no such page")
        return await files.get_response(path, request.scope)  # 404 for what is not inside dist

    app.include_router(router)
