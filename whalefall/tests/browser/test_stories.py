"""What a DBA does of a morning, from the first click to the page it ends on."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.models import DatabaseSizeStat, Instance
from capacity.periods import Period, today
from capacity.schedules import install_schedules
from capacity.tests.factories import make_instance
from capacity.tests.samples import LARGEST, add_both, add_sample, derive_database_day, instance_rows, run, the
from capacity.tests.servers import HOST, POSTGRESQL_PORT
from sync_sessions.models import SyncSession
from whalefall.tests.dashboard.runs import failing

pytestmark = pytest.mark.django_db(transaction=True)

SESSION = re.compile("/sync_sessions/syncsession/[0-9]+/change/$")
MONTHS = re.compile(r"\b(?:Jan|Feb|March|April|May|June|July|Aug|Sept|Oct|Nov|Dec)\w*[.]? [0-9]+")


def landed(window, status):
    """On the page of a finished session, which says so."""
    expect(window.page).to_have_url(SESSION)
    expect(window.page.get_by_role("status").first).to_contain_text(f"{status}: ")
    return SyncSession.objects.latest("pk")


@pytest.mark.live
def test_an_instance_is_added_after_a_test_and_collected(window):
    window.visit("capacity_instance_changelist")
    window.page.locator("a[href$='/add/']").first.click()
    window.fill(Name="local", Host=HOST, Port=str(POSTGRESQL_PORT), User_name="postgres")
    window.page.get_by_label("Engine").select_option(label="SQL Server")
    expect(window.page.locator("#grants-sqlserver")).to_be_visible()
    expect(window.page.get_by_label("Port")).to_have_attribute("placeholder", "1433")
    window.page.get_by_label("Engine").select_option(label="PostgreSQL")
    expect(window.page.locator("#grants-sqlserver")).to_be_hidden()
    expect(window.page.locator("#grants-postgresql")).to_contain_text("pg_read_all_stats")
    window.press("Test connection")
    expect(window.page.locator("#connection-answer")).to_contain_text(re.compile("Connected: version [0-9]{2}"))
    assert not Instance.objects.exists()
    window.press("Save")

    window.choose("Collect now")
    window.says("Measure the databases of 1 instance now?")
    window.press("Collect")
    session = landed(window, "Completed")
    assert session.sync_category == "capacity"
    assert DatabaseSizeStat.objects.filter(instance__name="local", database_name="postgres").exists()


def test_the_selected_instances_are_aggregated_with_the_scope_chosen(window):
    add_both(make_instance("grown"), today(), 100)
    window.visit("capacity_instance_changelist")
    window.choose("Aggregate current period")
    window.says("Aggregate the current day of 1 instance?")
    window.page.get_by_label("Instances", exact=True).check()
    window.press("Aggregate")
    session = landed(window, "Completed")
    assert session.scope == "instance"
    [row] = instance_rows()
    assert row["avg_total_size_bytes"] == 100


def test_why_an_instance_failed_is_read_and_it_is_run_again(window):
    broken, period = make_instance("broken"), Period.containing("daily", today())
    mistaken = [add_sample(broken, "app", today(), LARGEST) for _twice in range(2)]
    failed = run(period, "database").session

    window.visit("sync_sessions_syncsession_change", failed.pk)
    window.page.get_by_role("link", name="Failed (1)").click()
    window.page.get_by_text("Details", exact=True).click()
    window.press("Open the record")
    window.says("add up to more than 2^63-1 bytes")
    window.page.get_by_role("link", name="Session: ").click()

    mistaken[0].delete()
    derive_database_day(broken, "app", today())
    window.press("Run what failed again")
    window.says("Run the failed and cancelled instances of this session again, in a new session?")
    window.press("Run again")
    session = landed(window, "Completed")
    assert session.pk != failed.pk
    window.page.get_by_role("link", name=str(failed.session_id)).click()
    expect(window.page.get_by_role("status").first).to_have_text("Failed: 1 of 1 (1 failed)")


def test_the_links_of_the_dashboard_lead_where_they_say(window):
    silent, late = make_instance("silent"), make_instance("late")
    add_both(late, today() - timedelta(days=3), 100)
    daily = run(Period.containing("daily", today())).session
    failed = failing("capacity:collection", silent)
    running = AggregationOrchestrator().open(Period.containing("weekly", today()), "all", sync_type="manual_task")
    for name, model, row in (
        ("silent", "capacity_instance", silent),
        ("late", "capacity_instance", late),
        ("Collection", "sync_sessions_syncsession", failed),
        ("Daily", "sync_sessions_syncsession", daily),
        ("Aggregation (Weekly)", "sync_sessions_syncsession", running),
    ):
        window.visit("index")
        window.page.locator("#dashboard").get_by_role("link", name=name, exact=True).first.click()
        expect(window.page).to_have_url(re.compile(reverse(f"admin:{model}_change", args=[row.pk]) + "$"))
        expect(window.page.locator("h1")).to_be_visible()

    window.visit("index")
    window.page.locator("#dashboard").get_by_role("link", name="Show these records").first.click()
    expect(window.page.locator("#result_list tbody tr")).to_have_count(1)
    expect(window.page.locator("#result_list")).to_contain_text("silent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whose_browser_speaks_chinese_reads_chinese(open_window, admin_user, scheme):
    window = open_window(admin_user, language="zh-CN", color_scheme=scheme)
    instance = make_instance("中文")
    add_both(instance, "2025-03-05", 100)
    session = run(the("weekly", "2025-03-05")).session
    install_schedules()
    faults = []
    for name, args, words in (
        ("index", (), ["概览", "机群容量", "需要关注"]),
        ("capacity_instance_changelist", (), ["聚合全部实例", "最近采样"]),
        ("capacity_instance_change", (instance.pk,), ["各数据库的大小", "测试连接", "2025年3月3日"]),
        ("sync_sessions_syncsession_change", (session.pk,), ["关于本次运行", "2025年3月3日", "1 / 1"]),
        ("capacity_schedule_changelist", (), ["每天 04:00（Asia/Shanghai）", "下次运行"]),
    ):
        window.visit(name, *args)
        text = window.page.locator("body").inner_text()
        faults += [f"{name}: no {word}" for word in words if word not in text]
        faults += [f"{name}: {month}" for month in MONTHS.findall(text)]
    assert faults == []
