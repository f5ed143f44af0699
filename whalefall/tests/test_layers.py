"""Who may import whom: whalefall -> capacity -> sync_sessions, doors -> aggregation, collection -> models -> errors.

Imports inside functions and under TYPE_CHECKING count like any other.
"""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["sync_sessions", "capacity", "whalefall"]  # from the lowest up
DOORS = {"admin", "api", "tasks", "management"}
# From the lowest up; one on the same step is out of reach too. All other modules there are helpers.
AGGREGATION = [{"rollup"}, {"runners"}, {"chunks"}, {"service"}, {"orchestrator"}]
AGGREGATION += [{"task_runner", "current"}, {"batch"}]
ALLOWED = {
    ("sync_sessions.services", "sync_sessions.api.serializers"),  # a snapshot is what the API shows
    ("sync_sessions.errors", "sync_sessions.models"),  # the type of an attribute, under TYPE_CHECKING
}


def find_modules(root):
    """{dotted name: file} of everything that is no test."""
    modules = {}
    for file in sorted(file for package in PACKAGES for file in root.glob(f"{package}/**/*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        if "tests" not in parts and parts[-1] != "conftest":
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return modules


def imports(name, file, modules):
    """The dotted names that a module imports, and "os.environ" when it reads the environment."""
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                above = package[: len(package) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                for alias in names:
                    member = f"{base}.{alias.name}"
                    yield member if member in modules or member == "os.environ" else base
            case ast.Attribute(ast.Name("os"), "environ" | "getenv"):
                yield "os.environ"
            case ast.Call(
                ast.Name("import_module") | ast.Attribute(attr="import_module"), [ast.Constant(str(named)), *_]
            ):
                yield named


def step(name):
    """The place of a module of capacity.aggregation in the chain; -1 for a helper."""
    last = name.split(".")[2]
    return next((place for place, names in enumerate(AGGREGATION) if last in names), -1)


def broken_rule(importer, imported):
    """The rule that this import breaks; None when it is allowed."""
    package, *inner = importer.split(".")
    target, *inside = imported.split(".")
    if package == "whalefall" or (importer, imported) in ALLOWED:
        return None
    if target in ("environ", "os"):
        return "apps read settings from django.conf only" if imported in ("environ", "os.environ") else None
    if target not in PACKAGES:
        return None
    if PACKAGES.index(target) > PACKAGES.index(package):
        return f"{target} stands above {package}"
    if DOORS & set(inside) and not DOORS & set(inner):
        return "a door is imported by nothing below it"
    if inner == ["errors"] or inner == ["aggregation", "periods"]:
        return None if inside == ["errors"] else "errors and periods stand at the bottom"
    computes = inside[:1] in (["aggregation"], ["collection"]) and inside != ["aggregation", "periods"]
    if inner[:1] in (["models"], ["querysets"]) and computes:
        return "models know of periods alone, not of what computes or collects"
    both_aggregate = inner[:1] == inside[:1] == ["aggregation"] and len(inside) > 1
    if both_aggregate and (len(inner) == 1 or step(imported) >= max(step(importer), 0)):
        return "aggregation: task_runner, current -> orchestrator -> service -> runners -> rollup -> helpers"
    return None


def wrong_arrows(root):
    modules = find_modules(root)
    return sorted(
        {
            f"{name} imports {imported}: {rule}"
            for name, file in modules.items()
            for imported in imports(name, file, modules)
            if (rule := broken_rule(name, imported))
        }
    )


def test_every_import_follows_the_layers():
    assert len(find_modules(ROOT)) > 30
    assert wrong_arrows(ROOT) == []


@pytest.fixture
def plant(tmp_path):
    """Writes one module with this source into a tree that has the others; gives the wrong arrows."""

    def write(path, source):
        others = "capacity/tasks capacity/errors capacity/models/state capacity/collection/ingest capacity/api/views"
        steps = "periods results dialect rollup runners service orchestrator current task_runner"
        others += "".join(f" capacity/aggregation/{name}" for name in steps.split())
        others += " sync_sessions/services sync_sessions/models sync_sessions/api/serializers whalefall/settings"
        for other in others.split():
            (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / f"{other}.py").touch()
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
        return wrong_arrows(tmp_path)

    return write


@pytest.mark.parametrize(
    ("path", "source", "reported"),
    [
        ("sync_sessions/models.py", "import capacity", "capacity"),
        ("sync_sessions/tasks.py", "from capacity.models import state", "capacity.models.state"),
        ("sync_sessions/api/views.py", "from whalefall import settings", "whalefall.settings"),
        ("sync_sessions/apps.py", "def f():\n    from .api import serializers", "sync_sessions.api.serializers"),
        ("capacity/admin/pages.py", "import whalefall.settings", "whalefall.settings"),
        ("capacity/schedules.py", "from .tasks import run", "capacity.tasks"),
        ("capacity/aggregation/locks.py", "def f():\n    from capacity import tasks", "capacity.tasks"),
        ("capacity/collection/service.py", "from ..api.views import view", "capacity.api.views"),
        ("capacity/apps.py", "from importlib import import_module\nimport_module('capacity.tasks')", "capacity.tasks"),
        ("capacity/models/state.py", "from capacity.aggregation.results import x", "capacity.aggregation.results"),
        ("capacity/models/__init__.py", "from ..collection import ingest", "capacity.collection.ingest"),
        (
            "capacity/querysets.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .aggregation.rollup import x",
            "capacity.aggregation.rollup",
        ),
        ("capacity/errors.py", "from .models import state", "capacity.models.state"),
        ("capacity/aggregation/periods.py", "from capacity.models import state", "capacity.models.state"),
        ("capacity/aggregation/__init__.py", "from .service import x", "capacity.aggregation.service"),
        ("capacity/aggregation/results.py", "from . import rollup", "capacity.aggregation.rollup"),
        ("capacity/aggregation/rollup.py", "from .runners import x", "capacity.aggregation.runners"),
        ("capacity/aggregation/runners.py", "from .service import x", "capacity.aggregation.service"),
        ("capacity/aggregation/service.py", "from . import orchestrator", "capacity.aggregation.orchestrator"),
        ("capacity/aggregation/orchestrator.py", "from .current import x", "capacity.aggregation.current"),
        ("capacity/aggregation/current.py", "from .task_runner import x", "capacity.aggregation.task_runner"),
        ("capacity/models/fields.py", "import os\nkeys = os.environ['KEYS']", "os.environ"),
        ("capacity/tasks.py", "from os import environ", "os.environ"),
        ("sync_sessions/services.py", "import environ", "environ"),
    ],
)
def test_a_wrong_import_is_reported(plant, path, source, reported):
    [arrow] = plant(path, source)
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert arrow.startswith(f"{name} imports {reported}: ")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("whalefall/urls.py", "from capacity.api import views"),
        ("capacity/api/views.py", "from capacity.tasks import run\nfrom capacity.aggregation.current import x"),
        ("capacity/management/commands/aggregate.py", "from capacity.aggregation import orchestrator"),
        ("capacity/aggregation/task_runner.py", "from sync_sessions.services import x\nfrom .rollup import y"),
        ("capacity/aggregation/orchestrator.py", "from . import service, results, periods"),
        ("capacity/aggregation/progress.py", "from .results import x"),
        ("capacity/aggregation/runners.py", "from ..models import state"),
        ("capacity/models/state.py", "from capacity.aggregation.periods import PeriodType\nimport os"),
        ("sync_sessions/services.py", "from .api.serializers import x"),
        ("capacity/tests/test_x.py", "from whalefall import settings"),
    ],
)
def test_what_the_layers_allow_is_not_reported(plant, path, source):
    assert plant(path, source) == []
