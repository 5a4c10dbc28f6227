"""What a file is, is decided by its content; what is kept carries nothing but the picture."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.attachments.content import SUFFIX, check
from bot.attachments.errors import (
    AttachmentEmpty,
    AttachmentType,
    AttachmentUnreadable,
    AttachmentUnsafe,
    PictureTooLarge,
)
from bot.core.errors import CareError, InvalidInput
from tests.attachments import files

PIXELS = 1_000_000


@pytest.mark.parametrize(
    ("form", "mode", "media_type"),
    [
        ("JPEG", "RGB", "image/jpeg"),
        ("JPEG", "L", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("PNG", "RGB", "image/png"),
        ("PNG", "RGBA", "image/png"),
        ("PNG", "P", "image/png"),
        ("PNG", "1", "image/png"),
        ("PNG", "I;16", "image/png"),
        ("WEBP", "RGB", "image/webp"),
        ("WEBP", "RGBA", "image/webp"),
    ],
)
def test_pictures_of_every_kind_come_out_as_the_same_picture(form: str, mode: str, media_type: str) -> None:
    kept = check(files.image(form, mode=mode), max_pixels=PIXELS)
    assert kept.media_type == media_type
    with Image.open(io.BytesIO(kept.data)) as again:
        assert (again.format, again.size) == (form, (40, 30))


def test_a_photo_loses_position_camera_and_comments_and_stands_upright() -> None:
    sent = files.photo()
    assert b"CameraMaker" in sent
    assert files.GPS_NOTE in sent
    kept = check(sent, max_pixels=PIXELS).data
    assert b"CameraMaker" not in kept
    assert files.GPS_NOTE not in kept
    with Image.open(io.BytesIO(kept)) as again:
        assert not dict(again.getexif())
        assert again.size == (30, 40)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_hangs_behind_a_picture_is_gone(form: str) -> None:
    kept = check(files.image(form) + files.archive() + files.HTML, max_pixels=PIXELS).data
    assert b"payload" not in kept
    assert b"script" not in kept


def test_an_animation_becomes_its_first_picture() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(check(out.getvalue(), max_pixels=PIXELS).data)) as again:
        assert getattr(again, "n_frames", 1) == 1


def test_a_pdf_is_kept_as_it_came() -> None:
    sent = files.pdf(3)
    assert check(sent, max_pixels=PIXELS).data == sent


REFUSED: list[tuple[str, bytes, type[CareError], dict[str, object]]] = [
    ("nothing", b"", AttachmentEmpty, {}),
    ("a page", files.HTML, AttachmentType, {}),
    ("a vector picture that runs scripts", files.SVG, AttachmentType, {}),
    ("an archive", files.archive(), AttachmentType, {}),
    ("a program", b"MZ" + b"\x00" * 200, AttachmentType, {}),
    ("a GIF", files.image("GIF"), AttachmentType, {}),
    ("a TIFF", files.image("TIFF"), AttachmentType, {}),
    ("words", "这是我的凭证".encode(), AttachmentType, {}),
    ("a picture cut off", files.image("PNG", (300, 300))[:200], AttachmentUnreadable, {}),
    ("a photo cut off", files.photo()[:-30], AttachmentUnreadable, {}),
    ("a WebP cut off", files.image("WEBP", (300, 300))[:60], AttachmentUnreadable, {}),
    ("the head of a picture", files.image("PNG")[:20], AttachmentUnreadable, {}),
    ("a PDF cut off", files.pdf()[:-100], AttachmentUnreadable, {}),
    ("a PDF of nothing", b"%PDF-1.7\n%%EOF", AttachmentUnreadable, {}),
    ("a PDF without pages", files.pdf(0), AttachmentUnreadable, {}),
    ("a PDF of 201 pages", files.pdf(201), AttachmentUnreadable, {}),
    ("a PDF and an archive", files.pdf() + files.archive(), AttachmentUnsafe, {"found": "second_file"}),
    ("a PDF and a page", files.pdf() + files.HTML, AttachmentUnsafe, {"found": "second_file"}),
    ("an archive around a PDF's end", files.pdf_in_archive_comment(), AttachmentUnsafe, {"found": "second_file"}),
    ("a PDF with a script", files.pdf_with_script(), AttachmentUnsafe, {"found": "script"}),
    ("a PDF that starts something", files.pdf_that_launches(), AttachmentUnsafe, {"found": "script"}),
    ("a PDF with a file in it", files.pdf_with_file(), AttachmentUnsafe, {"found": "embedded_file"}),
    ("a PDF with a password", files.pdf_with_password(), AttachmentUnsafe, {"found": "password"}),
    ("a picture of a million pixels too many", files.png_bomb(2000, 1000), PictureTooLarge, {"max_pixels": PIXELS}),
    ("a bomb that Pillow warns of", files.png_bomb(12000, 10000), PictureTooLarge, {"max_pixels": PIXELS}),
    ("a bomb that Pillow refuses", files.png_bomb(60000, 60000), PictureTooLarge, {"max_pixels": PIXELS}),
]


@pytest.mark.parametrize(("data", "error", "details"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_everything_else_is_refused_with_its_code(data: bytes, error: type[CareError], details: dict[str, object]) -> None:
    with pytest.raises(error) as refused:
        check(data, max_pixels=PIXELS)
    assert type(refused.value) is error
    assert refused.value.details.items() >= details.items()


SEEDS = [files.image("PNG"), files.photo(), files.image("WEBP"), files.pdf()]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's about damaged metadata, which is thrown away
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 10**6), st.binary(min_size=1, max_size=12), st.booleans())
def test_a_damaged_file_is_taken_or_refused_but_never_breaks_anything(seed: bytes, at: int, bytes_: bytes, cut: bool) -> None:
    place = at % len(seed)
    damaged = seed[:place] + bytes_ + (b"" if cut else seed[place + len(bytes_) :])
    try:
        kept = check(damaged, max_pixels=PIXELS)
    except InvalidInput:
        return
    assert kept.media_type in SUFFIX
    assert check(kept.data, max_pixels=PIXELS).media_type == kept.media_type
