"""The page of results is what its command makes of the table of figures."""

from benchmarks.tables import FIGURES, GOALS, PAGE, page
from trainer.evaluation.figures import Figure, read_figures


def test_the_page_is_made_of_the_table():
    assert PAGE.read_text() == page(read_figures(FIGURES)), "run: python -m benchmarks.tables"


def test_a_goal_is_told_of_the_newest_bundle():
    suite, measure, row, goal, beside = GOALS[0]
    old, new, other = (
        Figure("2026-01-01", bundle, suite, measure, name, value)
        for bundle, name, value in (("a@1#1", row, goal), ("b@1#2", row, goal - 0.1), ("", beside, 0.123))
    )
    assert "| reached |" not in page([old, new, other])
    assert f"| {goal:.3f} | 0.123 | reached |" in page([new, old, other])
