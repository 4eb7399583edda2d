"""Infinity's own engine (0.5.2) in this process: runs the cases and writes what came of them.

    infinity_engine.py FOLDER   writes FOLDER/found.json; FOLDER must be new
"""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

CONFIGURATION = """\
[general]
version = "0.5.2"
time_zone = "utc-0"
[network]
[log]
log_dir = "{folder}/log"
[storage]
persistence_dir = "{folder}/persistence"
data_dir = "{folder}/data"
[buffer]
temp_dir = "{folder}/tmp"
[wal]
wal_dir = "{folder}/wal"
[resource]
resource_dir = "{folder}/resource"
"""


def main():
    folder = Path(sys.argv[1]).resolve()
    # It looks for its configuration there, and would write below /var without one.
    (folder / "conf").mkdir(parents=True)
    text = CONFIGURATION.format(folder=folder)
    (folder / "conf/pytest_embedded_infinity_conf.toml").write_text(text)
    cases = str(Path(__file__).resolve().parent)
    os.chdir(folder)
    sys.path.insert(0, cases)
    import infinity_cases
    import infinity_embedded
    from infinity_embedded.common import (
        ConflictType,
        InfinityException,
        SortType,
        SparseVector,
    )
    from infinity_embedded.index import IndexInfo, IndexType

    kit = SimpleNamespace(
        ConflictType=ConflictType,
        IndexInfo=IndexInfo,
        IndexType=IndexType,
        SortType=SortType,
        SparseVector=SparseVector,
    )
    connection = infinity_embedded.connect(str(folder))
    database = connection.get_database("default_db")
    found = infinity_cases.run(database, kit, InfinityException, lenient=True)
    (folder / "found.json").write_text(json.dumps(found, default=str))
    # The engine does not always end well; what it found is written by now.
    os._exit(0)


if __name__ == "__main__":
    main()
