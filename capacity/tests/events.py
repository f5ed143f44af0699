"""Events as insight writes them; a test names only what it is about."""

from capacity.models import CapacityEvent, EventKind


def an_event(instance, database, day, kind=EventKind.JUMP, before=100, after=300, usual=1):
    return CapacityEvent.objects.create(
        instance=instance,
        database_name=database,
        day=day,
        kind=kind,
        before_bytes=before,
        after_bytes=after,
        usual_bytes=usual,
    )
