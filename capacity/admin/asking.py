"""A page that asks before something is done to the chosen rows of a list, and what else it has to know."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from sync_sessions.common.words import listed

NAMES_SHOWN = 20


def ask(
    model_admin: ModelAdmin,
    request: HttpRequest,
    text: str,
    button: str,
    rows: QuerySet[Any],
    *columns: str,
    form: Form | None = None,
    back: str = "",
    of_chosen: bool = True,
    waits: str = "",
) -> TemplateResponse:
    """Its form posts the same action again, with the answer. `text` has a %(count)d; `columns` make up a row's name.

    `back`: where one comes from, if not the list; `of_chosen`: the rows are chosen ones, and chosen again with it;
    `waits`: why what it would queue waits.
    """
    count = rows.count()
    names = [" ".join(filter(None, one)) for one in rows.values_list(*columns)[:NAMES_SHOWN]]
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": text % {"count": count},
        "names": some(names, count),
        "button": button,
        "form": form,
        "waits": waits,
        "selected": request.POST.getlist("_selected_action") if of_chosen else (),
        "action": request.POST.get("action", ""),
        "select_across": request.POST.get("select_across", "0"),
        "fleet": not of_chosen,
        "back": back or request.get_full_path(),
    }
    return TemplateResponse(request, "capacity/instance/confirm.html", context)


def some(names: Sequence[str], count: int) -> str:
    """The first of so many names, and how many more there are."""
    text, more = listed(names[:NAMES_SHOWN]), count - NAMES_SHOWN
    if more <= 0:
        return text
    return ngettext("%(names)s and %(more)d more", "%(names)s and %(more)d more", more) % {"names": text, "more": more}
