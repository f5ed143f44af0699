"""Setting one limit for many: databases or instances, each its own or all on one volume."""

import pytest
from django.urls import reverse

from capacity.models import CapacityLimit, DatabaseState, Instance
from capacity.tests.outlooks import GIB, limit, make_stories

from .staff import history, logged_in, told, words

pytestmark = pytest.mark.django_db

DATABASES = reverse("admin:capacity_databasestate_changelist")
INSTANCES = reverse("admin:capacity_instance_changelist")
TIB = str(2**40)


@pytest.fixture
def stories():
    """Of "a" sales has 130 GiB and audit 30; "b" has one database of 10."""
    return make_stories()


@pytest.fixture
def editor(db):
    return logged_in("view_databasesizestat", "view_instance", "add_capacitylimit", "change_capacitylimit")


def set_limit(client, rows, url=DATABASES, **answer):
    """Chooses the action for these rows; with an answer to its question."""
    given = {"confirmed": "yes", "amount": "1", "unit": TIB, "whose": "each", "shared_key": "", "note": ""} | answer
    chosen = {"action": "set_limit", "_selected_action": [one.pk for one in rows]}
    return client.post(url, chosen | (given if answer else {}))


def databases(*names):
    return list(DatabaseState.objects.filter(database_name__in=names).order_by("database_name"))


def limits():
    columns = ("instance__name", "database_name", "limit_bytes", "source", "shared_key", "note")
    return list(CapacityLimit.objects.order_by("instance__name", "database_name").values_list(*columns))


def test_it_asks_which_and_of_what(editor, stories):
    page = set_limit(editor, databases("sales", "audit"))
    assert "Which limit shall these 2 get? a audit, a sales" in words(page)
    assert limits() == []


def test_each_gets_a_limit_of_its_own(editor, stories):
    answer = set_limit(editor, databases("sales", "audit"), amount="1.5", note="agreed in May")
    assert told(answer) == [("success", "Limit 1.5 TiB: 2 entered, 0 replaced.")]
    size = 3 * 2**39
    assert limits() == [
        ("a", "audit", size, "manual", "", "agreed in May"),
        ("a", "sales", size, "manual", "", "agreed in May"),
    ]
    assert all(one.updated_by.is_staff for one in CapacityLimit.objects.all())
    assert [text for _key, text in history()] == ["Added.", "Added."]


def test_a_limit_may_be_as_large_as_any_size(editor, stories):
    for amount, unit in [(8_388_607, TIB), (8_388_607 * 1024, GIB)]:
        set_limit(editor, databases("sales"), amount=str(amount), unit=str(unit))
        assert [one[2] for one in limits()] == [8_388_607 * 2**40]


def test_they_share_a_volume(editor, stories):
    set_limit(editor, databases("sales", "audit", "app"), whose="shared", shared_key="D:")
    assert {(one[2], one[4]) for one in limits()} == {(2**40, "D:")}
    page = editor.get(DATABASES)
    assert "used 17 % of 1.0 TiB (volume D:, shared by 3 databases)" in page.content.decode()


def test_one_that_was_entered_is_replaced_and_one_that_was_measured_stays(editor, stories):
    limit(stories["a"], 200, "sales")
    CapacityLimit.objects.update(note="old")
    limit(stories["a"], 300, "sales", source="volume")
    answer = set_limit(editor, databases("sales", "audit"), amount="400", unit=str(GIB))
    assert told(answer) == [("success", "Limit 400.0 GiB: 1 entered, 1 replaced.")]
    assert sorted(limits()) == [
        ("a", "audit", 400 * GIB, "manual", "", ""),
        ("a", "sales", 300 * GIB, "volume", "", ""),
        ("a", "sales", 400 * GIB, "manual", "", "old"),
    ]
    assert [text for _key, text in history()] == ["Added.", "Changed Limit and Volume."]


def test_instances_get_one_for_all_of_their_databases(editor, stories):
    answer = set_limit(editor, Instance.objects.all(), INSTANCES, whose="shared", shared_key="array 3")
    assert told(answer) == [("success", "Limit 1.0 TiB: 2 entered, 0 replaced.")]
    assert limits() == [
        ("a", "", 2**40, "manual", "array 3", ""),
        ("b", "", 2**40, "manual", "array 3", ""),
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"amount": "0"}, "Give a limit above 0, of 0.001 GiB or TiB or more."),
        ({"amount": "-5"}, "Give a limit above 0, of 0.001 GiB or TiB or more."),
        ({"amount": ""}, "Give the limit as a number of GiB or TiB, such as 500."),
        ({"amount": "much"}, "Give the limit as a number of GiB or TiB, such as 500."),
        ({"amount": "1.2345"}, "Give at most three decimals of a GiB or TiB."),
        ({"amount": "9000000"}, "Give at most 8388607 TiB."),
        ({"amount": "9000000000", "unit": str(GIB)}, "Give at most 8388607 TiB."),
        ({"amount": "9E+999999"}, "Give at most 8388607 TiB."),
        ({"whose": "shared"}, "Name the volume that they share."),
        ({"shared_key": "D:"}, "A volume is named, and yet each has a limit of its own: choose one of the two."),
        ({"whose": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_is_refused_in_words(editor, stories, answer, said):
    assert said in words(set_limit(editor, databases("sales"), **answer))
    assert limits() == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"amount": "100"}, "1 of them is larger than that already."),
        (
            {"amount": "150", "whose": "shared", "shared_key": "D:"},
            "Together they are larger than that already: 160.0 GiB.",
        ),
    ],
)
def test_a_limit_that_is_exceeded_at_once_is_entered_with_a_warning(editor, stories, answer, said):
    page = set_limit(editor, databases("sales", "audit"), unit=str(GIB), **answer)
    assert told(page)[1] == ("warning", said)
    assert len(limits()) == 2


@pytest.mark.parametrize("lacking", ["add", "change"])
def test_who_may_not_enter_and_change_limits_is_not_offered_it(stories, lacking):
    rights = {"add", "change"} - {lacking}
    reader = logged_in("view_databasesizestat", "view_instance", *(f"{verb}_capacitylimit" for verb in rights))
    for url in (DATABASES, INSTANCES):
        assert "set_limit" not in reader.get(url).content.decode()
    set_limit(reader, databases("sales"), amount="1")
    assert limits() == []
