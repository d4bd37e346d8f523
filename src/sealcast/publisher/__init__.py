"""The publisher: a workspace, what goes into it, and how it becomes a site. `Repository` is its face."""

from .adding import NewRelease
from .catalogue import ReleaseRecord
from .combining import Combined
from .creation import Wanted, create_shared
from .differences import Differences
from .publication import Publication
from .refresh import Refreshed, RoleStatus
from .repository import Added, Repository
from .template import template_folder
from .workspace import Workspace

__all__ = [
    "Added",
    "Combined",
    "Differences",
    "NewRelease",
    "Publication",
    "Refreshed",
    "ReleaseRecord",
    "Repository",
    "RoleStatus",
    "Wanted",
    "Workspace",
    "create_shared",
    "template_folder",
]
