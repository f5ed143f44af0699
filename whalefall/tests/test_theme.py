import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.staticfiles import finders
from django.urls import reverse
from unfold.templatetags import unfold_list

from capacity.tests.factories import make_instance
from whalefall.theme import unfold

pytestmark = pytest.mark.django_db

INDEX = reverse("admin:index")


def sidebar(page):
    """{section: titles of its pages}"""
    return {
        str(section["title"]): [str(item["title"]) for item in section["items"]]
        for section in page.context["sidebar_navigation"]
    }


def test_every_page_is_in_the_sidebar():
    named = [label for _title, pages in unfold.SECTIONS for label in pages]
    registered = {model._meta.label_lower for model in admin.site._registry}
    assert len(named) == len(set(named))
    assert set(named) == registered


@pytest.mark.parametrize(("label", "title"), unfold.TITLES.items(), ids=unfold.TITLES)
def test_a_page_is_called_in_its_trail_as_in_the_sidebar(admin_client, label, title):
    page = admin_client.get(reverse(f"admin:{label.replace('.', '_')}_changelist")).content.decode()
    assert str(title) in page.split("<h1")[1].split("</h1>")[0]


@pytest.mark.parametrize(
    ("page", "title"),
    [("index", "Overview"), ("capacity_databasestate_changelist", "Databases"), ("capacity_compare", "Compare")],
)
def test_the_sidebar_marks_the_page_one_is_on_alone(admin_client, page, title):
    sections = admin_client.get(reverse(f"admin:{page}")).context["sidebar_navigation"]
    assert [str(one["title"]) for section in sections for one in section["items"] if one["active"]] == [title]


def test_a_page_that_adds_says_so(admin_client):
    page = admin_client.get(reverse("admin:capacity_instance_add")).content.decode()
    assert re.search(r"<h2[^>]*>Add instance</h2>", page)


def test_everybody_sees_the_pages_that_they_may_open_and_no_empty_section(client):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_instance", "view_syncsession"]))
    client.force_login(user)
    assert sidebar(client.get(INDEX)) == {
        "": ["API description"],
        "Runs": ["Sync sessions"],
    }


def test_apps_of_others_have_names_for_people(admin_client):
    assert "API tokens" in sidebar(admin_client.get(INDEX))["Administration"]
    for model, app in (("knox_authtoken", "API access"), ("axes_accessattempt", "Logins")):
        page = admin_client.get(reverse(f"admin:{model}_changelist")).content.decode()
        assert app in page
        assert "Knox" not in page and "Axes" not in page


def test_a_page_that_deletes_says_in_its_title_what(admin_client, admin_user):
    page = admin_client.get(reverse("admin:auth_user_delete", args=[admin_user.pk])).content.decode()
    assert "Delete user admin | WhaleFall" in re.search("<title>(.*?)</title>", page, re.DOTALL)[1]


def test_the_raw_schedules_are_for_superusers(client, admin_client):
    user = User.objects.create_user("planner", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="django_celery_beat"))
    client.force_login(user)
    raw = reverse("admin:django_celery_beat_periodictask_changelist")
    assert client.get(raw).status_code == 403
    assert "Raw schedules" not in sidebar(client.get(INDEX))
    assert admin_client.get(raw).status_code == 200
    assert "Periodic tasks" in sidebar(admin_client.get(INDEX))["Raw schedules"]


def test_a_page_names_the_time_zone_and_a_development_site_itself(admin_client, settings):
    page = admin_client.get(INDEX).content.decode()
    assert "Times are in Asia/Shanghai." in page
    assert "Development" not in page
    settings.DEBUG = True
    assert "Development" in admin_client.get(INDEX).content.decode()


@pytest.mark.parametrize(("accepted", "language"), [("zh-CN,zh;q=0.9", "zh-hans"), ("fr", "en"), ("", "en")])
def test_the_browser_says_which_language(client, accepted, language):
    page = client.get(reverse("admin:login"), headers={"accept-language": accepted})
    assert f'<html lang="{language}"' in page.content.decode()
    assert page["Content-Language"] == language


def test_an_instance_is_named_as_it_is_in_the_title_and_the_trail(admin_client):
    url = reverse("admin:capacity_instance_change", args=[make_instance("prod-pg-02").pk])
    page = admin_client.get(url).content.decode()
    assert "prod-pg-02" in page
    assert "Prod-pg-02" not in page
    assert ">Instances</a>" in "".join(page.split())


def test_our_own_files_are_there_and_pages_name_them(client):
    page = client.get(reverse("admin:login")).content.decode()
    for name in ("favicon.svg", "theme.css", "accessible.js"):
        assert finders.find(f"whalefall/{name}")
        assert f"whalefall/{name}" in page


def test_no_page_may_load_from_elsewhere_or_run_an_inline_script(client):
    policy = client.get(reverse("admin:login"))["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self' 'unsafe-eval'"
    assert rules["style-src"] == "'self' 'unsafe-inline'"
    assert {rules[name] for name in ("frame-ancestors", "base-uri")} == {"'none'"}
    assert "http" not in policy


def test_a_list_makes_its_headers_once_however_many_rows_it_has(admin_client, monkeypatch):
    for name in "abc":
        make_instance(name)
    label, asked = unfold_list.label_for_field, []

    def label_for_field(name, *args, **kwargs):
        asked.append(name)
        return label(name, *args, **kwargs)

    monkeypatch.setattr(unfold_list, "label_for_field", label_for_field)
    page = admin_client.get("/admin/capacity/instance/")

    assert len(page.context["cl"].result_list) == 3
    assert asked == list(page.context["cl"].list_display)
