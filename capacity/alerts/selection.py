"""Which targets a rule is about: instances, engines and a pattern of database names."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from capacity.models import AlertRule, Instance


@dataclass(frozen=True)
class Named:
    """The instances and tags that a rule names; none of a sort: all."""

    instances: Collection[int] = ()
    tags: Collection[int] = ()

    @classmethod
    def of(cls, rule: AlertRule) -> "Named":
        """Those of a saved rule. Two queries."""
        ids = (list(one.values_list("pk", flat=True)) for one in (rule.instances, rule.tags))
        return cls(*ids)


def instance_ids(rule: AlertRule, named: Named) -> set[int]:
    """The ids of the active instances that the rule is about. One query."""
    found = Instance.objects.active()
    if rule.db_types:
        found = found.filter(db_type__in=rule.db_types)
    if named.instances:
        found = found.filter(pk__in=named.instances)
    if named.tags:
        found = found.filter(tags__in=named.tags)
    return set(found.values_list("pk", flat=True))


def wants(rule: AlertRule, database_name: str) -> bool:
    """Whether the pattern takes this name; an empty one takes all. Case counts, as it does in most engines."""
    return not rule.database_pattern or fnmatchcase(database_name, rule.database_pattern)
