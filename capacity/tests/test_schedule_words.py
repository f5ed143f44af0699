"""What a schedule does and when: read from a row, written back, and in words. No database."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from capacity.errors import InputError
from capacity.periods import PERIODS, Period
from capacity.scheduling.job import TASKS, Job, What
from capacity.scheduling.times import Frequency, When
from capacity.scheduling.words import moment_words, period_words, sentence, what_words, when_words
from capacity.tests.schedules import crontab

pytestmark = pytest.mark.unit

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
AGGREGATE = TASKS[Job.AGGREGATE]

#: minute hour day-of-month month day-of-week: what the form shows, what it says
WHENS = {
    "0 3 * * *": (When("daily", time(3)), "every day at 03:00, Asia/Shanghai"),
    "20 4 * * 1": (When("weekly", time(4, 20), (1,)), "every Monday at 04:20, Asia/Shanghai"),
    "5 23 * * 0,3,6": (
        When("weekly", time(23, 5), (3, 6, 7)),
        "every Wednesday, Saturday, Sunday at 23:05, Asia/Shanghai",
    ),
    "40 4 1 * *": (When("monthly", time(4, 40)), "on day 1 of every month at 04:40, Asia/Shanghai"),
    "59 0 28 * *": (When("monthly", time(0, 59), day=28), "on day 28 of every month at 00:59, Asia/Shanghai"),
    "0 5 1 1,4,7,10 *": (
        When("quarterly", time(5)),
        "on day 1 of January, April, July, October at 05:00, Asia/Shanghai",
    ),
    "0 5 15 3,6,9,12 *": (
        When("quarterly", time(5), day=15, month=3),
        "on day 15 of March, June, September, December at 05:00, Asia/Shanghai",
    ),
}


@pytest.mark.parametrize("text", WHENS)
def test_a_crontab_is_read_said_and_written_back_as_it_was(text):
    when, words = WHENS[text]
    assert When.of(crontab(text)) == when
    assert when.crontab() == crontab(text)
    assert when_words(when, "Asia/Shanghai") == words


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("0 3 * * 1-5", When("weekly", time(3), (1, 2, 3, 4, 5))),
        ("0 3 * * mon,sun", When("weekly", time(3), (1, 7))),
        ("0 3 */1 * *", When("daily", time(3))),
        ("0 3 * * 0-6", When("daily", time(3))),
        ("0 3 2 */3 *", When("quarterly", time(3), day=2)),
    ],
)
def test_other_spellings_of_the_same_are_read_too(text, when):
    assert When.of(crontab(text)) == when


@pytest.mark.parametrize(
    "text",
    [
        "*/15 * * * *",
        "* * * * *",
        "0 3,4 * * *",
        "0,30 3 * * *",
        "0 3 1,15 * *",
        "0 3 29 * *",
        "0 3 31 2 *",
        "0 3 1 * 1",
        "0 3 * 1 *",
        "0 3 1 1 *",
        "0 3 1 1,7 *",
        "0 3 1 1,4,7 *",
        "0 3 * 1,4,7,10 1",
        "x 3 * * *",
        "60 3 * * *",
        "0 3 0 * *",
    ],
)
def test_what_the_form_has_no_words_for_is_not_bent_into_some(text):
    assert When.of(crontab(text)) is None


@pytest.mark.parametrize(
    ("task", "kwargs", "what"),
    [
        (TASKS[Job.COLLECT], "{}", What("collect")),
        (TASKS[Job.COLLECT], "", What("collect")),
        (TASKS[Job.TABLES], "{}", What("tables")),
        (TASKS[Job.PURGE], "{}", What("purge")),
        (TASKS[Job.REAP], "{}", What("reap")),
        (AGGREGATE, '{"periods": ["daily"]}', What("aggregate", ("daily",))),
        (AGGREGATE, '{"periods": ["monthly", " DAILY "]}', What("aggregate", ("daily", "monthly"))),
        (AGGREGATE, '{"periods": "weekly"}', What("aggregate", ("weekly",))),
        (AGGREGATE, '{"periods": []}', What("aggregate", PERIODS)),
        (AGGREGATE, "{}", What("aggregate", PERIODS)),
        (AGGREGATE, '{"periods": ["daily"], "scope": "instance"}', What("aggregate", ("daily",), "instance")),
        (TASKS[Job.COLLECT], '{"tags": ["prod", "prod"]}', What("collect", tags=("prod",))),
        (TASKS[Job.INSIGHT], '{"tags": null}', What("insight")),
        ("celery.backend_cleanup", "{}", None),
    ],
)
def test_arguments_are_read(task, kwargs, what):
    assert What.of(task, "[]", kwargs) == what


@pytest.mark.parametrize(
    ("args", "kwargs", "sentence"),
    [
        ("[]", "{'periods': ['daily']}", "Its arguments are not JSON: it never runs."),
        ("[", "{}", "Its arguments are not JSON: it never runs."),
        ("[]", "[]", "Its arguments are not given by name."),
        ('[["daily"]]', "{}", "Its arguments are not given by name."),
        ("[]", '{"b": 1, "a": 1}', "Its task takes no argument called a, b."),
        ("[]", '{"periods": 5}', "Its periods are no list."),
        ("[]", '{"tags": "prod"}', "Its tags are no list of names."),
        ("[]", '{"tags": [""]}', "Its tags are no list of names."),
        ("[]", '{"periods": {"daily": 1}}', "Its periods are no list."),
        (
            "[]",
            '{"periods": ["hourly"]}',
            "'hourly' is not a period type: it must be one of daily, weekly, monthly, quarterly",
        ),
        ("[]", '{"periods": [["daily"]]}', None),
        ("[]", '{"scope": "fleet"}', "scope must be one of instance, database, all"),
        ("[]", '{"scope": 5}', "scope must be one of instance, database, all"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_a_sentence(args, kwargs, sentence):
    with pytest.raises(InputError) as refused:
        What.of(AGGREGATE, args, kwargs)
    assert str(refused.value) == sentence or sentence is None


@pytest.mark.parametrize(
    ("what", "kwargs"),
    [
        (What("collect"), {}),
        (What("purge"), {}),
        (What("aggregate", ("daily", "weekly")), {"periods": ["daily", "weekly"]}),
        (What("aggregate", ("daily",), "database"), {"periods": ["daily"], "scope": "database"}),
    ],
)
def test_arguments_are_written(what, kwargs):
    assert what.kwargs() == kwargs


def test_the_sentence_says_what_and_when():
    what, when = What("aggregate", ("daily", "weekly"), "instance"), When("monthly", time(4, 5), day=2)
    assert sentence(what, when) == (
        "Aggregate: Daily, Weekly (Instances), on day 2 of every month at 04:05, Asia/Shanghai."
    )
    assert [what_words(What(job)) for job in ("collect", "purge", "reap", "notify", "report")] == [
        "Collect from every active instance that has a host",
        "Delete samples and sessions older than their retention",
        "Fail the sessions whose process has died",
        "Send messages",
        "Send the monthly report",
    ]


def test_moments_and_periods_are_in_the_format_of_the_reader_with_the_zone_named():
    at = datetime(2025, 3, 10, 4, 20, tzinfo=SHANGHAI)
    week, day = Period.containing("weekly", date(2025, 3, 5)), Period.containing("daily", date(2025, 3, 5))
    assert moment_words(at) == "Mon, March 10, 2025, 4:20 a.m. (Asia/Shanghai)"
    assert period_words(week) == "Weekly: March 3, 2025 – March 9, 2025"
    assert period_words(day) == "Daily: March 5, 2025"
    with translation.override("zh-hans"):
        assert "2025年3月10日 04:20" in moment_words(at)
        assert "2025年3月3日 – 2025年3月9日" in period_words(week)


def test_every_frequency_has_its_words():
    words = {when_words(When(frequency, time(3), (1,)), "UTC") for frequency in Frequency}
    assert len(words) == len(Frequency)
