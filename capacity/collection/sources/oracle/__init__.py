"""Sizes of the tablespaces of an Oracle database."""

import ssl
from typing import Any

from capacity.collection.sources.answers import CollectionError, DatabaseSize, NotSized, Target, Unsized
from capacity.collection.sources.base import Source
from capacity.collection.sources.gate import LOOPBACK
from capacity.collection.sources.tls import context

from .errors import CONNECT_ERRORS, NO_SUCH_VIEW

SID = "sid:"
CONTAINER = "SELECT SYS_CONTEXT('USERENV', 'CON_ID') FROM dual"
ROOT = "1"  #: of a container database
# Size and limit of a tablespace, files of it and those that tell a size: a file that is offline does not.
FILES = """
    SELECT {name}, SUM(f.bytes), SUM(CASE WHEN f.autoextensible = 'YES' THEN GREATEST(f.maxbytes, f.bytes)
        ELSE f.bytes END), COUNT(*), COUNT(f.bytes) FROM {files} f{containers} GROUP BY {name}
"""


def _tablespaces(views: str, name: str, containers: str) -> str:
    both = (
        FILES.format(name=name, files=views + files, containers=containers) for files in ("data_files", "temp_files")
    )
    return " UNION ALL ".join(both) + " ORDER BY 1"


TABLESPACES = _tablespaces("dba_", "f.tablespace_name", "")
OF_CONTAINERS = _tablespaces(
    "cdb_", "c.name || '.' || f.tablespace_name", " JOIN v$containers c ON c.con_id = f.con_id"
)
CLOSED = "SELECT name, open_mode FROM v$containers WHERE open_mode NOT LIKE 'READ%' ORDER BY name"
GRANTS = (
    "User {user} may not read the sizes of {server}: GRANT SELECT ON DBA_DATA_FILES, DBA_TEMP_FILES (in the root of a "
    "container database CDB_DATA_FILES, CDB_TEMP_FILES and V_$CONTAINERS)."
)


class OracleSource(Source):
    """Every tablespace, the temporary ones included; in the root of a container database those of all open
    containers, as PDB.TABLESPACE.

    The size is that of the files, the limit what they may grow to; they are all data. The database to connect to
    is a service name, or sid:NAME. "require" and "verify-full" speak TCPS, which has a port of its own; "prefer"
    does not, as the listener offers nothing to prefer: the login is encrypted all the same.
    """

    engine = "Oracle"
    default_port = 1521
    limit_source = "tablespace"
    grants = (
        'CREATE USER whalefall_reader IDENTIFIED BY "...";\n'
        "GRANT CREATE SESSION TO whalefall_reader;\n"
        "GRANT SELECT ON dba_data_files TO whalefall_reader;\n"
        "GRANT SELECT ON dba_temp_files TO whalefall_reader;\n"
        "-- in the root of a container database, instead:\n"
        'CREATE USER c##whalefall_reader IDENTIFIED BY "..." CONTAINER = ALL;\n'
        "ALTER USER c##whalefall_reader SET CONTAINER_DATA = ALL CONTAINER = CURRENT;\n"
        "GRANT CREATE SESSION TO c##whalefall_reader CONTAINER = ALL;\n"
        "GRANT SELECT ON cdb_data_files TO c##whalefall_reader;\n"
        "GRANT SELECT ON cdb_temp_files TO c##whalefall_reader;\n"
        "GRANT SELECT ON v_$containers TO c##whalefall_reader;"
    )

    def connect(self, port: int) -> None:
        import oracledb  # here, as few have Oracle

        self._errors = oracledb.Error
        name = self.target.database
        if not name.removeprefix(SID):
            raise CollectionError(
                "unknown_database", "Give the service name of the database to connect to, or sid:NAME."
            )
        address = {"sid": name.removeprefix(SID)} if name.startswith(SID) else {"service_name": name}
        try:
            self._connection = oracledb.connect(
                host=LOOPBACK,
                port=port,
                user=self.target.user,
                password=self.target.password,
                program="whalefall",
                tcp_connect_timeout=self.target.connect_timeout,
                retry_count=0,
                disable_oob=True,
                **address,
                **self._security(),
            )
        except oracledb.Error as error:
            raise self._connect_error(error) from None
        except (OSError, ssl.SSLError) as error:
            raise self.at_the_gate(connecting=True) or self.strange(error) from None
        self._connection.call_timeout = int(self.target.statement_timeout * 1000)
        self._sizes: dict[str, tuple[int, int, int, int]] = {}
        self._closed: list[Unsized] = []

    def _security(self) -> dict[str, Any]:
        if self.target.tls_mode not in ("require", "verify-full"):
            return {"protocol": "tcp"}
        # The context checks the name itself: the driver would check that of the gate.
        return {"protocol": "tcps", "ssl_context": NamedContext.of(self.target), "ssl_server_dn_match": False}

    def server_version(self) -> str:
        return str(self._connection.version)

    def database_names(self) -> list[str]:
        try:
            if str(self._rows(CONTAINER)[0][0]) == ROOT:
                rows = self._rows(OF_CONTAINERS)
                closed = [(name, self.words(mode).lower()) for name, mode in self._rows(CLOSED)]
                self._closed = [Unsized(name, f"The container is {mode}: open it.") for name, mode in closed]
            else:
                rows = self._rows(TABLESPACES)
        except self._errors as error:
            if number_of(error) in NO_SUCH_VIEW:
                raise self.error("missing_privilege", GRANTS) from None
            raise self.lost(error) from None
        self._sizes = {
            name: (int(size or 0), int(limit or 0), files, sized) for name, size, limit, files, sized in rows
        }
        return list(self._sizes)

    def not_listed(self) -> list[Unsized]:
        return self._closed

    def size(self, database: str) -> DatabaseSize | None:
        size, limit, files, sized = self._sizes[database]
        if sized < files:
            raise NotSized(f"{files - sized} of its {files} files are offline.")
        return DatabaseSize(database, size, size, None, limit)

    def disconnect(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except self._errors:
                return  # the gate is closed: it cannot say goodbye

    def _connect_error(self, error: Exception) -> CollectionError:
        if told := self.at_the_gate(connecting=True):
            return told
        if "certificate verify failed" in f"{error} {error.__cause__}":
            return self.untrusted()
        if known := CONNECT_ERRORS.get(number_of(error)):
            return self.error(*known)
        return self.error("connection_failed", "{server} could not be connected to.", error)


class NamedContext(ssl.SSLContext):
    """Checks the certificate for the instance's host, whatever host the driver believes to speak to."""

    host: str

    @classmethod
    def of(cls, target: Target) -> "NamedContext":
        checked = context(target)
        made = cls(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = checked.check_hostname
        made.verify_mode = checked.verify_mode
        made.verify_flags = checked.verify_flags
        if checked.check_hostname:
            made.load_verify_locations(cadata=target.tls_ca) if target.tls_ca else made.load_default_certs()
        made.host = target.host
        return made

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*arguments, **{**options, "server_hostname": self.host})


def number_of(error: Exception) -> str:
    """ORA-01017, DPY-3015 and the like."""
    return str(getattr(error.args[0], "full_code", "")) if error.args else ""
