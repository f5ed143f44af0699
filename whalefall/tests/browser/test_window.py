"""The window notices what the tests rely on it to notice."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("console.error('broken')", "console: broken"),
        ("setTimeout(() => { throw new Error('broken') })", "script: broken"),
        ("fetch('/nowhere')", "404: "),
        ("fetch('http://127.0.0.1:9/').catch(() => 0)", "console: Connecting to 'http://127.0.0.1:9/' violates"),
        ("alert(1)", "dialog: 1"),
        ("document.body.innerHTML = '<img src=data:, onerror=alert(1)>'", "Executing inline event handler violates"),
        (
            "document.head.append(Object.assign(document.createElement('script'), {textContent: '1'}))",
            "Executing inline script violates",
        ),
    ],
)
def test_trouble_is_told(open_window, script, told):
    window = open_window()
    window.visit("login")
    assert window.troubles == []
    window.page.evaluate(script)
    window.page.wait_for_timeout(100)
    assert any(told in trouble for trouble in window.troubles), window.troubles
    window.troubles.clear()


def test_what_sticks_out_or_has_no_name_is_told(open_window):
    window = open_window()
    window.visit("login")
    assert list(window.check_layout()) == []
    wide = '<p style="width: 2000px">x</p>'
    window.page.evaluate(f"document.querySelector('#login-form').innerHTML += '{wide}<input>'")
    assert [fault.split(":")[0] for fault in window.check_layout()] == ["sticks out", "no name"]
