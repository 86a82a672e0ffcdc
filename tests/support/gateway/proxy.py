"""nginx with the configuration that we ship, on a port of its own and before a server of ours."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.state import free_port
from tests.support.installation import ROOT
from tests.support.test_ca import Authority

CONFIGURATION = ROOT / "deploy" / "proxy" / "nginx.conf"
NGINX = Path("/usr/sbin/nginx")
NAME = "localhost"
CRM_NETWORK = "127.0.8.0/24"
ARCHIVE_NAME = "archive.localhost"
DESK_NAME = "desk.localhost"
DELIVERER_NETWORK = "127.0.7.0/24"
DESK_PAGES = 70
"""More than the 64 requests in hand that a client of the gateway may have."""
BODY_SECONDS = 1
READY_SECONDS = 10.0


def _configured(folder: Path, port: int, upstream: int, desk: int, authority: Authority) -> str:
    """The file, with what is said to be the reader's own changed, a shorter patience, and fewer
    pages of one address at the desk."""
    names = NAME, ARCHIVE_NAME, DESK_NAME
    shown, of_archive, at_desk = (authority.issued(name) for name in names)
    text = CONFIGURATION.read_text()
    for old, new in {
        "user www-data;": "user root;",
        "pid /run/nginx.pid;": f"pid {folder}/nginx.pid;",
        "error_log /var/log/nginx/error.log error;": f"error_log {folder}/error.log error;",
        "worker_processes auto;": "worker_processes 1; daemon off;",
        "client_body_timeout 10s;": f"client_body_timeout {BODY_SECONDS}s;",
        "/run/nginx-bodies": f"{folder}/bodies",
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        "127.0.0.1:8083": f"127.0.0.1:{upstream}",
        "127.0.0.1:8070": f"127.0.0.1:{desk}",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "listen [::]:443 ": f"listen [::1]:{port} ",
        "postkamer.example": NAME,
        "/etc/postkamer/tls/proxy.pem": str(shown.certificate),
        "/etc/postkamer/tls/proxy.key": str(shown.key),
        "10.1.0.0/24": CRM_NETWORK,
        "archief.example": ARCHIVE_NAME,
        "/etc/postkamer/tls/archive.pem": str(of_archive.certificate),
        "/etc/postkamer/tls/archive.key": str(of_archive.key),
        "balie.example": DESK_NAME,
        "/etc/postkamer/tls/desk.pem": str(at_desk.certificate),
        "/etc/postkamer/tls/desk.key": str(at_desk.key),
        "10.1.1.0/24": DELIVERER_NETWORK,
        "at_desk 600;": f"at_desk {DESK_PAGES};",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    if not has_ipv6():
        text = text.replace("        listen [::1]", "        # listen [::1]")
    paths = ("proxy", "fastcgi", "uwsgi", "scgi")
    more = "".join(f"    {each}_temp_path {folder}/{each};\n" for each in paths)
    return re.sub(r"^http \{\n", f"http {{\n{more}", text, flags=re.MULTILINE)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@contextmanager
def proxy_before(
    folder: Path, upstream: int, authority: Authority, desk: int | None = None
) -> Iterator[int]:
    """Port of nginx, which passes on to the gateway, or archiver, at the port `upstream`, and to a
    desk."""
    assert NGINX.exists(), "nginx is missing: deploy/setup.sh proxy"
    port, file = free_port(), folder / "nginx.conf"
    file.write_text(_configured(folder, port, upstream, desk or upstream, authority))
    process = subprocess.Popen(
        [NGINX, "-e", f"{folder}/error.log", "-p", folder, "-c", file], stderr=subprocess.PIPE
    )
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=READY_SECONDS)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1].decode()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("nginx does not listen")
