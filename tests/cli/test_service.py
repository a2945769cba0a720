"""`edgecls service` over an image."""

import json


def test_install_status_uninstall(edgecls, tmp_path):
    image = tmp_path / "image"
    image.mkdir()
    where = ("--root", str(image), "--format", "json")
    done = edgecls("service", "install", "gate", *where)
    assert {"path": "/etc/edgecls/gate.toml", "state": "written"} in json.loads(done.stdout)
    assert done.stderr.splitlines()[-1] == (
        "edgecls: edgecls@gate.service starts when the image boots; its configuration is /etc/edgecls/gate.toml"
    )
    (image / "etc/edgecls/gate.toml").write_text('source.path = "/srv"')
    edgecls("service", "install", "gate", *where)
    states = {each["path"]: each["state"] for each in json.loads(edgecls("service", "status", "gate", *where).stdout)}
    assert states["/etc/edgecls/gate.toml"] == "edited"
    (image / "etc/edgecls/gate.toml").write_text("threads = 0")
    done = edgecls("service", "status", "gate", *where, code=1)
    assert "wrong: /" in done.stdout
    (image / "etc/edgecls/gate.toml").write_text('source.path = "/srv"')
    done = edgecls("service", "uninstall", "gate", *where)
    assert "kept /etc/edgecls/gate.toml" in done.stderr
    assert (image / "etc/edgecls/gate.toml").read_text() == 'source.path = "/srv"'
    edgecls("service", "status", "gate", *where, code=1)


def test_what_cannot_be(edgecls, tmp_path):
    assert "cannot name a service" in edgecls("service", "install", "../x", "--root", str(tmp_path), code=2).stderr
    assert "no folder at" in edgecls("service", "install", "--root", str(tmp_path / "none"), code=66).stderr
