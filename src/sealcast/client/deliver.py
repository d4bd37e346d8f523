"""Delivers one report: a program of its own, started by `sealcast.client.report` and waited for by nobody.

It reads one JSON object from standard input (``url``, ``command``, ``body``, ``seconds``) and ends within ``seconds``,
whatever the host or the command does. Started by its path and isolated (``python -I``), it knows the standard library
only. Nobody learns whether it failed.
"""

import ipaddress
import json
import os
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from typing import Any


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what was meant for one host is for no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def deliver(job: dict[str, Any]) -> None:
    """Post the body to the URL, and give it to the command; either may be empty."""
    body, seconds = str(job["body"]).encode(), float(job["seconds"])
    # Whatever hangs, in whatever call: the whole process ends.
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()
    waiting = []
    if job["url"]:
        waiting.append(threading.Thread(target=post, args=(job["url"], body, seconds)))
    if job["command"]:
        waiting.append(threading.Thread(target=tell, args=(job["command"], body, seconds)))
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    timer.cancel()


def post(url: str, body: bytes, seconds: float) -> None:
    """Post the body to an https URL, or to this very machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or "")):
        return
    proxies = urllib.request.ProxyHandler({} if parts.scheme == "http" else None)
    request = urllib.request.Request(  # noqa: S310 - the scheme is one of two
        url, data=body, headers={"Content-Type": "application/json", "User-Agent": "sealcast"}, method="POST"
    )
    with urllib.request.build_opener(proxies, _Stay).open(request, timeout=seconds):
        pass


def tell(command: list[str], body: bytes, seconds: float) -> None:
    """Give the body to a command as its standard input."""
    nowhere = subprocess.DEVNULL
    subprocess.run(command, input=body, stdout=nowhere, stderr=nowhere, timeout=seconds, check=False)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    deliver(json.load(sys.stdin))
