"""An RTSP server in its own process, and whether this machine can run it."""

import subprocess
from pathlib import Path

PYTHON = "/usr/bin/python3"  # Debian's, for which its GStreamer bindings are made
SERVER = Path(__file__).with_name("rtsp_server.py")
NEEDS = "needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-{base,good,ugly}"
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer as _; "
PROBE += "Gst.init(None); assert all(map(Gst.ElementFactory.find, ('x264enc', 'rtph264pay', 'jpegdec')))"


def has_gstreamer():
    return Path(PYTHON).exists() and not subprocess.run([PYTHON, "-c", PROBE], capture_output=True).returncode


class RtspServer:
    """A server to kill, stop and restart on the same port; it streams 0.jpg, 1.jpg, ... of a folder in a loop."""

    def __init__(self, folder):
        self.folder, self.port = folder, "0"
        self.start()
        self.address = f"rtsp://127.0.0.1:{self.port}/camera"
        self.shown = f"rtsp://127.0.0.1:{self.port}/..."

    def start(self):
        command = [PYTHON, SERVER, self.port, self.folder, "50"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()
        assert self.port

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
