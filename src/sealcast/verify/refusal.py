"""What python-tuf refuses, as one typed error each."""

from __future__ import annotations

from tuf.api import exceptions as tuf_errors
from tuf.api.serialization import DeserializationError

from ..errors import SealcastError, VerificationError
from ..values import printable


def refusal(error: Exception, role: str, cause: SealcastError | None) -> SealcastError:
    """Return the typed error for what python-tuf refused while it was at ``role``.

    ``cause`` is what the fetcher behind it refused, if it did: then that is the error.
    """
    if cause is not None and isinstance(error, tuf_errors.DownloadError):
        return cause
    code, hint = _reason(error, role)
    # python-tuf names the role that is expired; it may be another than the one fetched last.
    what = str(error) if code == "EXPIRED" else f"The {printable(role)[:80]} metadata: {error}"
    return VerificationError(code, f"{what.removesuffix('.')}.", hint=hint)


_REASONS: tuple[tuple[type[Exception], str, str], ...] = (
    (tuf_errors.ExpiredMetadataError, "EXPIRED", "The publisher must sign it again (sealcast refresh), then publish."),
    (
        tuf_errors.UnsignedMetadataError,
        "THRESHOLD",
        "It lacks signatures of its holders: somebody may have altered it.",
    ),
    (tuf_errors.LengthOrHashMismatchError, "HASH_MISMATCH", "The host serves altered, mixed or incomplete files."),
    (tuf_errors.DownloadLengthMismatchError, "TOO_LARGE", "The host sends more than the role may have."),
    (DeserializationError, "BAD_METADATA", "The host serves something that is not TUF metadata."),
    (
        tuf_errors.DownloadHTTPError,
        "NOT_A_REPOSITORY",
        "Check the address: there is no TUF repository, or a part of it is gone.",
    ),
)


def _reason(error: Exception, role: str) -> tuple[str, str]:
    for kind, code, hint in _REASONS:
        if isinstance(error, kind):
            return code, hint
    if isinstance(error, tuf_errors.BadVersionNumberError):
        if role == "root":
            return "ROOT_CHAIN", "Each root must follow the one before it. The host left one out or mixed them."
        if role in {"timestamp", "snapshot"}:
            return "ROLLBACK", "The host serves an older state than this device has seen."
    return "INCONSISTENT", "The host serves files that do not belong together."
