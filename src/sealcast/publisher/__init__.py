"""The publisher: a workspace, what goes into it, and how it becomes a site. `Repository` is its face."""

from .adding import NewRelease
from .catalogue import ReleaseRecord
from .creation import template_folder
from .differences import Differences
from .publication import Publication
from .refresh import Refreshed, RoleStatus
from .repository import Added, Repository
from .workspace import Workspace

__all__ = [
    "Added",
    "Differences",
    "NewRelease",
    "Publication",
    "Refreshed",
    "ReleaseRecord",
    "Repository",
    "RoleStatus",
    "Workspace",
    "template_folder",
]
