"""Who may import whom: whalefall -> capacity -> sync_sessions; in capacity from the doors down to periods; no circle.

Imports inside functions and under TYPE_CHECKING count like any other.
"""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["sync_sessions", "capacity", "whalefall"]  # from the lowest up
DOORS = {"admin", "api", "tasks", "management"}
#: The packages and modules of capacity, from the lowest up. Those of one step do not import each other, but for the
#: steps that are one subject in several modules.
STEPS = [
    {"errors", "units"},
    {"dialect"},
    {"periods"},
    {"querysets"},
    {"models"},
    {"inventory"},
    {"runs"},
    {"insight", "aggregation", "collection"},
    {"scheduling"},
    {"schedules"},
    {"upkeep"},
    {"alerts"},
    {"benchmark", "demo"},
    DOORS,
]
DOORS_TO_DOORS = len(STEPS) - 1  # a door may use another
#: Of capacity.aggregation, from the lowest up; one on the same step is out of reach too. The others there are helpers.
AGGREGATION = [{"rollup"}, {"runners"}, {"chunks"}, {"service"}, {"orchestrator"}, {"task_runner", "current"}]


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


def height(inner):
    """The step of a module of capacity; above all for the package itself and its AppConfig, which put it together."""
    return next((place for place, names in enumerate(STEPS) if inner and inner[0] in names), len(STEPS))


def broken_rule(importer, imported):
    """The rule that this import breaks; None when it is allowed."""
    package, *inner = importer.split(".")
    target, *inside = imported.split(".")
    if package == "whalefall":
        return None
    if target in ("environ", "os"):
        return "apps read settings from django.conf only" if imported in ("environ", "os.environ") else None
    if target not in PACKAGES:
        return None
    if PACKAGES.index(target) > PACKAGES.index(package):
        return f"{target} stands above {package}"
    if DOORS & set(inside) and not DOORS & set(inner) and "common" not in inside:
        return "a door is imported by nothing below it"
    if package != "capacity" or target != "capacity" or inner[:1] == ["migrations"]:
        return None
    mine, theirs = height(inner), height(inside)
    if theirs > mine:
        return f"{inside[0] if inside else target} stands above {inner[0] if inner else package}"
    if theirs == mine and inner[:1] != inside[:1] and mine not in (DOORS_TO_DOORS, len(STEPS)):
        return f"{inner[0]} and {inside[0]} do not know each other"
    if inner == ["aggregation", "periods"] and inside != ["periods"]:
        return "it gives the names of capacity.periods, and no more"
    both_aggregate = inner[:1] == inside[:1] == ["aggregation"] and len(inside) > 1
    if both_aggregate and (len(inner) == 1 or step(imported) >= max(step(importer), 0)):
        return "aggregation: task_runner, current -> orchestrator -> service -> runners -> rollup -> helpers"
    return None


def circles(root):
    """Every set of modules that import each other, directly or not; a package counts as its __init__."""
    modules = find_modules(root)
    left = {name: set(imports(name, file, modules)) & set(modules) - {name} for name, file in modules.items()}
    while ends := {name for name, used in left.items() if not used & set(left)}:
        left = {name: used for name, used in left.items() if name not in ends}
    # What is left leads into a circle; what nothing left leads to is not part of one.
    while starts := set(left) - set().union(*left.values()):
        left = {name: used for name, used in left.items() if name not in starts}
    return sorted(left)


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


def test_no_modules_import_each_other():
    assert circles(ROOT) == []


@pytest.mark.parametrize(
    "source",
    ["from .b import x", "def f():\n    from . import b", "import capacity.runs.b", "from capacity.runs import b"],
)
def test_a_circle_is_reported(tmp_path, source):
    folder = tmp_path / "capacity" / "runs"
    folder.mkdir(parents=True)
    for name, text in {
        "a": source,
        "b": "from .c import x",
        "c": "from .a import x",
        "alone": "from .a import x",
    }.items():
        (folder / f"{name}.py").write_text(text)

    assert circles(tmp_path) == ["capacity.runs.a", "capacity.runs.b", "capacity.runs.c"]


@pytest.fixture
def plant(tmp_path):
    """Writes one module with this source into a tree that has the others; gives the wrong arrows."""

    def write(path, source):
        others = "capacity/tasks capacity/errors capacity/models/state capacity/collection/ingest capacity/api/views"
        others += " capacity/runs/life capacity/inventory/selection capacity/insight/fleet capacity/scheduling/job"
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
        ("sync_sessions/services.py", "from .api.serializers import x", "sync_sessions.api.serializers"),
        ("capacity/runs/start.py", "from ..aggregation import orchestrator", "capacity.aggregation.orchestrator"),
        ("capacity/inventory/rules.py", "from capacity.runs.life import x", "capacity.runs.life"),
        ("capacity/models/state.py", "from capacity.inventory import selection", "capacity.inventory.selection"),
        (
            "capacity/collection/service.py",
            "from capacity.aggregation.results import x",
            "capacity.aggregation.results",
        ),
        ("capacity/aggregation/due.py", "from capacity.collection import ingest", "capacity.collection.ingest"),
        ("capacity/insight/gauges.py", "from capacity.aggregation.rollup import x", "capacity.aggregation.rollup"),
        ("capacity/aggregation/due.py", "from capacity.insight.fleet import x", "capacity.insight.fleet"),
        ("capacity/runs/kinds.py", "from capacity.scheduling.job import x", "capacity.scheduling.job"),
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
        ("capacity/models/state.py", "from capacity.periods import PeriodType\nimport os"),
        ("sync_sessions/api/views.py", "from ..services import x"),
        ("capacity/collection/service.py", "from capacity.runs.life import x"),
        ("capacity/runs/life.py", "from capacity.inventory.selection import x"),
        ("capacity/scheduling/job.py", "from capacity.aggregation.orchestrator import x"),
        ("capacity/apps.py", "from .aggregation import orchestrator"),
        ("capacity/tests/test_x.py", "from whalefall import settings"),
    ],
)
def test_what_the_layers_allow_is_not_reported(plant, path, source):
    assert plant(path, source) == []
