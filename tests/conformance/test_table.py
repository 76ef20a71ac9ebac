"""The table in the documentation is that of the cases."""

from tests.conformance import table


def test_page_lists_every_check_with_its_promise() -> None:
    rows = table.written(table.PAGE.read_text("utf-8"))
    assert rows == [(name, promise) for name, promise, _ in table.checks()]
