"""A Prometheus of Debian with three exporters, on ports of this machine that are free; and one that only answers."""

import json
import os
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from capacity.models import DbType, PrometheusMapping, PrometheusSource, ReadingKind
from capacity.tests.servers import HOST, MYSQL_PORT, POSTGRESQL_PORT, closed_port, serving
from whalefall.tests.needs import require

NEEDED = ("prometheus", "prometheus-postgres-exporter", "prometheus-mysqld-exporter", "prometheus-node-exporter")


@contextmanager
def started(*command, **environment):
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def prometheus(folder: Path, history=""):
    """Its URL, once all three exporters have been scraped. `history` is OpenMetrics text that it has already."""
    for one in NEEDED:
        require(one)
    ports = {job: closed_port() for job in ("postgres", "mysql", "node")}
    own = closed_port()
    # The servers by their addresses: the label would be the exporter's.
    named = {"postgres": f"{HOST}:{POSTGRESQL_PORT}", "mysql": "maria", "node": f"{HOST}:{ports['node']}"}
    jobs = [
        {
            "job_name": job,
            "static_configs": [{"targets": [f"{HOST}:{port}"], "labels": {"instance": named[job]}}],
            "scrape_interval": "1s",
        }
        for job, port in ports.items()
    ]
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": jobs}))  # JSON is YAML
    if history:
        (folder / "history").write_text(history)
        few = "--max-block-duration=1440h"  # of the usual two hours there would be thousands
        arguments = ["create-blocks-from", "openmetrics", few, str(folder / "history"), str(folder / "data")]
        subprocess.run(["promtool", "tsdb", *arguments], check=True, capture_output=True)
    with ExitStack() as running:
        running.enter_context(
            started(
                "prometheus-postgres-exporter",
                f"--web.listen-address={HOST}:{ports['postgres']}",
                DATA_SOURCE_NAME=f"postgresql://postgres@{HOST}:{POSTGRESQL_PORT}/postgres?sslmode=disable",
            )
        )
        running.enter_context(
            started(
                "prometheus-mysqld-exporter",
                f"--web.listen-address={HOST}:{ports['mysql']}",
                "--collect.info_schema.tables",
                "--collect.info_schema.tables.databases=*",
                DATA_SOURCE_NAME=f"root@({HOST}:{MYSQL_PORT})/",
            )
        )
        running.enter_context(started("prometheus-node-exporter", f"--web.listen-address={HOST}:{ports['node']}"))
        running.enter_context(
            started(
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                "--storage.tsdb.retention.time=10y",
                f"--web.listen-address={HOST}:{own}",
            )
        )
        url = f"http://{HOST}:{own}"
        _wait_for(f"{url}/api/v1/query?{urlencode({'query': 'count(up == 1) == 3'})}")
        yield url


def _wait_for(url):
    for _attempt in range(300):
        try:
            with urlopen(url, timeout=5) as answer:
                if json.load(answer)["data"]["result"]:
                    return
        except (URLError, ConnectionError):
            pass  # not yet
        time.sleep(0.1)
    raise AssertionError("the exporters were not scraped within 30 s")


@contextmanager
def answering(*bodies, status="200 OK", headers=""):
    """A server that answers with these bodies in turn, the last one again and again; its URL and what it was asked."""
    asked = []

    def talk(connection):
        request = b""
        while b"\r\n\r\n" not in request or len(request.partition(b"\r\n\r\n")[2]) < _length(request):
            received = connection.recv(65536)
            if not received:  # it was hung up on: reading goes on giving nothing, and a thread would never end
                return
            request += received
        body = bodies[min(len(asked), len(bodies) - 1)]
        asked.append(request.decode())
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)

    with serving(talk) as port:
        yield f"http://{HOST}:{port}", asked


@contextmanager
def dripping():
    """A server that sends the beginning of an answer a byte at a time, forever; its URL."""

    def talk(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.2)

    with serving(talk) as port:
        yield f"http://{HOST}:{port}"


def _length(request):
    for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def vector(*series, value="100"):
    """An answer with these series, each given by its labels."""
    result = [{"metric": labels, "value": [1741140000, value]} for labels in series]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def make_source(url, **fields):
    return PrometheusSource.objects.create(**{"name": "prom", "url": url, **fields})


def make_mapping(source, **fields):
    defaults = {
        "name": "sizes",
        "query": "pg_database_size_bytes",
        "database_label": "datname",
        "kind": ReadingKind.SIZE,
        "db_type": DbType.POSTGRESQL,
    }
    return PrometheusMapping.objects.create(source=source, **{**defaults, **fields})
