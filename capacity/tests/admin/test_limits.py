"""Limits in the admin: people enter theirs in GiB or TiB, those that were measured stand beside them."""

import pytest
from django.urls import reverse

from capacity.models import CapacityLimit
from capacity.tests.outlooks import GIB, add_past, limit, make_stories

from .staff import history, logged_in, words

pytestmark = pytest.mark.django_db

URL = reverse("admin:capacity_capacitylimit_changelist")
ADD = reverse("admin:capacity_capacitylimit_add")
RIGHTS = [f"{verb}_capacitylimit" for verb in ("view", "add", "change", "delete")]


@pytest.fixture
def stories():
    return make_stories()


@pytest.fixture
def editor(db):
    return logged_in(*RIGHTS, "view_instance")


def fields(instance, database="", amount="1.5", unit=str(2**40), **more):
    body = {"instance": instance.pk, "database_name": database, "amount": amount, "unit": unit, "shared_key": ""}
    return {**body, "note": "", **more}


def page_of(one):
    return reverse("admin:capacity_capacitylimit_change", args=[one.pk])


def test_a_limit_is_entered_in_the_unit_that_one_has(editor, stories):
    assert editor.post(ADD, fields(stories["a"], "sales", note="array 3")).status_code == 302
    one = CapacityLimit.objects.get()
    assert (one.database_name, one.limit_bytes, one.source, one.note) == ("sales", 3 * 2**39, "manual", "array 3")
    assert one.updated_by.is_staff
    assert [text for _key, text in history()] == ["Added."]
    shown = editor.get(page_of(one)).context["adminform"].form
    assert (str(shown["amount"].value()), shown["unit"].value()) == ("1536", str(GIB))


def test_the_name_of_the_database_may_be_typed_with_its_accents_apart(editor, stories):
    add_past(stories["a"], "B\u00fcro", [5])
    assert editor.post(ADD, fields(stories["a"], "Bu\u0308ro")).status_code == 302
    assert CapacityLimit.objects.get().database_name == "B\u00fcro"


def test_a_limit_is_changed(editor, stories):
    one = limit(stories["a"], 2048)
    shown = editor.get(page_of(one)).context["adminform"].form
    assert (str(shown["amount"].value()), shown["unit"].value()) == ("2", str(2**40))
    assert editor.post(page_of(one), fields(stories["a"], amount="3", shared_key="D:")).status_code == 302
    one.refresh_from_db()
    assert (one.limit_bytes, one.shared_key) == (3 * 2**40, "D:")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"database_name": "nope"}, "a has no database named nope."),
        ({"amount": "0"}, "Give a limit above 0, of 0.001 GiB or TiB or more."),
        ({"amount": "9000000"}, "Give at most 8388607 TiB."),
        ({"amount": ""}, "Give the limit as a number of GiB or TiB, such as 500."),
        ({"database_name": "audit"}, "A limit of it is entered already: change that one."),
        ({"shared_key": "D:\x00"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_a_limit_is_refused(editor, stories, changes, said):
    limit(stories["a"], 100, "audit")
    answer = editor.post(ADD, {**fields(stories["a"]), **changes})
    assert said in words(answer)
    assert CapacityLimit.objects.count() == 1


def test_the_list_says_how_much_is_used_and_which_limit_counts(editor, stories):
    limit(stories["a"], 260, "sales")
    limit(stories["a"], 200, "sales", "tablespace")
    limit(stories["a"], 60, "audit", "volume", "D:")
    limit(stories["b"], 60, "app", "volume", "D:")
    said = words(editor.get(URL))
    assert "used 50 % of 260.0 GiB" in said
    assert "does not count beside: Entered" in said
    assert said.count("used 67 % of 60.0 GiB (volume D:, shared by 2 databases)") == 2


def test_what_was_measured_is_only_looked_at(editor, stories):
    measured, entered = limit(stories["a"], 100, "sales", "volume"), limit(stories["b"], 100)
    assert editor.get(page_of(measured)).status_code == 200
    assert editor.post(page_of(measured), fields(stories["a"], "sales")).status_code == 403
    assert (
        editor.post(reverse("admin:capacity_capacitylimit_delete", args=[measured.pk]), {"post": "yes"}).status_code
        == 403
    )
    chosen = {"action": "delete_selected", "_selected_action": [measured.pk, entered.pk], "post": "yes"}
    editor.post(URL, chosen)
    assert CapacityLimit.objects.count() == 2
    editor.post(URL, {**chosen, "_selected_action": [entered.pk]})
    assert CapacityLimit.objects.get() == measured


def test_who_may_only_look_sees_a_limit(stories):
    one, viewer = limit(stories["a"], 100, "sales"), logged_in("view_capacitylimit")
    said = words(viewer.get(page_of(one)))
    assert "100.0 GiB" in said and "Source Entered" in said
    assert viewer.get(ADD).status_code == 403
