"""A minimal reverse proxy on loopback."""

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextlib.contextmanager
def proxy(port, *, keep_host, cut=""):
    """Forward requests to `port` of this machine; yield the proxy's own port.

    `keep_host`: the Host header as it came, or that of the server behind; `cut`: a beginning of paths to leave out.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            length = int(self.headers.get("content-length", 0))
            headers = dict(self.headers.items())
            if not keep_host:
                headers["Host"] = f"127.0.0.1:{port}"
            behind = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            behind.request(self.command, self.path.removeprefix(cut), self.rfile.read(length), headers)
            answer = behind.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "date", "connection"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True
            behind.close()

        do_POST = do_GET  # noqa: N815  # as http.server calls it

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
