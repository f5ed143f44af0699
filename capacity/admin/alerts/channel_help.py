"""What each kind of channel wants as its address and its secret; the form shows it for the kind that is chosen."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from capacity.admin.conditions import shown_if
from capacity.models import NotificationChannel
from sync_sessions.common.words import listed, told

Kind = NotificationChannel.Kind

_WEBHOOK = gettext_lazy("the address of the webhook, as the service shows it.")
_SIGNATURE = gettext_lazy("of the signature, if the robot has one.")
_BEARER = gettext_lazy("a bearer token, if it asks for one.")
ADDRESSES: dict[Kind, Any] = {
    Kind.EMAIL: gettext_lazy("addresses, separated by commas."),
    **dict.fromkeys((Kind.SLACK, Kind.TEAMS, Kind.DINGTALK, Kind.FEISHU, Kind.LARK, Kind.WECOM), _WEBHOOK),
    Kind.TELEGRAM: gettext_lazy("the id of the chat."),
    Kind.NTFY: gettext_lazy("the address of the topic."),
    Kind.WEBHOOK: gettext_lazy("the address that the messages are posted to."),
    Kind.ALERTMANAGER: gettext_lazy("where it answers, such as https://alertmanager.example.com."),
}
#: The other kinds have none.
SECRETS: dict[Kind, Any] = {
    Kind.DINGTALK: _SIGNATURE,
    Kind.FEISHU: _SIGNATURE,
    Kind.LARK: _SIGNATURE,
    Kind.TELEGRAM: gettext_lazy("the bot's token."),
    Kind.NTFY: _BEARER,
    Kind.WEBHOOK: gettext_lazy("signs each message."),
    Kind.ALERTMANAGER: _BEARER,
}


def _help(texts: Mapping[Kind, Any], always: Any) -> SafeString:
    kinds: dict[str, list[Kind]] = {}
    for kind, text in texts.items():
        kinds.setdefault(str(text), []).append(kind)
    lines = (
        (shown_if("kind", those), told(listed(one.label for one in those), text)) for text, those in kinds.items()
    )
    return format_html("{} {}", format_html_join(" ", '<span x-show="{}">{}</span>', lines), always)


#: In the language of whoever reads the form.
help_of = lazy(_help, str)
