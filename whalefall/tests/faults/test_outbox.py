"""Senders of alerts killed while they speak to a server."""

import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F

from capacity.alerts.outbox import CLAIM, send_pending
from capacity.models import Notification
from capacity.tests.alerts.factories import make_channel
from capacity.tests.servers import HOST, serving

from .stack import ROOT, variables, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def test_a_sender_killed_between_claim_and_answer_loses_nothing_and_says_what_may_have_come_twice(
    tally, repeats, chance, settings
):
    child = variables(WHALEFALL_FIELD_KEYS=",".join(settings.WHALEFALL_FIELD_KEYS))
    came, held = Counter(), [True]

    def talk(connection):
        came[connection.recv(65536).split()[1].decode()] += 1
        while held[0]:
            time.sleep(0.01)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with serving(talk) as port:
        for number in range(3 * repeats):
            channel = make_channel(address=f"http://{HOST}:{port}/{number}")
            Notification.objects.create(channel=channel, kind=Notification.Kind.TEST, dedup_key="once")
            before = came.total()
            sender = subprocess.Popen(
                [sys.executable, "manage.py", "send_notifications"],
                cwd=ROOT,
                env=child,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                wait_until(lambda before=before: came.total() > before, what="the request")
                time.sleep(chance.uniform(0, 0.05))
            finally:
                sender.send_signal(signal.SIGKILL)
                sender.wait()
        tally.add("sender of alerts killed between claim and answer", 3 * repeats)
        held[0] = False

        assert send_pending().sent == 0  # each is somebody's, for as long as a try may take
        Notification.objects.update(claimed_at=F("claimed_at") - CLAIM - timedelta(seconds=1))
        assert send_pending().sent == 3 * repeats
        assert send_pending().sent == 0

    assert set(Notification.objects.values_list("status", "maybe_repeated")) == {("sent", True)}
    assert came == Counter({f"/{number}": 2 for number in range(3 * repeats)})
