"""What MySQL's and MariaDB's error numbers mean to who connects."""

from pymysql.constants import ER

# By number where PyMySQL has no name:
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html (1698, 1820, 1862, 3024, 3159),
# https://dev.mysql.com/doc/mysql-errors/8.4/en/client-error-reference.html (2026),
# https://mariadb.com/kb/en/mariadb-error-code-reference/ (1969).
EXPIRED = ("wrong_password", "The password of user {user} on {server} has expired: set a new one.")
CONNECT_ERRORS = {
    ER.ACCESS_DENIED_ERROR: ("wrong_password", "{server} refuses the login of user {user}: check name and password."),
    # MariaDB also answers so when it knows no such user.
    1698: (
        "wrong_password",
        "{server} refuses the login of user {user}: check name and password, and that the account logs in by "
        "password (not unix_socket).",
    ),
    1862: EXPIRED,
    1820: EXPIRED,  # where disconnect_on_expired_password is off: told of the first statement
    ER.DBACCESS_DENIED_ERROR: (
        "missing_privilege",
        "User {user} may not use that database: grant it, or leave the database to connect to empty.",
    ),
    ER.BAD_DB_ERROR: (
        "unknown_database",
        "{server} has no such database to connect to: correct it, or leave it empty.",
    ),
    ER.HOST_NOT_PRIVILEGED: ("not_allowed", "{server} lets nobody in from this machine: create the user for it."),
    ER.HOST_IS_BLOCKED: ("not_allowed", "{server} has blocked this machine: run FLUSH HOSTS there."),
    ER.CON_COUNT_ERROR: (
        "too_many_connections",
        "{server} has no connection left: raise max_connections, or try again later.",
    ),
    3159: ("tls_required", "{server} takes encrypted connections only: set TLS to {require} or {prefer}."),
    2026: (
        "tls_refused",
        "{server} does not speak TLS, which the instance asks for: turn it on there, or set TLS to {prefer}.",
    ),
}
# The server has no such view, or keeps it from the user; a newer MySQL knows no names of files any more.
NO_SUCH_VIEW = (ER.UNKNOWN_TABLE, ER.BAD_FIELD_ERROR, ER.UNKNOWN_CHARACTER_SET, ER.SPECIFIC_ACCESS_DENIED_ERROR)
NO_SUCH_TABLE, NO_SUCH_DATABASE = ER.NO_SUCH_TABLE, ER.BAD_DB_ERROR
DENIED = (ER.TABLEACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR)
STATEMENT_TIMEOUT = (1969, 3024)  # MariaDB, MySQL
