"""The site of the fault tests, for a web server: `whalefall.tests.faults.web:application`."""

from whalefall.wsgi import application  # noqa: F401

from . import hooks  # noqa: F401
