"""Signed updates from plain files: any host can serve them, no host is trusted.

Applications use ``sealcast.client``; publishing tools use ``sealcast.publisher``. This package imports
neither, so that ``import sealcast`` costs nothing.
"""

__version__ = "0.1.0"
