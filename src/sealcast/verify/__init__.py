"""The one verifier: a trusted root and a source of bytes in, verified roles and documents out.

python-tuf walks the TUF workflow (specification 1.0.34, section 5) and keeps its own folder of metadata. Around it
stands what it leaves open: every byte of metadata passes a strict JSON reader and the key rules of
`sealcast.model.keys` before python-tuf sees it (`metadata`), and each failure leaves as one typed error (`refusal`).
`view` takes a look at a site; `roles` is what any verified roles tell, wherever they came from.
"""

from .metadata import LIMITS, check_metadata
from .refusal import refusal
from .roles import Roles
from .view import View

__all__ = ["LIMITS", "Roles", "View", "check_metadata", "refusal"]
