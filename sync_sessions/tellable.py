"""What a run says of its errors, for this reader.

The stored texts are those of servers, drivers and databases: they name hosts, addresses and statements, so they are
for staff and who edits the inventory. Whoever is not is told the sentence of the error's code, in their language.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from sync_sessions.choices import RecordStatus
from sync_sessions.models import SyncInstanceRecord
from sync_sessions.reasons import sentence_of

#: Where the texts stand: in sessions, records, their `sync_details`, and the outcomes of instances.
TEXTS = {"error_message", "message", "error", "errors", "reason", "notes"}


def may_see_servers(reader: Any) -> bool:
    """Who is told the addresses of servers and what they say: one rule, for inventory and errors alike.

    Staff, and who may set those addresses.
    """
    return bool(reader.is_staff or reader.has_perm("capacity.change_instance"))


def tellable(data: Any, reader: Any, session_id: object, code: str = "") -> Any:
    """A session, a record or an outcome as JSON, as `reader` may see it. The nearest `error_code` counts."""
    if may_see_servers(reader):
        return data
    if isinstance(data, Mapping):
        code = data.get("error_code", code)
        return {
            key: _told(value, code, session_id) if key in TEXTS else tellable(value, reader, session_id, code)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [tellable(one, reader, session_id, code) for one in data]
    return data


def tellable_result(result: Mapping[str, Any], reader: Any) -> Mapping[str, Any]:
    """The result of a run, whose `message` is its numbers, as `reader` may see it. One query if it has errors."""
    if may_see_servers(reader):
        return result
    session_id = result["session"]["session_id"]
    told = {**result, "session": tellable(result["session"], reader, session_id)}
    if result.get("errors"):
        # Each is a text; the codes are on the records.
        failed = SyncInstanceRecord.objects.filter(session__session_id=session_id, status=RecordStatus.FAILED)
        rows = failed.order_by("id").values_list("instance_name", "error_code", "error_message")
        told["errors"] = [f"{name}: {_told(text, code, session_id)}" for name, code, text in rows]
    if "instances" in result:
        told["instances"] = tellable(result["instances"], reader, session_id)
    return told


def _told(stored: Any, code: str, session_id: object) -> Any:
    if isinstance(stored, list | tuple):
        return [_told(one, code, session_id) for one in stored]
    if not stored:
        return stored
    asking = _("The reason is for staff: ask them, with the session id %(id)s.") % {"id": session_id}
    return sentence_of(code) or asking
