"""A form with a second button, which shows what is filled in would do and saves nothing."""

from typing import Any

from django import forms
from django.utils.functional import Promise

PREVIEW = "_preview"  #: the name of the button


def preview_button(description: str | Promise) -> dict[str, Any]:
    """For the line of buttons below the form."""
    return {"action_name": PREVIEW, "description": description, "attrs": {}}


class PreviewedForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_preview:
            self.fields["name"].required = False  # it is what one thinks of last

    @property
    def is_preview(self) -> bool:
        return PREVIEW in self.data

    def is_valid(self) -> bool:
        # A preview is shown again as a form with errors would be.
        return super().is_valid() and not self.is_preview
