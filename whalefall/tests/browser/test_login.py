import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_wrong_password_is_refused_with_a_sentence_and_the_right_one_lets_in(open_window, admin_user):
    window = open_window()
    window.log_in("admin", "wrong")
    window.says("Please enter the correct username and password")
    window.log_in("admin", "password")
    expect(window.page).to_have_url(re.compile("/admin/$"))
    assert list(window.check_layout()) == []


def test_without_javascript_one_logs_in_and_reads_every_kind_of_page(open_window, admin_user):
    window = open_window(java_script_enabled=False)
    window.visit("login")
    window.fill(Username="admin", Password="password")
    window.page.get_by_label("Password").press("Enter")
    window.says("Needs attention")
    for page, text in (
        ("instance_changelist", "Aggregate the fleet"),
        ("instance_add", "Database to connect to"),
        ("databasesizeaggregation_changelist", "0 rows"),
    ):
        window.visit(f"capacity_{page}")
        window.says(text)
        window.page.get_by_role("link", name="Dashboard").click()
        expect(window.page).to_have_url(re.compile("/admin/$"))


def test_the_fifth_wrong_password_locks_and_the_page_says_for_how_long(open_window, admin_user):
    window = open_window()
    for _attempt in range(4):
        window.log_in("admin", "wrong")
    with window.expecting(429):
        window.log_in("admin", "wrong")
        window.says("or ask an administrator to unlock it")
    assert list(window.check_layout()) == []
    with window.expecting(429):
        window.log_in("admin", "password")
        window.says("or ask an administrator to unlock it")
