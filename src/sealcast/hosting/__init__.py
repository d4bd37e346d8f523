"""Where a site is stored: stores, and the plan that brings one up to date."""

from .plan import Plan, Upload, plan_upload
from .stores import FolderStore, Store, Stored

__all__ = ["FolderStore", "Plan", "Store", "Stored", "Upload", "plan_upload"]
