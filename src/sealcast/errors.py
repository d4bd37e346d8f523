"""The one tree of errors, sorted by who must act.

Every error carries a stable ``code`` that names the cause (``ROLLBACK``, ``NO_SPACE``), says what happened,
what is still safe and what to do next, and knows the exit status of the command line. Nothing else in
Sealcast may reach a user as a traceback.
"""

from __future__ import annotations

from typing import ClassVar


class SealcastError(Exception):
    """What every error of Sealcast is.

    ``code`` is stable and documented in ``docs/reference/errors.md``; ``what`` is one sentence on what happened;
    ``safe`` says what was not harmed; ``hint`` is the next step. ``data`` holds facts for machines (paths, sizes in
    bytes, versions) and never a secret.
    """

    exit_status: ClassVar[int] = 1
    default_safe: ClassVar[str] = "Nothing was changed."

    def __init__(self, code: str, what: str, *, safe: str = "", hint: str = "", **data: object) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.safe = safe or self.default_safe
        self.hint = hint
        self.data = data

    def as_dict(self) -> dict[str, object]:
        """Return the error as one JSON object for ``--json`` and for events."""
        return {
            "code": self.code,
            "exit_status": self.exit_status,
            "message": self.what,
            "safe": self.safe,
            "hint": self.hint,
            "data": dict(sorted(self.data.items())),
        }


class ConfigError(SealcastError):
    """The configuration or the command's arguments must be corrected."""

    exit_status = 2


class RepositoryError(SealcastError):
    """The publisher's workspace, or what goes into it, must be put right."""

    exit_status = 3
    default_safe = "The workspace is as it was; nothing was signed or published."


class CeremonyError(SealcastError):
    """A proposal or a statement cannot be accepted."""

    exit_status = 4
    default_safe = "Nothing was signed."


class SigningError(SealcastError):
    """A signing key cannot be used."""

    exit_status = 5
    default_safe = "Nothing was signed."


class VerificationError(SealcastError):
    """The repository cannot be trusted. Never skipped, never downgraded to a warning."""

    exit_status = 6
    default_safe = "Nothing of it was accepted; what runs now keeps running."


class SealingError(SealcastError):
    """Something sealed cannot be opened, or may not be sealed so."""

    exit_status = 7
    default_safe = "Nothing was opened or published."


class ObjectError(SealcastError):
    """An object, manifest or pack is missing, damaged or out of its bounds."""

    exit_status = 8
    default_safe = "Nothing of it was installed; what runs now keeps running."


class TransferError(SealcastError):
    """Bytes could not be brought over: the network, the host, or its answer."""

    exit_status = 9
    default_safe = "What runs now keeps running; what was downloaded and verified is kept."


class InstallError(SealcastError):
    """A release cannot be installed or started on this device."""

    exit_status = 10
    default_safe = "The release that worked last stays installed."
