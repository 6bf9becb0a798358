from __future__ import annotations

import pytest

from tests.promql import labels_in, metrics_in, unknown

SCRAPE = {
    "lines_total": [{"topic": "a", "source": "b"}],
    "lag": [{"topic": "a", "partition": "0"}],
    "seconds_bucket": [{"le": "1", "stage": "read"}],
}


@pytest.mark.parametrize(
    ("expression", "metrics", "labels"),
    [
        ('sum by (topic) (rate(lines_total{topic=~"a|b"}[5m]))', {"lines_total"}, {"topic"}),
        (
            "(time() - lag) and on (topic, partition) (lag > 1e6) or vector(0)",
            {"lag"},
            {"topic", "partition"},
        ),
        (
            'histogram_quantile(0.9, sum(rate(seconds_bucket{stage="read"}[1m])) by (le))',
            {"seconds_bucket"},
            {"stage", "le"},
        ),
    ],
)
def test_an_expressions_metrics_and_labels_are_found(expression, metrics, labels):
    assert (metrics_in(expression), labels_in(expression)) == (metrics, labels)
    assert unknown(expression, SCRAPE) == set()


def test_what_a_scrape_lacks_is_told():
    assert unknown("rate(line_total[5m]) / lag", SCRAPE) == {"line_total"}
    assert unknown("sum by (pod) (lag)", SCRAPE) == {"pod"}
    assert unknown("sum by (pod) (lag)", SCRAPE, added=["pod"]) == set()
    assert unknown('seconds_bucket{stage="reed"}', SCRAPE) == {"stage=reed"}
