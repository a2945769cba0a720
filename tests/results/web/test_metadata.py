"""What the pages describe is in the schema."""

import pytest
from example_rows import failed, frame

pytest.importorskip("datasette", reason="the extra serve is not installed")

from edgecls.results.web.metadata import DATABASE, METADATA

DESCRIBED = METADATA["databases"][DATABASE]


@pytest.mark.parametrize("table", DESCRIBED["tables"])
def test_every_table_and_column_exists(store, table):
    assert table in store.database.table_names()
    columns = set(store.database.table(table).columns_dict)
    assert set(DESCRIBED["tables"][table].get("columns", ())) <= columns
    assert {DESCRIBED["tables"][table].get(name, "rowid") for name in ("sort_desc", "label_column")} <= {
        *columns,
        "rowid",
    }


@pytest.mark.parametrize("name", DESCRIBED["queries"])
def test_every_query_runs(store, browse, name):
    store.write(frame("a"))
    store.write(failed("b"))
    page = browse().get(f"/{DATABASE}/{name}.json?_shape=array")
    assert page.status_code == 200, page.text
    assert isinstance(page.json(), list)
