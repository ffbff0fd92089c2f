"""The cameras of a run, side by side, as H.264 that every browser plays."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vista.types import U8

_CLOSE_S = 20.0
_LONGEST_STILL_S = 10.0


def side_by_side(images: Mapping[str, U8]) -> U8:
    """One image u8 (H, W, 3) of all cameras, by name; sides are even, as the pixel format wants."""
    tiles = [images[name] for name in sorted(images)]
    height = max(tile.shape[0] for tile in tiles)
    height += height % 2
    padded = [np.pad(t, ((0, height - t.shape[0]), (0, t.shape[1] % 2), (0, 0))) for t in tiles]
    return np.ascontiguousarray(np.concatenate(padded, axis=1))


class Video:
    """Writes frames as they come, in the robot's time: a second of video is a second of the robot.

    Encoding runs in a process and is fed from a thread, so that a slow disk never holds up the arm;
    frames that do not fit are left out. The file can be played although it was cut off. Thread-safe.

    Args:
        path: The ``.mp4`` file.
        fps: Frames a second; in between, the last one stays.
    """

    def __init__(self, path: Path, fps: int = 10) -> None:
        self.path, self.fps, self.error = path, fps, ""
        self._queue: queue.Queue[tuple[U8, int] | None] = queue.Queue(maxsize=64)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._last: tuple[U8, int] | None = None
        self._start_ns, self._closed = 0, False

    def add(self, images: Mapping[str, U8], stamp_ns: int) -> None:
        """Show ``images`` {camera: u8 (H, W, 3)} from ``stamp_ns`` [ns, robot clock] on."""
        if not images:
            return
        frame = side_by_side(images)
        with self._lock:
            if self._closed:
                return
            if self._last is None:
                self._start_ns = stamp_ns
                self._thread = threading.Thread(target=self._feed, name="video", daemon=True)
                self._thread.start()
            index = round((stamp_ns - self._start_ns) * 1e-9 * self.fps)
            if self._last is not None:
                before, since = self._last
                if index <= since or frame.shape != before.shape:
                    return
                # The robot's clock may leap: a still of that length tells nobody anything.
                shown = min(index - since, int(_LONGEST_STILL_S * self.fps))
                try:
                    self._queue.put_nowait((before, shown))
                except queue.Full:
                    return  # the frame before stays a little longer: time in the video stays right
                self._start_ns += int((index - since - shown) / self.fps * 1e9)
                index = since + shown
            self._last = (frame, index)

    def close(self) -> bool:
        """Finish the file, within a deadline. True when there is one; else ``error`` says why not."""
        with self._lock:
            already, self._closed = self._closed, True
            last, thread = self._last, self._thread
        if thread is None:
            return False
        if not already and last is not None:
            with contextlib.suppress(queue.Full):
                self._queue.put((last[0], self.fps // 2), timeout=_CLOSE_S)
                self._queue.put(None, timeout=_CLOSE_S)
        thread.join(_CLOSE_S)
        if thread.is_alive() and self._process is not None:
            self._process.kill()
            self.error = self.error or "the encoder did not finish in time"
        return not self.error and self.path.is_file() and self.path.stat().st_size > 0

    def _feed(self) -> None:
        try:
            item = self._queue.get()
            if item is None:
                return
            self._process = self._start(item[0])
            assert self._process.stdin is not None
            while item is not None:
                for _ in range(item[1]):
                    self._process.stdin.write(item[0].data)
                item = self._queue.get()
            _, said = self._process.communicate(timeout=_CLOSE_S)
            if self._process.returncode != 0:
                self.error = _last_line(said) or f"the encoder ended with {self._process.returncode}"
        except ImportError:
            self.error = 'no encoder; pip install "vista-stack[report]"'
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.error = self._last_words() or f"{type(error).__name__}: {error}"
        finally:
            self._end_process()

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                # Closing flushes, which a dead encoder does not take.
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_CLOSE_S)

    def _start(self, frame: U8) -> subprocess.Popen[bytes]:
        import imageio_ffmpeg

        height, width = frame.shape[:2]
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error",
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(self.fps), "-i", "-",
            "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "0", "-threads", "1",
            "-pix_fmt", "yuv420p", "-movflags", "+frag_keyframe+empty_moov+default_base_moof",
            str(self.path.absolute()),  # never taken for an option or for an address
        ]  # fmt: skip
        # Its own session: Ctrl-C in the terminal must end the run, not the film of it.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _last_words(self) -> str:
        if self._process is None or self._process.stderr is None:
            return ""
        with contextlib.suppress(Exception):
            self._process.wait(timeout=1.0)
            return _last_line(self._process.stderr.read())
        return ""


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
