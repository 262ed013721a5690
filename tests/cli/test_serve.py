"""What ``serve`` and ``benchmark-serve`` refuse, and a measurement. Servers run in processes of
their own: mlserver and tritonclient cannot be imported into one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from fpga_gnn.serve import packages

COMMAND = "import sys; from fpga_gnn.cli.main import run; run(sys.argv[1:])"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--instances", "0"), "serve: instances: found 0, expected greater than or equal to 1"),
        (("--backend", "board", "--instances", "2"), "1 with the backend board"),
        (("--http-port", "70000"), "serve: http_port: found 70000"),
        (("--timeout", "0"), "serve: timeout_s: found 0.0"),
        (("--max-hits", "0"), "serve: limits.max_hits: found 0"),
    ],
)
def test_a_configuration_that_cannot_be_served_is_refused(fpga_gnn, options, message):
    outcome = fpga_gnn("serve", *options)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "benchmark-serve --events two_events --out o"])
def test_a_missing_package_names_its_extra(fpga_gnn, monkeypatch, command, place):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    outcome = fpga_gnn(*command.split())
    assert outcome.code == 2
    assert "not installed; pip install 'fpga-gnn[serve]'" in outcome.err


@pytest.mark.parametrize(("port", "builder"), [("http", None), ("grpc", None), (None, "best")])
def test_a_server_that_cannot_start_says_why(port, builder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ["--http-port", "0", "--grpc-port", "0"]
        number = str(taken.getsockname()[1])
        options += [f"--{port}-port", number] if port else ["--builder", builder]
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "serve", *options],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=300,
        )
    assert done.returncode == 2
    assert done.stdout == ""
    expected = f"--{port}-port {number}: found " if port else "found 'best', expected one of cc, "
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_service_is_measured_by_clients(fpga_gnn, place):
    plan = ("--clients", "1,3", "--requests", "9", "--protocol", "http")
    outcome = fpga_gnn(
        *("benchmark-serve", "--events", "two_events", "--out", "out", "--instances", "1", *plan)
    )
    assert outcome.code == 0, outcome.err
    report = json.loads((place / "out" / "serving.json").read_text())
    assert [(p["instances"], p["clients"]) for p in report["points"]] == [(1, 1), (1, 3)]
    for found in report["points"]:
        assert (found["answered"], found["refused"]) == (9, 0)
        assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
        assert found["seconds"] > 0
    assert report["settings"]["protocol"] == "http"
    assert report["settings"]["events"] == "2 of two_events, pixel"
    assert (place / "out" / "serving.png").is_file()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--url", "ftp://host"), 2, "--url: found ftp://host"),
        (("--clients", "0"), 2, "clients.0: found '0'"),
        (("--instances", "a"), 2, "instances: found 'a'"),
        (("--url", "grpc://127.0.0.1:9"), 1, "grpc://127.0.0.1:9: failed to connect"),
        (("--url", "http://127.0.0.1:9"), 1, "http://127.0.0.1:9: "),
    ],
)
def test_a_measurement_that_cannot_be_made_is_refused(fpga_gnn, place, options, code, message):
    outcome = fpga_gnn("benchmark-serve", "--events", "two_events", "--out", "out", *options)
    assert outcome.code == code
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
