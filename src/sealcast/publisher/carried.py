"""The floor that an app carries: what is committed in the workspace at the moment when the app is built."""

from __future__ import annotations

from collections.abc import Iterable

from ..documents import encode
from ..model import CarriedChannel, CarriedFloor, ChannelDocument
from ..model.roles import own_fields
from ..values import format_time
from .state import State


def carried_floor(state: State, documents: Iterable[ChannelDocument]) -> bytes:
    """Return the document for an app to carry beside its root."""
    channels = {
        f"{document.app}/{document.channel}": CarriedChannel(revision=document.revision, lowest=document.floor)
        for document in documents
    }
    return encode(
        CarriedFloor(
            repository=own_fields(state.root.signed)["repository"],
            root=state.root.signed.version,
            timestamp=state.timestamp.signed.version,
            snapshot=state.snapshot.signed.version,
            issued=format_time(state.issued),
            channels=channels,
        )
    )
