import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whalefall.settings")
application = get_wsgi_application()
# A web server does not run the system checks by itself; a wrong time zone must stop it as well.
with open(os.devnull, "w") as quiet:
    call_command("check", databases=["default"], stdout=quiet)
# A connection opened before a server forks its workers would be shared by them.
connections.close_all()
