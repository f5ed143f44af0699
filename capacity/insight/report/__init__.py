"""The report of a month over the fleet or a selection: data first, then as one page or as CSV."""

from .data import Report, make_report, month_of
from .output import as_csv, as_dict, as_html

__all__ = ["Report", "as_csv", "as_dict", "as_html", "make_report", "month_of"]
