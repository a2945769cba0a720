"""A camera's web server on loopback, for tests."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WebServer(ThreadingHTTPServer):
    """Gives each request to `answer`, a function of the handler; `requested` lists the paths."""

    daemon_threads = False

    def __init__(self, answer):
        self.answer, self.requested = answer, []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requested.append(self.path)
        try:
            self.server.answer(self)
        except OSError:  # the client has disconnected
            self.close_connection = True

    def log_message(self, *_):
        pass


@contextmanager
def web_server(answer):
    """Run a server."""
    with WebServer(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def send(handler, data, kind="image/jpeg", code=200, headers=()):
    """Answer with `data`."""
    handler.send_response(code)
    for name, value in [("Content-Type", kind), ("Content-Length", str(len(data))), *headers]:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def send_stream(handler, pictures, boundary="edge", length=True, seconds=0.025):
    """Answer with motion JPEG. A picture is (its bytes, the bytes of it that are sent) or bytes."""
    handler.send_response(200)
    handler.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={boundary}")
    handler.end_headers()
    for each in pictures:
        whole, sent = each if isinstance(each, tuple) else (each, each)
        head = f"--{boundary}\r\nContent-Type: image/jpeg\r\n"
        head += f"Content-Length: {len(whole)}\r\n\r\n" if length else "\r\n"
        handler.wfile.write(head.encode() + sent + b"\r\n")
        time.sleep(seconds)
