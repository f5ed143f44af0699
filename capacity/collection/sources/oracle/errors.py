"""What Oracle's numbers, and those of the driver (DPY, without Oracle's client), mean to who connects."""

PASSWORD = "{server} refuses the login of user {user}: check name and password."
FULL = ("too_many_connections", "{server} has no connection left: raise PROCESSES, or try again later.")
SERVICE = (
    "unknown_database",
    "{server} knows no such service or SID: correct the database to connect to (a service name, or sid:NAME).",
)
CLIENT = "{server} wants %s, which WhaleFall's driver does not have: %s."
CONNECT_ERRORS = {
    "ORA-01017": ("wrong_password", PASSWORD),
    "ORA-01005": ("wrong_password", PASSWORD),
    "ORA-28000": ("wrong_password", "The account {user} of {server} is locked: unlock it."),
    "ORA-28001": ("wrong_password", "The password of user {user} on {server} has expired: set a new one."),
    "ORA-01045": ("missing_privilege", "User {user} may not log in to {server}: GRANT CREATE SESSION."),
    "ORA-12514": SERVICE,
    "ORA-12505": SERVICE,
    "DPY-6001": SERVICE,
    "DPY-6003": SERVICE,
    "ORA-12516": FULL,
    "ORA-12519": FULL,
    "ORA-12520": FULL,
    "ORA-00018": FULL,
    "ORA-00020": FULL,
    "ORA-01033": ("starting", "{server} is starting up or shutting down: try again later."),
    "ORA-01034": ("starting", "{server} is not open: start it up."),
    "DPY-3010": (
        "too_old",
        "{server} is older than Oracle 12.1, which cannot be collected: import its samples by CSV.",
    ),
    "DPY-3015": (
        "wrong_password",
        CLIENT
        % ("a password of the old 10G kind", "set the user's password anew, with SQLNET.ALLOWED_LOGON_VERSION 12"),
    ),
    "DPY-3001": (
        "connection_failed",
        CLIENT % ("native network encryption", "set TLS to {require}, and let the listener speak TCPS"),
    ),
    "DPY-4011": (
        "connection_failed",
        "{server} hung up during the login: native network encryption cannot be spoken (let the listener speak TCPS, "
        "and set TLS to {require}), or a firewall stands between.",
    ),
}
CONNECT_ERRORS["ORA-12660"] = CONNECT_ERRORS["ORA-12650"] = CONNECT_ERRORS["DPY-3001"]
NO_SUCH_VIEW = ("ORA-00942", "ORA-01031", "ORA-41900")
