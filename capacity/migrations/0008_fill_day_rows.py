"""Day rows and states of the samples and day totals that are there.

By instances, each chunk a commit of its own, so that a large history can be interrupted: what is done stays, and the
next `migrate` does it once more and goes on. The SQL is that of this version, whatever becomes of the code.
"""

from django.db import migrations, transaction

CHUNK = 50

LOW = 2**32 - 1


def total(column):
    # In halves, as a sum that does not fit has to be known as such: the least number stands for it.
    high, low = f"SUM({column} >> 32)", f"CAST(SUM({column} & {LOW}) AS bigint)"
    unfit = f"{high} + ({low} >> 32) >= {2**31}"
    return f"CAST(CASE WHEN {unfit} THEN {1 - 2**63} - 1 ELSE {high} * {LOW + 1} + {low} END AS bigint)"


def figures(column, of):
    return {
        f"{of}_count": f"COUNT({column})",
        f"sum_{column}": total(column),
        f"min_{column}": f"MIN({column})",
        f"max_{column}": f"MAX({column})",
        f"last_{column}": f"MAX(CASE WHEN newest = 1 THEN {column} END)",
    }


FIGURES = {
    **figures("size_bytes", "sample"),
    **figures("data_size_bytes", "data"),
    **figures("log_size_bytes", "log"),
    "last_collected_at": "MAX(collected_at)",
}
DAYS = f"""
    INSERT INTO database_day_stats (instance_id, database_name, collected_on, {", ".join(FIGURES)})
    SELECT instance_id, database_name, collected_on, {", ".join(FIGURES.values())}
    FROM (
        SELECT s.*, ROW_NUMBER() OVER (
            PARTITION BY instance_id, database_name, collected_on ORDER BY collected_at DESC
        ) AS newest
        FROM database_size_stats AS s WHERE instance_id IN ({{ids}})
    ) AS ranked
    WHERE true GROUP BY instance_id, database_name, collected_on ORDER BY instance_id, database_name, collected_on
    ON CONFLICT (instance_id, database_name, collected_on)
    DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in FIGURES)}
"""

STATES = """
    INSERT INTO {states} ({keys}, first_day, last_day, {columns},
        week_change_bytes, week_change_percent, month_change_bytes, month_change_percent)
    SELECT {keys}, first_day, last_day, {columns}, size - week, {week_percent}, size - month, {month_percent}
    FROM (
        SELECT n.*,
            (SELECT a.{size} FROM {days} AS a WHERE {same} AND a.collected_on BETWEEN {day10} AND {day7}
                ORDER BY a.collected_on DESC LIMIT 1) AS week,
            (SELECT a.{size} FROM {days} AS a WHERE {same} AND a.collected_on BETWEEN {day33} AND {day30}
                ORDER BY a.collected_on DESC LIMIT 1) AS month
        FROM (
            SELECT ends.*, {picked}, d.{size} AS size
            FROM (
                SELECT {keys}, MIN(collected_on) AS first_day, MAX(collected_on) AS last_day
                FROM {days} WHERE instance_id IN ({ids}) GROUP BY {keys}
            ) AS ends JOIN {days} AS d ON {joined} AND d.collected_on = ends.last_day
        ) AS n
    ) AS compared
    WHERE true ORDER BY {keys} ON CONFLICT ({keys}) DO UPDATE SET {replaced}
"""
LEVELS = [
    {
        "states": "database_states",
        "days": "database_day_stats",
        "keys": "instance_id, database_name",
        "same": "a.instance_id = n.instance_id AND a.database_name = n.database_name",
        "joined": "d.instance_id = ends.instance_id AND d.database_name = ends.database_name",
        "columns": "last_sample_at, last_size_bytes",
        "picked": "d.last_collected_at AS last_sample_at, d.last_size_bytes",
        "size": "last_size_bytes",
    },
    {
        "states": "instance_states",
        "days": "instance_size_stats",
        "keys": "instance_id",
        "same": "a.instance_id = n.instance_id",
        "joined": "d.instance_id = ends.instance_id",
        "columns": "last_sample_at, last_size_bytes, last_database_count",
        "picked": "d.collected_at AS last_sample_at, d.total_size_bytes AS last_size_bytes, "
        "d.database_count AS last_database_count",
        "size": "total_size_bytes",
    },
]


def fill(apps, schema_editor):
    connection = schema_editor.connection
    postgresql = connection.vendor == "postgresql"

    def percent(before):
        if postgresql:
            return f"ROUND(100.{'0' * 30} * (size - {before}) / NULLIF({before}, 0), 2)"
        return f"percent_of(size - {before}, {before})"

    def before(days):
        return f"(n.last_day - {days})" if postgresql else f"date(n.last_day, '-{days} days')"

    sizes = ["last_day", "week_change_bytes", "week_change_percent", "month_change_bytes", "month_change_percent"]

    def replaced(level):
        names = ["first_day", *level["columns"].split(", "), *sizes]
        return ", ".join(f"{name} = excluded.{name}" for name in names)

    words = {f"day{days}": before(days) for days in (7, 10, 30, 33)}
    words |= {"week_percent": percent("week"), "month_percent": percent("month")}
    with connection.cursor() as cursor:
        # Until now day totals went with the samples: of what lies before, nothing can be computed.
        cursor.execute("UPDATE capacity_state SET days_purged_before = samples_purged_before")
        cursor.execute("SELECT id FROM instances ORDER BY id")
        every = [pk for (pk,) in cursor.fetchall()]
    for first in range(0, len(every), CHUNK):
        ids = ", ".join(map(str, every[first : first + CHUNK]))
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(DAYS.format(ids=ids))
            for level in LEVELS:
                cursor.execute(STATES.format(ids=ids, replaced=replaced(level), **level, **words))
        print(f"\n    day rows of {min(first + CHUNK, len(every))} of {len(every)} instances", end="", flush=True)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("capacity", "0007_day_rows")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
