"""Serve the JPEGs of a folder as a network camera does: motion JPEG over HTTP, 30 frames a second. Print the address.

python tools/device_benchmark/camera_stream.py FOLDER
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import ClassVar

FPS = 30


class Stream(BaseHTTPRequestHandler):
    """Streams to each client until it disconnects."""

    pictures: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        """Send frame after frame, each at its time."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        due = time.monotonic()
        try:
            for picture in cycle(self.pictures):
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
                self.wfile.write(head + picture + b"\r\n")
                due += 1 / FPS
                time.sleep(max(due - time.monotonic(), 0.0))
        except OSError:
            pass  # the client has disconnected

    def log_message(self, *_: object) -> None:
        """Log nothing."""


if __name__ == "__main__":
    Stream.pictures = [path.read_bytes() for path in sorted(Path(sys.argv[1]).glob("*.jpg"))]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    print(f"http://127.0.0.1:{server.server_port}/stream.mjpg", flush=True)
    server.serve_forever()
