"""What a file is, decided by its content alone, and what of it is kept.

An image is decoded to its last pixel and written anew: position, camera and everything behind or beside the picture is gone. A
PDF is kept as it came, because a document may be signed; it must be readable, without scripts, embedded files, password or a
second file behind it. Nothing else is taken: SVG and HTML can run scripts, and HEIC needs a decoder that we do not want to run
(phones send JPEG when a page asks for it).
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, Literal, cast

import pypdf
import structlog
from PIL import Image, ImageOps, UnidentifiedImageError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from bot.attachments.errors import AttachmentEmpty, AttachmentType, AttachmentUnreadable, AttachmentUnsafe, PictureTooLarge

log = structlog.get_logger(__name__)

MediaType = Literal["image/jpeg", "image/png", "image/webp", "application/pdf"]
SUFFIX: dict[MediaType, str] = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "application/pdf": "pdf"}
FORMATS: dict[str, MediaType] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
QUALITY = 90
MAX_PDF_PAGES = 200
MAX_PDF_OBJECTS = 50_000
EMBEDDED = frozenset({"/EmbeddedFile", "/EmbeddedFiles", "/EF"})
ACTIVE = EMBEDDED | {"/JS", "/JavaScript", "/Launch", "/RichMedia", "/XFA", "/SubmitForm"}
"""Names in a PDF that make it do something, or carry another file."""
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, OverflowError, LookupError, TypeError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for broken pictures."""


@dataclass(frozen=True)
class Checked:
    """What is stored."""

    media_type: MediaType
    data: bytes


def check(data: bytes, *, max_pixels: int) -> Checked:
    """Raises ``AttachmentEmpty``, ``AttachmentType``, ``AttachmentUnreadable``, ``AttachmentUnsafe``, ``PictureTooLarge``."""
    if not data:
        raise AttachmentEmpty("the file is empty")
    if data.startswith(b"%PDF-"):
        check_pdf(data)
        return Checked("application/pdf", data)
    return rewritten_image(data, max_pixels)


def rewritten_image(data: bytes, max_pixels: int) -> Checked:
    """The first picture of the file, upright, with nothing but its pixels."""
    try:
        opened = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
    except UnidentifiedImageError as error:
        raise AttachmentType("neither JPEG, PNG, WebP nor PDF", allowed=sorted(SUFFIX)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLarge("too many pixels", max_pixels=max_pixels) from error
    except DECODER_ERRORS as error:
        raise AttachmentUnreadable("the picture cannot be read") from error
    with opened:
        if opened.width * opened.height > max_pixels:
            raise PictureTooLarge("too many pixels", max_pixels=max_pixels)
        try:
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            return Checked(FORMATS[cast(str, opened.format)], _encoded(upright, cast(str, opened.format)))
        except DECODER_ERRORS as error:
            raise AttachmentUnreadable("the picture cannot be read to its end") from error


def _encoded(picture: Image.Image, form: str) -> bytes:
    see_through = form != "JPEG" and (picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info)
    plain = picture.convert("RGBA" if see_through else "RGB")
    plain.info.clear()  # what a file says about itself: position, camera, owner, colour profile, comments
    out = io.BytesIO()
    options: dict[str, Any] = {} if form == "PNG" else {"quality": QUALITY}
    plain.save(out, form, **options)
    return out.getvalue()


def check_pdf(data: bytes) -> None:
    """Raises ``AttachmentUnreadable``, ``AttachmentUnsafe``."""
    if not data.rstrip(b"\r\n\t \x00").endswith(b"%%EOF"):
        found = "bytes behind the end" if b"%%EOF" in data else "no end"
        if found == "no end":
            raise AttachmentUnreadable("the PDF is cut off")
        raise AttachmentUnsafe("something follows the end of the PDF", found="second_file")
    if zipfile.is_zipfile(io.BytesIO(data)):
        raise AttachmentUnsafe("the PDF is an archive too", found="second_file")
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        encrypted = reader.is_encrypted
        pages = 0 if encrypted else len(reader.pages)
        active = None if encrypted else _active_part(reader)
    except Exception as error:
        # A parser of hostile input may raise anything; whatever it was, the file is not taken.
        log.info("pdf_refused", kind=type(error).__name__, exc_info=True)
        raise AttachmentUnreadable("the PDF cannot be read") from error
    if encrypted:
        raise AttachmentUnsafe("the PDF has a password", found="password")
    if active is not None:
        raise AttachmentUnsafe("the PDF does something when it is opened", found=active)
    if not 1 <= pages <= MAX_PDF_PAGES:
        raise AttachmentUnreadable(f"a PDF of 1 to {MAX_PDF_PAGES} pages is taken")


def _active_part(reader: pypdf.PdfReader) -> str | None:
    """The first name of ``ACTIVE`` that anything reachable in the document has, as ``script`` or ``embedded_file``."""
    seen: set[int] = set()
    waiting: list[Any] = [reader.trailer]
    for _ in range(MAX_PDF_OBJECTS):
        if not waiting:
            return None
        item = waiting.pop()
        if isinstance(item, IndirectObject):
            if item.idnum in seen:
                continue
            seen.add(item.idnum)
            item = item.get_object()
        if isinstance(item, DictionaryObject):
            named = {str(name) for name in item} | {str(value) for value in item.values() if isinstance(value, str)}
            if found := named & ACTIVE:
                return "embedded_file" if found & EMBEDDED else "script"
            waiting.extend(item.values())
        elif isinstance(item, ArrayObject):
            waiting.extend(item)
    raise ValueError(f"more than {MAX_PDF_OBJECTS} objects")
