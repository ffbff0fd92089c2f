#!/usr/bin/env python3
"""Runs a command beside N processes that do nothing but keep a processor busy.

scripts/busy.py 4 ./run bench --suite long --cell two --episodes 50 --out runs/bench/busy
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys

MOST = 1024


def _burn() -> None:
    """Counts until it is ended, or whoever started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(1_000_000))


def main(words: list[str]) -> int:
    """The exit status of the command; 2 where the words are wrong, 127 where there is no such command."""
    count = int(words[0]) if words and words[0].isascii() and words[0].isdecimal() else 0
    if not 1 <= count <= MOST or len(words) < 2:
        print(f"busy: expected a number from 1 to {MOST} and a command, got {words}", file=sys.stderr)
        return 2
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=_burn, daemon=True) for _ in range(count)]
    try:
        for process in busy:
            process.start()
        command = subprocess.Popen(words[1:])
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the command hears Ctrl-C, too, and decides
                status = command.wait()
                return status if status >= 0 else 128 - status
    except OSError as error:
        print(f"busy: {words[1]}: {error.strerror}", file=sys.stderr)
        return 127
    finally:
        for process in busy:
            process.terminate()
        for process in busy:
            process.join(5.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
