# Everything runs from .venv, which is made from the requirements files and made anew when they change.
PYTHON ?= python3
RUNTIME := .venv/runtime.stamp
DEV := .venv/dev.stamp
RUN := .venv/bin/python

# A test run that is piped fails when it fails, not when the last command does.
SHELL := bash
.SHELLFLAGS := -o pipefail -c

# Where the tests on PostgreSQL find their services.
export TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
export TEST_REDIS_URL ?= redis://127.0.0.1:6379/0

# Without the settings of the shell this is started from: tests and lint say the same on every machine.
BARE := env $(addprefix -u ,$(shell sed -n 's/^\#*\([A-Z_]*\)=.*/\1/p' .env.example))

.DEFAULT_GOAL := help
.PHONY: help demo serve stack test test-sqlite test-postgresql test-clock faults lint fmt messages clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(RUNTIME): requirements.txt
	@echo "Making .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo "Adding what tests and lint need to .venv ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# DATABASE_URL blank is the default SQLite file, whatever .env says: demo data belongs into no real database.
demo: export DATABASE_URL =
demo: $(RUNTIME)  ## a SQLite file with demo data, aggregated and shown
	@$(RUN) manage.py migrate --verbosity 0
	@$(RUN) manage.py seed_demo
	@$(RUN) manage.py aggregate --stale
	@$(RUN) manage.py aggregate --last
	@$(RUN) manage.py aggregate --period daily --current --rows 10
	@$(RUN) manage.py insight
	@$(RUN) manage.py evaluate_alerts
	@echo
	@echo "Now run: $(if $(wildcard .env),DATABASE_URL= )make serve"
	@echo "and open http://127.0.0.1:8000/admin/ (login demo / demo)."

serve stack: export HOST ?= 127.0.0.1
serve stack: PORT ?= 8000
serve: $(RUNTIME)  ## the site at http://127.0.0.1:8000/admin/ (PORT=, HOST=)
	@$(RUN) manage.py migrate --verbosity 0
	@$(RUN) manage.py runserver $(HOST):$(PORT)

# The settings read .env themselves; honcho would let it beat the environment.
stack: $(DEV)  ## the site, a worker and beat on your PostgreSQL and Redis (DATABASE_URL, REDIS_URL; PORT=, HOST=)
	@$(RUN) manage.py shell --verbosity 0 --command "import sys; from django.conf import settings; \
		missing = ['DATABASE_URL to a PostgreSQL'] * settings.DATABASES['default']['ENGINE'].endswith('sqlite3'); \
		missing += ['REDIS_URL to a Redis'] * (not settings.REDIS_URL); \
		sys.exit(f'Set {\" and \".join(missing)}, in the environment or in .env.' if missing else 0)"
	@$(RUN) manage.py migrate --verbosity 0
	@echo "The site is at http://$(HOST):$(PORT)/admin/; Ctrl-C stops everything."
	@$(RUN) -m honcho --procfile .Procfile --env /dev/null start --port $(PORT)

test: $(DEV)  ## the tests on SQLite, and on PostgreSQL where it answers, both at the same time
	@$(BARE) $(RUN) whalefall/tests/needs.py chromium xgettext redis-server faketime prometheus prometheus-postgres-exporter prometheus-mysqld-exporter prometheus-node-exporter Redis MariaDB || test "$$CI" != true
	@if $(BARE) $(RUN) whalefall/tests/needs.py PostgreSQL; then \
		$(MAKE) --no-print-directory --jobs=2 test-sqlite test-postgresql; \
	elif test "$$CI" = true; then exit 1; \
	else $(MAKE) --no-print-directory test-sqlite; fi

# A line for every file, with the name of the database before it, as two runs write at the same time.
test-sqlite:
	@$(BARE) $(RUN) -m pytest -m "not postgresql" | sed -u 's/^/SQLite     | /'

# The browser and what needs no database were there.
test-postgresql:
	@$(BARE) DATABASE_URL="$$TEST_DATABASE_URL" $(RUN) -m pytest -m "not browser and not unit" | sed -u 's/^/PostgreSQL | /'

# Moments at which a test that asks the clock goes wrong: noon of a weekday in Shanghai, the last half minute of a day
# there, the last half hour of a year, a leap day, and the night in which New York changes to summer time.
MOMENTS := 2026-03-04T12:00:00+08:00 2026-03-04T23:59:30+08:00 2026-12-31T23:30:00Z 2028-02-29T12:00:00Z 2027-03-14T06:59:00Z
MOMENT ?= 1 2 3 4 5

# The zone of the machine is none that a test expects. Waits between threads hang when the monotonic clock moves as well.
test-clock: $(DEV)  ## the tests on SQLite at five moments, or at one: MOMENT=1 to 5 (needs faketime)
	@$(RUN) whalefall/tests/needs.py faketime
	@for number in $(MOMENT); do \
		at=$$(echo $(MOMENTS) | cut -d ' ' -f $$number) && echo "== Tests at $$at" && \
		$(BARE) TZ=America/New_York faketime --exclude-monotonic "$$at" $(RUN) -m pytest \
			-m "not postgresql and not browser and not live and not faults and not processes" || exit 1; \
	done

# `make test` has the same faults, with a single round of those that strike at random.
faults: export FAULT_REPEATS ?= 25
faults: $(DEV)  ## kill, freeze and cut off workers, databases and brokers many times (needs the services)
	@$(BARE) $(RUN) -m pytest -m "faults and not postgresql"
	@$(BARE) DATABASE_URL="$$TEST_DATABASE_URL" $(RUN) -m pytest -m faults

lint: CHECK := $(BARE) DATABASE_URL=sqlite://:memory: $(RUN)
lint: $(DEV)  ## style, types, settings, migrations and import layers
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(CHECK) -m mypy .
	@$(CHECK) -W error manage.py check
	@$(BARE) DATABASE_URL=sqlite://:memory: DEBUG=false ALLOWED_HOSTS=whalefall.example \
		SECRET_KEY="$$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(60))')" \
		WHALEFALL_FIELD_KEYS="$$($(RUN) -c 'from cryptography.fernet import Fernet as F; print(F.generate_key().decode())')" \
		$(RUN) manage.py check --deploy --fail-level WARNING
	@$(CHECK) manage.py spectacular --validate --fail-on-warn --file /dev/null
	@$(CHECK) manage.py makemigrations --check --dry-run
	@$(CHECK) -m pytest --quiet whalefall/tests/test_layers.py

fmt: $(DEV)  ## put the source in shape
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

messages: $(RUNTIME)  ## collect the texts for translation and compile the catalogue (needs gettext)
	@$(RUN) manage.py makemessages --locale zh_Hans --no-obsolete --add-location file --ignore "*/tests/*"
	@$(RUN) manage.py compilemessages --locale zh_Hans --ignore .venv

clean:  ## take away what make and the tools have made; databases stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
