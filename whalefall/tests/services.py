"""Says, a sentence each, which of the services that the whole of `make test` needs do not answer.

Exits with 0 when they all do.
"""

import os
import sys

import psycopg2
import pymysql
import redis

MYSQL_PORT = int(os.environ.get("WHALEFALL_TEST_MYSQL_PORT", 3306))
SERVICES = {
    "PostgreSQL": (
        lambda: psycopg2.connect(os.environ["TEST_DATABASE_URL"], connect_timeout=3).close(),
        "set TEST_DATABASE_URL to the URL of one",
    ),
    "Redis": (
        lambda: redis.Redis.from_url(os.environ["TEST_REDIS_URL"], socket_connect_timeout=3).ping(),
        "set TEST_REDIS_URL to the URL of one",
    ),
    "MariaDB": (
        lambda: pymysql.connect(host="127.0.0.1", port=MYSQL_PORT, user="root", connect_timeout=3).close(),
        "set WHALEFALL_TEST_MYSQL_PORT to the port of one on 127.0.0.1 (user root, no password)",
    ),
}


def missing():
    """A sentence for each service that does not answer."""
    for name, (connect, otherwise) in SERVICES.items():
        try:
            connect()
        except (psycopg2.Error, redis.RedisError, pymysql.Error, ValueError) as error:
            why = " ".join(str(error).split())
            yield f"{name} does not answer ({why}): start one, or {otherwise}."


if __name__ == "__main__":
    sentences = list(missing())
    print(*sentences)
    sys.exit(bool(sentences))
