"""A PostgreSQL server for the tests of a study that several machines share."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

_UNPRIVILEGED = "postgres"  # the server refuses to run as root


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL (without a database) of a server of our own on 127.0.0.1, or of the one that
    GRIDTUI_TEST_POSTGRES names."""
    if given := os.environ.get("GRIDTUI_TEST_POSTGRES"):
        yield given.rpartition("/")[0]
        return
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    if os.geteuid() == 0 and not _is_user(_UNPRIVILEGED):
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="gridtui-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _UNPRIVILEGED)
    data, port = folder / "data", _free_port()
    try:
        _as_server(programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync")
        settings = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
        )
        settings += " -c fsync=off -c max_connections=40 -c shared_buffers=16MB"
        log = folder / "log"
        _as_server(programs / "pg_ctl", "-D", data, "-l", log, "-w", "-o", settings, "start")
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}"
    finally:
        if (data / "postmaster.pid").exists():
            _as_server(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty database."""
    psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    name = f"gridtui_{uuid4().hex[:12]}"
    admin = postgres_server.replace("+psycopg", "") + "/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _programs() -> Path | None:
    """The folder of initdb and pg_ctl, the newest if there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _as_server(*command: object) -> None:
    user = ["runuser", "-u", _UNPRIVILEGED, "--"] if os.geteuid() == 0 else []
    words = [*user, *map(str, command)]
    subprocess.run(words, check=True, capture_output=True, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
