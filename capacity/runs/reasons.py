"""Why a run or an instance in it ended as it did, by error code. Stored in English, shown in the reader's language."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from capacity.models import TlsMode

#: Why an instance was not aggregated: the sentence is all there is to say.
REASONS: Mapping[str, Promise | str] = {
    "no_samples": _("no samples in the period"),
    "instance_inactive": _("the instance is inactive"),
    "instance_unknown": _("there is no such instance"),
    "samples_purged": _(
        "samples of the period or of the one before it have been purged; its rows are kept as they are"
    ),
    "sum_overflow": _("the sizes add up to more than 2^63-1 bytes; check the samples of this instance"),
    "statement_timeout": _("the database took too long; the statement was stopped"),
    "result_missing": _("aggregation result missing"),
    "aggregation_disabled": _("Aggregation is switched off (WHALEFALL_AGGREGATION_ENABLED)."),
    "broker_unavailable": _("the queue did not take the run; check that Redis runs"),
}
#: In short, whatever the server; the stored text names it and says what to do.
COLLECTION_REASONS = {
    "refused": _("The server refuses connections."),
    "timeout": _("The server did not answer in time."),
    "unreachable": _("The server cannot be reached from this machine."),
    "connection_lost": _("The connection broke in the middle of the collection."),
    "connection_failed": _("The server could not be connected to."),
    "starting": _("The server is starting up or shutting down."),
    "wrong_password": _("The server refuses the user name or the password."),
    "password_not_sent": format_lazy(
        _('The server asks for the password in a form that only TLS may carry: set TLS to "{always}".'),
        always=TlsMode.REQUIRE.label,
    ),
    "answer_too_long": _("The server answered with more than any such server would, and was hung up."),
    "tls_refused": _("The server does not speak TLS, which the instance asks for."),
    "tls_required": _("The server takes encrypted connections only."),
    "tls_certificate": _("The server's certificate cannot be trusted."),
    "tls_ca_invalid": _("The TLS certificates of the instance cannot be read."),
    "tls_ca_missing": _("This machine has no file of certificates: give the instance its own."),
    "too_old": _("The server is too old to be collected from: import its samples by CSV."),
    "not_allowed": _("The server lets nobody in from this machine."),
    "missing_privilege": _("The user lacks a privilege."),
    "unknown_database": _("There is no such database to connect to."),
    "too_many_connections": _("The server has no connection left."),
    "no_user": _("The instance has no user name: set the one to collect with."),
    "no_host": _("The instance has no host: its samples are only pushed."),
    "not_in_prometheus": _("No series of a Prometheus is about the instance."),
    "prometheus_query": _("The Prometheus cannot answer the query of a mapping."),
    "prometheus_limit": _("The query of a mapping is too much for the Prometheus."),
    "no_answer": _("The server gives no answer."),
    "address_refused": _("The address of the source cannot be used."),
    "instance_deleted": _("The instance was deleted during the run."),
    "host_refused": _("The host of this instance may not be connected to."),
    "unknown_host": _("The name of the host is not known."),
    "engine_not_supported": _("This engine cannot be collected from: import its samples by CSV."),
    "nothing_sized": _("None of its databases could be sized."),
    "samples_rejected": _("The sizes that the server gave could not be stored."),
    "field_key_missing": _("The stored password cannot be decrypted: check WHALEFALL_FIELD_KEYS."),
}
TABLES_REASONS = {
    "tables_not_measured": _("None of its databases that changed could be measured."),
    "no_events": _("No database with a login has jumped, dropped or appeared since its tables were measured."),
    "left_for_next": _("Databases of other instances changed more: its own are left for the next run."),
}
GENERAL_REASONS = {
    "aggregation_failed": _("The aggregation failed."),
    "database_error": _("WhaleFall's own database reported an error."),
    "integrity_error": _("WhaleFall's own database refused what was to be written."),
    "data_error": _("WhaleFall's own database could not take a value."),
    "unexpected_error": _("Something unexpected happened; the log of the process has more."),
}
