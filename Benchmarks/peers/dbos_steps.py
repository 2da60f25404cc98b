"""So many durable steps that do nothing, one after the other, in one DBOS workflow on SQLite; prints one JSON object."""

import json
import logging
import os
import resource
import sys
import time

from dbos import DBOS

folder, count = sys.argv[1], int(sys.argv[2])
database = os.path.join(folder, "dbos.sqlite")
DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{database}",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
)
logging.disable(logging.WARNING)


@DBOS.step()
def no_op(number: int) -> int:
    return number


@DBOS.workflow()
def chain(number: int) -> int:
    done = 0
    for index in range(number):
        no_op(index)
        done += 1
    return done


DBOS.launch()
chain(10)  # The first use prepares things that are not the steps' cost.
start = time.perf_counter()
before = time.process_time()
assert chain(count) == count
wall = time.perf_counter() - start
processor = time.process_time() - before
print(
    json.dumps(
        {
            "wall_s": wall,
            "cpu_us_per_step": processor / count * 1e6,
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
    )
)
sys.stdout.flush()
DBOS.destroy()
