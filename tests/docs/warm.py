"""``fpga-gnn`` without the seconds in which Python imports its packages: forks that have them.

``warm.py serve SOCKET`` imports them once; ``warm.py call SOCKET ARGUMENTS`` has a fork of it run
the command with the caller's folder, environment and streams. Signals reach it, and its exit code
comes back.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

SLOW = ("training.teacher_pipeline", "flows.validate", "flows.sweep", "flows.benchmark")
"""Modules of fpga_gnn that pull in all packages which are slow to import."""

MESSAGE_BYTES = 1 << 20


def serve(path: str) -> list[str]:
    """Wait for calls; return the arguments of each in a fork, which is set up as its caller."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            caller, _ = server.accept()
            if os.fork():
                caller.close()
                continue
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            message, streams, _, _ = socket.recv_fds(caller, MESSAGE_BYTES, 3)
            command = os.fork()
            if command:
                caller.send(f"{command}\n".encode())
                code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
                caller.send(f"{code if code >= 0 else 128 - code}\n".encode())
                os._exit(0)
            caller.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            folder, environment, arguments = json.loads(message)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
            return arguments


def call(path: str, arguments: list[str]) -> int:
    """Have a fork of the server run the command; return its exit code."""
    message = json.dumps((str(Path.cwd()), dict(os.environ), arguments)).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [message], [0, 1, 2])
        with server.makefile() as answers:
            command = int(answers.readline())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda number, _: os.kill(command, number))
            return int(answers.readline())


def run(arguments: list[str]) -> int:
    """Run the command in this process and return its exit code."""
    from fpga_gnn.cli.main import run

    if os.environ.get("DOCS_SCALE") == "small":
        from small_scale import reduce_scale

        reduce_scale()
    sys.argv = ["fpga-gnn", *arguments]
    try:
        run()
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    return 1


if __name__ == "__main__":
    action, path, *arguments = sys.argv[1:]
    if action == "call":
        sys.exit(call(path, arguments))
    for name in SLOW:
        importlib.import_module(f"fpga_gnn.{name}")
    code = run(serve(path))
    # No destructors of packages: they wait for threads that a fork does not have.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
