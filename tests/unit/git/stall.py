"""A relay on the loopback that passes all on, and at some point stalls what the server says.

usage: stall.py PORT BYTES MARKER HOW

It stalls once the server behind PORT has said BYTES on a connection, or once the file MARKER exists. From then on
nothing comes any more (HOW silent), or a byte now and then (drip). Prints its port."""
import os
import selectors
import socket
import sys
import threading
import time

port, limit, marker, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
DRIP_SEC = 0.05


def stall(client, data):
    for byte in data if how == "drip" else b"":
        client.sendall(bytes([byte]))
        time.sleep(DRIP_SEC)
    threading.Event().wait()


def relay(client):
    with client, socket.create_connection(("127.0.0.1", port), 10) as server, selectors.DefaultSelector() as selector:
        said = 0
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)
                if not data:
                    return
                if key.fileobj is server:
                    if os.path.exists(marker):
                        stall(client, data)
                    passed = data[:limit - said]
                    said += len(passed)
                    client.sendall(passed)
                    if len(passed) < len(data):
                        stall(client, data[len(passed):])
                else:
                    key.data.sendall(data)


def serve(client):
    try:
        relay(client)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
