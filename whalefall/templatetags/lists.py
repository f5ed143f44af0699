"""What the headers of lists need."""

import re
from typing import Any

from django import template
from django.http import QueryDict
from django.urls import reverse

from whalefall.theme.unfold import TITLES, title_of

register = template.Library()

#: Columns of numbers and times: who sorts by one wants the largest or the latest first.
LARGEST_FIRST = re.compile(
    r"column-(\w+_(bytes|percent|count|time|at|on)|databases|sample|coverage|period|started|created|made|until|duration"
    r"|items_synced|last_login|since|happened)\b"
)


@register.filter
def page_title(opts: Any) -> str:
    """What a list is called in the sidebar."""
    return title_of(opts)


@register.filter
def as_in_sidebar(part: dict[str, Any]) -> Any:
    """The title of a part of the trail; of a list that has a name of its own in the sidebar that one."""
    names = {reverse(f"admin:{label.replace('.', '_')}_changelist"): name for label, name in TITLES.items()}
    return names.get(str(part.get("link")), part["title"])


@register.filter
def sorted_by(header: dict[str, Any]) -> str:
    """The address of the list sorted by this column alone: the largest first of numbers and times."""
    address = QueryDict(header["url_primary"].removeprefix("?"), mutable=True)
    column = str(address["o"]).split(".")[0].lstrip("-")
    address["o"] = f"-{column}" if LARGEST_FIRST.search(header["class_attrib"]) else column
    return f"?{address.urlencode()}"
