from __future__ import annotations

import json

from fpga_gnn.report.serving import (
    PICTURE,
    SERVING,
    TABLE,
    LoadPoint,
    ServingReport,
    point_lines,
    save_serving,
    scaling_lines,
)


def point(instances: int | None, clients: int, answered: int, refused: int = 0) -> LoadPoint:
    return LoadPoint(
        instances=instances,
        clients=clients,
        answered=answered,
        refused=refused,
        seconds=2.0,
        p50_ms=10.4,
        p95_ms=20.0,
        p99_ms=30.6,
    )


REPORT = ServingReport(
    settings={"backend": "torch"},
    points=(
        *(point(1, clients, n) for clients, n in ((1, 90), (2, 96), (4, 100))),
        *(point(3, clients, n) for clients, n in ((1, 80), (2, 160), (4, 240))),
        point(3, 8, 230, 7),
    ),
)


def test_a_server_is_saturated_by_the_fewest_clients_that_fill_it():
    assert REPORT.instances == (1, 3)
    assert [REPORT.saturation(n) for n in (1, 3)] == [2, 4]
    assert scaling_lines(REPORT) == [
        "1 instance: 50.00 events/s, saturated by 2 client(s)",
        "3 instances: 120.00 events/s, saturated by 4 client(s), 2.40 x 1 instance",
        "AthenaTriton (published): 3 instances have 2.4 x the throughput of 1",
    ]


def test_another_server_is_compared_with_nothing():
    report = ServingReport(settings={"url": "grpc://x"}, points=(point(None, 1, 4),))
    assert scaling_lines(report) == ["the server: 2.00 events/s, saturated by 1 client(s)"]
    assert point_lines(report)[1].split()[:2] == ["?", "1"]


def test_the_table_has_every_point():
    assert point_lines(REPORT)[-1].split() == ["3", "8", "115.00", "10", "20", "31", "230", "7"]


def test_the_report_lies_beside_its_table_and_its_picture(tmp_path):
    save_serving(REPORT, tmp_path / "new")
    text = (tmp_path / "new" / SERVING).read_text()
    assert ServingReport.model_validate_json(text) == REPORT
    assert json.loads(text)["schema_version"] == 1
    assert (tmp_path / "new" / TABLE).read_text().count("\n") == 2 + len(REPORT.points)
    assert (tmp_path / "new" / PICTURE).read_bytes().startswith(b"\x89PNG")
