"""What stands on the PATH as `python` and `dvc`: it asks the server of `ready_python`.

Run by `python -I -S`, within milliseconds; what is no command of the study, or of DVC, is executed
as it is. Arguments: the program's name, the real one, the server's socket, its own arguments.
"""

import json
import os
import signal
import socket
import sys

name, program, address, *arguments = sys.argv[1:]
if name == "python" and arguments[:2] == ["-m", "dvc"]:
    name, arguments = "dvc", arguments[2:]
if name == "python" and arguments[:2] != ["-m", "replication"] and arguments[:1] != ["-c"]:
    os.execv(program, [program, *arguments])

server = socket.socket(socket.AF_UNIX)
server.connect(address)
request = {
    "name": name,
    "arguments": arguments,
    "folder": os.getcwd(),  # noqa: PTH109, pathlib takes as long to import as all the rest
    "environment": dict(os.environ),
}
body = json.dumps(request).encode()
socket.send_fds(server, [len(body).to_bytes(8, "big")], [0, 1, 2])
server.sendall(body)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: server.sendall(bytes([number])))
status = server.recv(1)  # none: the server is gone
sys.exit(status[0] if status else 1)
