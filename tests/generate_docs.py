"""Writes again whatever part of ``docs/`` is made from the code: ``make docs``."""

from __future__ import annotations

from tests import documentation, schemas


def main() -> None:
    """Write the schemas, and what `tests.documentation` makes."""
    schemas.main()
    documentation.main()


if __name__ == "__main__":
    main()
