"""Stream photographs in a loop from an RTSP server on loopback, like a camera.

    /usr/bin/python3 rtsp_server.py PORT FOLDER [FRAMES_A_SECOND]

FOLDER holds 0.jpg, 1.jpg, ... of one size. Needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi and GStreamer's good and ugly
plugins. Port 0 takes a free one; what was taken is printed when the server listens. The stream is at /camera, H.264.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    "( multifilesrc location={folder}/%d.jpg loop=true caps=image/jpeg,framerate={fps}/1 ! jpegdec ! videoconvert"
    " ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! rtph264pay name=pay0 )"
)


def serve(port, folder, fps):
    """Serve until the process is killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE.format(folder=folder, fps=fps))
    factory.set_shared(True)
    server.get_mount_points().add_factory("/camera", factory)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print(server.get_bound_port(), flush=True)  # noqa: T201 - this is how the test learns it
    GLib.MainLoop().run()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "10")
