"""What every list of the admin has in common, whatever the theme and Django let through."""

from itertools import chain
from typing import Any

from django.contrib import messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from unfold import admin as theme
from unfold.views import ChangeList

from .filters import complaints
from .names import without_case

MOST_DIGITS = 18
NUL = "\x00"  #: PostgreSQL takes no text with it


class ListedFilters(ChangeList):
    """A list that is filtered by what its `list_filter` names and by nothing else; the rest goes back to the list.

    Django's takes any look-up of any column: a regex that never ends, a year that no database knows.
    """

    result_list: Any  #: the rows of the page
    page_num: int
    no_page = 0  #: the number in the address, if the list has no such page and its first one is shown

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            found = super().get_filters(request)
        except DisallowedModelAdminLookup as error:
            raise IncorrectLookupParameters from error
        _specs, _any, left_over, *_rest = found
        if left_over or not all(map(_can_be_value, chain.from_iterable(self.get_filters_params().values()))):
            raise IncorrectLookupParameters
        return found

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        order = super().get_ordering(request, queryset)
        # Names that differ in nothing but case come in an order of their own, or one would stand on two pages.
        return [*(found for term in order for found in without_case(self.model, term)), "-pk"]

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (DataError, ValueError, OverflowError) as error:
            raise IncorrectLookupParameters from error  # a value that the column cannot have
        except IncorrectLookupParameters:
            if self.page_num == 1:
                raise
            self.no_page, self.page_num = self.page_num, 1
            super().get_results(request)
        if not self.show_full_result_count:
            # Nobody counts them all, so the theme need not tell that number from the one that is shown.
            self.full_result_count = self.result_count


def _can_be_value(text: str) -> bool:
    """Neither database takes a NUL, nor a number beyond 64 bits: where a filter's own form looks it up, too."""
    return NUL not in text and not (text.isdigit() and len(text) > MOST_DIGITS)


class ModelAdmin(theme.ModelAdmin):
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ListedFilters

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Of what is chosen from in forms and filters, too."""
        return [found for term in self.ordering or self.opts.ordering for found in without_case(self.model, term)]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        if NUL in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, extra_context)
        # Not of an action's answer, nor of an export: what nobody is shown need not be found.
        if changelist := (getattr(answer, "context_data", None) or {}).get("cl"):
            self._say_what_was_left_out(request, changelist)
            changelist.result_list = list(changelist.result_list)
            self.complete(changelist.result_list)
        return answer

    def _say_what_was_left_out(self, request: HttpRequest, changelist: Any) -> None:
        """An old link, or one typed by hand: else the rows would look like those it asks for."""
        if request.method != "GET":
            return
        said = self.left_out(changelist)
        if ERROR_FLAG in request.GET:
            said.append(_("This list has no such filter, or the filter no such value: it is shown without."))
        for text in said:
            self.message_user(request, text, messages.WARNING)

    def left_out(self, changelist: Any) -> list[str]:
        """A sentence for each thing that the address asks for and the list does not have."""
        said = [text for spec in changelist.filter_specs for text in complaints(spec)]
        if changelist.no_page:
            said.append(
                _("This list has no page %(number)d: its first one is shown.") % {"number": changelist.no_page}
            )
        return said

    def complete(self, rows: list[Any]) -> None:
        """Gives the rows of a page what they need to be shown; columns with a `prepare` see them all beforehand."""
        for column in self.list_display:
            if prepare := getattr(column, "prepare", None):
                prepare(rows)

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """What is chosen may come from anybody's script: keys that no row can have are refused."""
        if all(map(self.can_be_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            return super().response_action(request, queryset)
        self.message_user(request, _("There are no such rows: choose some of the list."), messages.ERROR)
        return self._back_to_list(request)

    def can_be_key(self, text: str) -> bool:
        """What stands in an address, or comes from a script, may be no key of any row."""
        try:
            self.opts.pk.clean(text, None)
        except ValidationError:
            return False
        return NUL not in text

    def _back_to_list(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(request.get_full_path())
