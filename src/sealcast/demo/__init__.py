"""The guided tour: the whole main job on two real releases, through the command line, attacks included."""

from .packages import Pair, two_releases
from .tour import Outcome, Story, tour

__all__ = ["Outcome", "Pair", "Story", "tour", "two_releases"]
