"""Camera addresses that contain a secret, in every form that cameras use."""

from hypothesis import strategies as st

SECRET = "s3cr3tPASS"
awkward = st.text("#/@?:;&=%+ \\.,!$'\"[]{}|0123456789", max_size=4)
secrets = st.builds(lambda before, after: f"{before}{SECRET}{after}", awkward, awkward)
users = st.sampled_from(["admin", "u", "", "me@home", "a/b", "12", "user:12/34", "%40"])
hosts = st.sampled_from(["cam.local", "10.0.0.7", "[::1]", "[fe80::1%25eth0]", "CAM-1"])
ports = st.sampled_from(["", ":554", ":8080"])
schemes = st.sampled_from(["rtsp", "RTSP", "rtsps", "http", "https", "rtmp", "udp", "srt", "gopher", "rtspx"])
FORMS = (
    "{scheme}://{user}:{secret}@{host}{port}/stream",
    "{scheme}://{secret}@{host}{port}",
    "{scheme}://{secret}:x@{host}{port}/Streaming/Channels/101?transportmode=unicast",
    "{scheme}://{host}{port}/user=admin&password={secret}&channel=1&stream=0.sdp?",
    "{scheme}://{host}{port}/user=admin_password={secret}_channel=1_stream=0.sdp",
    "{scheme}://{host}{port}/cgi-bin/snapshot.cgi?loginuse=admin&loginpas={secret}",
    "{scheme}://{host}{port}/snap?u={user}&p={secret}",
    "{scheme}://{host}{port}/{secret}/live",
    "{scheme}://{host}{port}#{secret}",
    "{scheme}://{host}{port}?{secret}",
    "{scheme}://{host}{port};{secret}",
    "{scheme}://{host}{port}\\{secret}",
    "{scheme}://{user}:{secret}@{host}{port}/x@y",
    "{scheme}:/{user}:{secret}@{host}{port}/stream",
    "{scheme}:{user}:{secret}@{host}{port}/stream",
    "{user}:{secret}@{host}{port}/stream",
    "//{user}:{secret}@{host}{port}/stream",
    "rtspsrc location={scheme}://{user}:{secret}@{host}/1 ! rtph264depay ! appsink",
    "{secret}",
)
addresses = st.builds(
    lambda form, **parts: form.format(**parts),
    st.sampled_from(FORMS), scheme=schemes, user=users, secret=secrets, host=hosts, port=ports,
)  # fmt: skip
