"""What went wrong while connecting: a SQLSTATE tells where it can be seen, and else the server's words."""

# (SQLSTATE or "", words in English or Chinese, code, sentence). Before a login the driver has no SQLSTATE; the
# gate sees the one that came unencrypted.
CONNECT_ERRORS = (
    ("", r"authentication method requirement", "password_not_sent", ""),  # Source.unencrypted
    ("", r"no pg_hba\.conf entry|pg_hba\.conf rejects", "not_allowed",
     "{server} does not let user {user} in from this machine: add a line to its pg_hba.conf."),
    ("28P01", r"password authentication failed|no password supplied|认证失败", "wrong_password",
     "{server} refuses the login of user {user}: check name and password."),
    ("", r"role .* does not exist", "wrong_password",
     "{server} refuses the login of user {user}: check name and password."),
    ("3D000", r"database .* does not exist|数据库 .*不存在", "unknown_database",
     "{server} has no such database to connect to: correct it, or leave it empty."),
    ("42501", r"permission denied for database", "missing_privilege",
     "User {user} may not connect to that database: GRANT CONNECT, or name another one."),
    ("53300", r"too many (clients|connections)|remaining connection slots", "too_many_connections",
     "{server} has no connection left for user {user}: raise max_connections, or try again later."),
    ("57P03", r"the database system is", "starting",
     "{server} is starting up or shutting down: try again later."),
    ("", r"server does not support SSL", "tls_refused",
     "{server} does not speak TLS, which the instance asks for: turn ssl on there, or set TLS to {prefer}."),
    ("", r"SSL error|does not match host name|root certificate", "tls_certificate", ""),
    ("28000", r"", "not_allowed",
     "{server} does not let user {user} in: check name, password and its pg_hba.conf."),
    ("", r"invalid response to SSL negotiation|expected authentication request from server|lost synchronization|"
     r"unsupported frontend protocol|authentication method \d+ not supported", "connection_failed",
     "{server} does not answer like a PostgreSQL server: is it one, and is the port right?"),
)  # fmt: skip

INSUFFICIENT_PRIVILEGE, QUERY_CANCELED, LOCK_NOT_AVAILABLE = "42501", "57014", "55P03"
