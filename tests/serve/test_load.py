"""A thousand requests from eight clients, some hostile, and an instance that is killed."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
from urllib.parse import urlsplit

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from fpga_gnn.cli.main import run
from fpga_gnn.report.serving import SERVING, ServingReport
from fpga_gnn.serve.client import CallError, TrackClient
from fpga_gnn.serve.protocol import INPUTS, MODEL, OUTPUTS

N_REQUESTS, N_CLIENTS, QUEUE = 1040, 8, 24
THIRD, KILL = N_REQUESTS // 3, N_REQUESTS // 2
MAX_HITS, MAX_BYTES = 5000, 400_000
GROWTH_MIB = 6
"""What a process may gain in the last two thirds of the load: nothing per request."""


@pytest.fixture(scope="module")
def server(serve):
    limits = ("--max-hits", MAX_HITS, "--max-request-bytes", MAX_BYTES, "--queue", QUEUE)
    with serve("--instances", 2, "--max-batch", 2, "--max-events-per-request", 8, *limits) as one:
        yield one


def repeated(arrays, times):
    return {name: np.tile(array, times) for name, array in arrays.items()}


HOSTILE = {
    "no tensor": (lambda a: {k: v for k, v in a.items() if k != "z"}, 400),
    "another tensor": (lambda a: {**a, "weight": a["x"]}, 400),
    "another type": (lambda a: {**a, "x": a["x"].astype(np.float64)}, 400),
    "another shape": (lambda a: {**a, "x": a["x"][None]}, 400),
    "fewer hits": (lambda a: {**a, "y": a["y"][1:]}, 400),
    "no number": (lambda a: {**a, "y": np.full_like(a["y"], np.nan)}, 400),
    "a negative id": (lambda a: {**a, "module_id": a["module_id"] - (1 << 20)}, 400),
    "other sizes": (lambda a: {**a, "hits_per_event": a["hits_per_event"] + 1}, 400),
    "no hits": (lambda a: {name: array[:0] for name, array in a.items()}, 400),
    "a hit too far away": (lambda a: {**a, "z": a["z"] + np.float32(1e6)}, 400),
    "a hit on the beam": (lambda a: {**a, "x": 0 * a["x"], "y": 0 * a["y"]}, 400),
    "many hits": (lambda a: repeated(a, 1 + MAX_HITS // a["x"].size), 400),
    "many bytes": (lambda a: repeated(a, 1 + MAX_BYTES // (24 * a["x"].size)), 413),
}
"""What is sent instead of a good request, and the status it gets."""


def test_every_answer_is_right_whatever_happens(server, known):
    numbers = iter(range(N_REQUESTS))
    hostile = list(HOSTILE.values())
    memory, statuses, tracks = [], [], 0

    async def send(client: TrackClient, number: int) -> None:
        nonlocal tracks
        one = known[number % len(known)]
        if number % 20 == 7:
            change, status = hostile[number // 20 % len(hostile)]
            with pytest.raises(CallError) as error:
                await client.infer(change(one.arrays))
            assert error.value.status == status, error.value
            assert "\n" not in str(error.value)
            assert "Traceback" not in str(error.value)
            statuses.append(status)
            return
        while True:
            try:
                found = await client.infer(one.arrays)
                break
            except CallError as error:
                if "ended with exit code -9; try again" not in str(error):
                    raise
                statuses.append(error.status)
        assert np.array_equal(found["track_id"], one.track_id), number
        assert found["tracks_per_event"].tolist() == [one.track_id.max() + 1]
        statuses.append(200)
        tracks += int(one.track_id.max()) + 1

    async def work(url: str) -> None:
        async with TrackClient(url) as client:
            for number in numbers:
                if number == THIRD:
                    memory.append(server.memory_mib)
                if number == KILL:
                    os.kill(server.instances[0], signal.SIGKILL)
                await send(client, number)

    async def load() -> None:
        urls = [server.http, server.grpc] * (N_CLIENTS // 2)
        await asyncio.gather(*map(work, urls))

    first = server.instances
    asyncio.run(load())
    assert statuses.count(200) == N_REQUESTS - N_REQUESTS // 20
    assert statuses.count(400) + statuses.count(413) == N_REQUESTS // 20
    assert 1 <= statuses.count(503) <= 2
    server.wait_for("fpga_gnn_instances_ready", 2)
    assert len(server.instances) == 2
    assert len({*server.instances, *first}) == 3
    assert server.metric("fpga_gnn_instance_restarts_total") == 1
    assert server.metric('fpga_gnn_requests_total{outcome="answered"}') == statuses.count(200)
    assert server.metric("fpga_gnn_tracks_total") == tracks
    [before], after = memory, server.memory_mib
    growth = {pid: after[pid] - before[pid] for pid in after.keys() & before.keys()}
    assert len(growth) == 2, "the server and the instance that lived on"
    assert max(growth.values()) < GROWTH_MIB
    text = server.log.read_text()
    assert text.count("ended with exit code -9") == 1
    assert "Traceback" not in text


def test_several_events_of_a_request_are_answered_apart(server, known):
    async def ask(url):
        arrays = [one.arrays for one in known[:3]]
        joined = {name: np.concatenate([a[name] for a in arrays]) for name in arrays[0]}
        async with TrackClient(url) as client:
            return await client.infer(joined)

    for url in (server.http, server.grpc):
        found = asyncio.run(ask(url))
        assert found["tracks_per_event"].size == 3
        assert np.array_equal(found["track_id"], np.concatenate([k.track_id for k in known[:3]]))


def test_what_the_queue_does_not_take_is_refused_at_once(server, known):
    arrays = known[0].arrays
    n_refused = 10

    async def flood() -> list[int]:
        async with TrackClient(server.http) as http_, TrackClient(server.grpc) as grpc:

            async def status(number: int) -> int:
                try:
                    await (http_, grpc)[number % 2].infer(arrays)
                except CallError as error:
                    return error.status
                return 200

            tasks = [asyncio.create_task(status(i)) for i in range(QUEUE + n_refused)]
            refused = 0
            for done in asyncio.as_completed(tasks):
                refused += await done == 503
                if refused == n_refused:
                    break
            for pid in server.instances:
                os.kill(pid, signal.SIGCONT)
            return await asyncio.gather(*tasks)

    for pid in server.instances:
        os.kill(pid, signal.SIGSTOP)
    statuses = asyncio.run(flood())
    assert (statuses.count(503), statuses.count(200)) == (n_refused, QUEUE)
    assert server.metric('fpga_gnn_requests_total{outcome="saturated"}') == n_refused


def test_a_running_server_can_be_measured(server, store, tmp_path, capsys):
    plan = ("--events", store.path, "--clients", 3, "--requests", 7, "--out", tmp_path)
    with pytest.raises(SystemExit) as exit_:
        run([str(word) for word in ("benchmark-serve", "--url", server.grpc, *plan)])
    assert exit_.value.code in (None, 0)
    report = ServingReport.model_validate_json((tmp_path / SERVING).read_text())
    [point] = report.points
    assert (point.instances, point.clients, point.answered) == (None, 3, 7)
    assert report.settings["url"] == server.grpc
    assert "the server: " in capsys.readouterr().out


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(urlsplit(server.grpc).netloc) as channel:
        yield GRPCInferenceServiceStub(channel)


def rpc_request(arrays, model=MODEL):
    request = pb.ModelInferRequest(model_name=model, id="7")
    fields = {"FP32": "fp32_contents", "INT32": "int_contents", "INT64": "int64_contents"}
    for spec in INPUTS:
        data = arrays[spec.name]
        tensor = request.inputs.add(name=spec.name, datatype=spec.datatype, shape=data.shape)
        getattr(tensor.contents, fields[spec.datatype]).extend(data.tolist())
    return request


def test_numbers_over_grpc_are_answered_as_numbers(stub, known):
    answer = stub.ModelInfer(rpc_request(known[0].arrays))
    assert answer.id == "7"
    assert not answer.raw_output_contents
    assert [(t.name, t.datatype) for t in answer.outputs] == [(s.name, s.datatype) for s in OUTPUTS]
    assert list(answer.outputs[0].contents.int64_contents) == known[0].track_id.tolist()


def test_grpc_has_no_other_model_and_no_way_to_load_one(stub, known):
    code, arrays = grpc.StatusCode, known[0].arrays
    short = rpc_request(arrays)
    short.raw_input_contents.append(b"1234")
    for call, request, expected in (
        (stub.ModelInfer, rpc_request(arrays, "other"), code.NOT_FOUND),
        (stub.ModelReady, pb.ModelReadyRequest(name="other"), code.NOT_FOUND),
        (stub.ModelMetadata, pb.ModelMetadataRequest(name=MODEL, version="9"), code.NOT_FOUND),
        (stub.ModelInfer, short, code.INVALID_ARGUMENT),
        (stub.RepositoryIndex, pb.RepositoryIndexRequest(), code.UNIMPLEMENTED),
        (stub.RepositoryModelLoad, pb.RepositoryModelLoadRequest(), code.UNIMPLEMENTED),
        (stub.RepositoryModelUnload, pb.RepositoryModelUnloadRequest(), code.UNIMPLEMENTED),
    ):
        with pytest.raises(grpc.RpcError) as error:
            call(request)
        assert error.value.code() == expected
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    assert stub.ModelMetadata(pb.ModelMetadataRequest(name=MODEL)).inputs[0].name == "x"


class Rest:
    """Plain HTTP, byte by byte."""

    def __init__(self, server):
        self.address = urlsplit(server.http)

    def __call__(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(
            self.address.hostname, self.address.port, timeout=60
        )
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names, encode_chunked="Transfer-Encoding" in names)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def infer(self, body, **headers):
        status, data = self("POST", f"/v2/models/{MODEL}/infer", body, **headers)
        return status, json.loads(data)


@pytest.fixture
def rest(server):
    return Rest(server)


def json_request(arrays, **more):
    names = {spec.name: spec.datatype for spec in INPUTS}
    inputs = [
        {"name": name, "datatype": names[name], "shape": [array.size], "data": array.tolist()}
        for name, array in arrays.items()
    ]
    return {"id": "7", "inputs": inputs, **more}


def test_plain_json_is_answered_in_json(rest, known):
    one = known[0]
    status, found = rest.infer(json.dumps(json_request(one.arrays)))
    assert status == 200
    assert (found["id"], found["model_name"]) == ("7", MODEL)
    assert [(t["name"], t["datatype"]) for t in found["outputs"]] == [
        (spec.name, spec.datatype) for spec in OUTPUTS
    ]
    assert found["outputs"][0]["data"] == one.track_id.tolist()
    wanted = [{"name": "edges"}, {"name": "track_id", "parameters": {"binary_data": False}}]
    _, found = rest.infer(json.dumps(json_request(one.arrays, outputs=wanted)))
    assert [t["name"] for t in found["outputs"]] == ["track_id", "edges"]


def bad_bodies(arrays):
    good = json_request(arrays)
    text = json.dumps(good).encode()
    tensor = good["inputs"][0]
    binary = {**tensor, "parameters": {"binary_data_size": 8}}
    return {
        "nothing": (b"", {}),
        "no JSON": (b"\xff\xfe{", {}),
        "half of it": (text[:-2], {}),
        "a list": (b"[]", {}),
        "deep": (b"[" * 100_000, {}),
        "no inputs": (b'{"id": "1"}', {}),
        "a number as inputs": (b'{"inputs": 7}', {}),
        "a tensor twice": (json.dumps({"inputs": [tensor, tensor]}).encode(), {}),
        "an output that is not": (json.dumps({**good, "outputs": [{"name": "pt"}]}).encode(), {}),
        "strings": (json.dumps({"inputs": [{**tensor, "data": ["1"]}]}).encode(), {}),
        "a wrong datatype": (
            json.dumps({"inputs": [{**tensor, "datatype": "BYTES"}]}).encode(),
            {},
        ),
        "a huge shape": (json.dumps({"inputs": [{**tensor, "shape": [1 << 62]}]}).encode(), {}),
        "a negative size": (
            json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": -8}}]}).encode(),
            {},
        ),
        "bytes that are missing": (json.dumps({"inputs": [binary]}).encode(), {}),
        "bytes that are left": (
            text + b"1234",
            {"Inference_Header_Content_Length": str(len(text))},
        ),
        "a header too long": (text, {"Inference_Header_Content_Length": str(len(text) + 1)}),
        "no length": (text, {"Inference_Header_Content_Length": "-1"}),
        "compressed": (text, {"Content_Encoding": "gzip"}),
    }


@pytest.mark.parametrize("name", bad_bodies({spec.name: np.zeros(1) for spec in INPUTS}))
def test_a_bad_body_is_refused_with_a_sentence(rest, known, name):
    body, headers = bad_bodies(known[0].arrays)[name]
    status, answer = rest.infer(body, **headers)
    assert status == 400, answer
    assert list(answer) == ["error"]
    assert "\n" not in answer["error"]
    assert "found" in answer["error"]


def test_a_body_without_end_is_refused(rest, server):
    chunks = (b"x" * 10_000 for _ in range(2 * MAX_BYTES // 10_000))
    status, answer = rest.infer(chunks, Transfer_Encoding="chunked")
    assert (status, answer["error"]) == (413, f"the request has more than {MAX_BYTES} bytes")
    assert server.metric("fpga_gnn_requests_in_flight") == 0


def test_health_and_metadata_are_those_of_kserve(rest):
    assert rest("GET", "/v2/health/live")[0] == 200
    assert rest("GET", "/v2/health/ready")[0] == 200
    assert rest("GET", f"/v2/models/{MODEL}/ready")[0] == 200
    _, data = rest("GET", f"/v2/models/{MODEL}")
    found = json.loads(data)
    assert [t["name"] for t in found["inputs"]] == [spec.name for spec in INPUTS]
    assert [t["datatype"] for t in found["outputs"]] == [spec.datatype for spec in OUTPUTS]
    assert rest("GET", "/v2/models/other")[0] == 404
    assert rest("POST", "/v2/models/other/infer", b"{}")[0] == 404


def test_no_client_can_load_or_unload_a_model(rest, server):
    for path in ("index", f"models/{MODEL}/load", f"models/{MODEL}/unload"):
        assert rest("POST", f"/v2/repository/{path}", b"{}")[0] == 404
    assert rest("POST", f"/v2/models/{MODEL}/infer_stream", b"{}")[0] == 404
    assert rest("GET", "/openapi.json")[0] == 404
