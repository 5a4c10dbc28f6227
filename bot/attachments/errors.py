"""Errors of attachments; the codes are stable.

NotFound (404)         AttachmentNotFound
InvalidInput (400)     AttachmentEmpty, AttachmentType, AttachmentUnreadable, AttachmentUnsafe, PictureTooLarge
PayloadTooLarge (413)  AttachmentTooLarge
Conflict (409)         TooManyAttachments
CareError (500)        AttachmentLost
"""

from __future__ import annotations

from bot.core.errors import CareError, Conflict, InvalidInput, NotFound, PayloadTooLarge


class AttachmentNotFound(NotFound):
    """Also for one of somebody else."""

    code = "attachment_not_found"


class AttachmentEmpty(InvalidInput):
    code = "attachment_empty"


class AttachmentType(InvalidInput):
    """The content is none of ``details.allowed``, whatever its name says."""

    code = "attachment_type_not_allowed"


class AttachmentUnreadable(InvalidInput):
    """It begins like a file that we take, but cannot be read to its end."""

    code = "attachment_unreadable"


class AttachmentUnsafe(InvalidInput):
    """A PDF with ``details.found``: a script, an embedded file, a password, a second file behind it."""

    code = "attachment_unsafe"


class PictureTooLarge(InvalidInput):
    """More pixels than ``details.max_pixels``."""

    code = "picture_too_large"


class AttachmentTooLarge(PayloadTooLarge):
    """More bytes than ``details.max_bytes``."""

    code = "attachment_too_large"


class TooManyAttachments(Conflict):
    """The conversation, or the case, has ``details.most`` already."""

    code = "too_many_attachments"


class AttachmentLost(CareError):
    """The row is there and the file is not, or it is another one: somebody touched the folder."""

    code = "attachment_lost"
