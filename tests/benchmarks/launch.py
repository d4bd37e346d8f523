"""Run a command and write what it cost: a child's peak memory counts from the size of whoever forked it, so this stays
small and imports next to nothing.

    python -I -S launch.py REPORT COMMAND…
"""

import json
import os
import sys
import time


def main() -> int:
    """Run the command; write ``{"seconds", "cpu", "peak"}`` to REPORT, peak in bytes; return the command's status."""
    report, *command = sys.argv[1:]
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - start
    unit = 1 if sys.platform == "darwin" else 1024
    with open(report, "w") as file:  # noqa: PTH123 - pathlib costs more than all of this
        json.dump({"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * unit}, file)
    return os.waitstatus_to_exitcode(status) & 0xFF


if __name__ == "__main__":
    raise SystemExit(main())
