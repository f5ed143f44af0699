from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

#: One word, or two with a colon between them. No comma: tags stand in one cell of a CSV, separated by it.
WORD = r"\w(?:[\w .+@/-]*[\w.+@/-])?"
is_tag_name = RegexValidator(
    rf"\A{WORD}(?::{WORD})?\Z",
    _(
        "A tag is a word, or key:value such as team:billing. In it there are letters, digits, blanks and the "
        "characters . + @ / _ -"
    ),
    "invalid_tag",
)


class Tag(models.Model):
    """What instances are put together by: whose they are, or where. Tags with the same key make up a total."""

    name = models.CharField(
        _("name"),
        max_length=60,
        unique=True,
        validators=[is_tag_name],
        help_text=_("A word, or key:value such as team:billing. Pages show a total for each tag of a key."),
    )

    class Meta:
        db_table = "tags"
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def tag_key(name: str) -> str:
    """The part before the colon; "" of a plain word. Pure."""
    return name.partition(":")[0] if ":" in name else ""
