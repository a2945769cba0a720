"""`run --check` of a service's configuration, by root, tries also as the service's user. With an /etc of its own."""

import os
import shutil
import subprocess
import sys

import pytest

UNSHARED = ("unshare", "--mount", "--propagation", "private")
UID = 54321


@pytest.fixture
def service(temporary_folder, tiny_model):
    """The folder of a service, and how to run a command where /etc/edgecls and the user exist; root alone may do that."""
    folder = temporary_folder / "service"
    for name in ("etc/edgecls", "inbox"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    shutil.copy(tiny_model.path, folder / "model.tflite")
    (folder / "etc/edgecls/edgecls.toml").write_text(
        f'model = "{folder}/model.tflite"\ndatabase = "{folder}/results.db"\n'
        f'[source]\npath = "{folder}/inbox"\nafter = "move"\n'
    )
    (folder / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\nedgecls:x:{UID}:{UID}::/:/bin/sh\n")
    for name in ("group", "ld.so.cache"):
        if os.path.exists(f"/etc/{name}"):
            shutil.copy(f"/etc/{name}", folder / "etc")
    command = [*UNSHARED, "sh", "-c", f'mount --bind {folder}/etc /etc && exec "$@"', "sh"]
    if os.getuid() or subprocess.run([*command, "true"], capture_output=True).returncode:
        shutil.rmtree(folder)
        pytest.skip("may not make a mount namespace here")
    yield folder, [*command, sys.executable, "-m", "edgecls"]
    shutil.rmtree(folder)


def test_a_check_by_root_asks_for_the_user_of_the_service(service, environment, tmp_path):
    folder, edgecls = service

    def check():
        command = [*edgecls, "run", "--config", "/etc/edgecls/edgecls.toml", "--check"]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    closed = check()
    assert closed.returncode == 78
    assert f"database: user edgecls may not use {folder} (owner root, mode 0755)" in closed.stderr
    assert f"source: user edgecls may not use {folder}/inbox (owner root, mode 0755)" in closed.stderr
    for path in (folder, folder / "inbox", *(folder / "inbox").iterdir()):
        os.chown(path, UID, UID)
    opened = check()
    assert (opened.returncode, opened.stderr) == (0, "")
