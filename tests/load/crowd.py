#!/usr/bin/env python3
"""What one user's crowd costs another, on a running `./dev up`.

    tests/load/crowd.py PORT searches    alice searches in vain on 60 connections without a rest
    tests/load/crowd.py PORT streams     alice opens 500 streams and reads none
    tests/load/crowd.py PORT hold COUNT  alice opens so many live streams, reads only their beginnings, says so, and waits

Prints bob's latency alone and beside the crowd, and what the crowd was answered.
"""
import http.client
import socket
import sys
import threading
import time

SEARCHERS, STREAMS, PROBES = 60, 500, 100


def login(port, user):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/auth/dev?user={user}", headers={"Host": f"localhost:{port}"})
    answer = connection.getresponse()
    answer.read()
    return next(value.split(";")[0] for name, value in answer.getheaders()
                if name.lower() == "set-cookie" and value.startswith("pek_session"))


def probe(port, cookie):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times, codes = [], {}
    for i in range(PROBES):
        path = "/api/v1/groups?q=k%C3%B6r&pageSize=20" if i % 2 else "/api/v1/groups?pageSize=20"
        begin = time.monotonic()
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        times.append((time.monotonic() - begin) * 1000)
        codes[answer.status] = codes.get(answer.status, 0) + 1
        time.sleep(0.05)
    times.sort()
    return f"p50 {times[PROBES // 2]:.1f} ms, p95 {times[PROBES * 95 // 100]:.1f} ms, {codes}"


def search_on(port, cookie, codes, stop):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not stop.is_set():
        connection.request("GET", "/api/v1/groups?q=zzqx&pageSize=20", headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        codes[answer.status] = codes.get(answer.status, 0) + 1


def open_streams(port, cookie):
    sockets = []
    for i in range(STREAMS):
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.bind((f"127.0.0.{2 + i % 5}", 0))  # one address has at most 200 connections
        stream.connect(("127.0.0.1", port))
        stream.sendall(f"GET /api/v1/groups HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n"
                       "Accept: application/x-ndjson\r\n\r\n".encode())
        sockets.append(stream)
    return sockets


def hold(port, count):
    cookie, streams = login(port, "alice"), []
    for i in range(count):
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.bind((f"127.0.0.{2 + i % 100}", 0))
        stream.connect(("127.0.0.1", port))
        stream.sendall(f"GET /api/v1/notifications HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n"
                       "Accept: text/event-stream\r\n\r\n".encode())
        streams.append(stream)
    for stream in streams:
        head = stream.recv(15)
        if b" 200" not in head:
            sys.exit(f"a stream was refused: {head!r}")
    print("open", flush=True)
    threading.Event().wait()


def main():
    port, kind = int(sys.argv[1]), sys.argv[2]
    if kind == "hold":
        return hold(port, int(sys.argv[3]))
    crowd, other = login(port, "alice"), login(port, "bob")
    probe(port, other)
    print("alone:           ", probe(port, other))
    codes, stop, streams = {}, threading.Event(), []
    if kind == "streams":
        streams = open_streams(port, crowd)
    for _ in range(0 if kind == "streams" else SEARCHERS):
        threading.Thread(target=search_on, args=(port, crowd, codes, stop), daemon=True).start()
    time.sleep(1)
    print("beside the crowd:", probe(port, other))
    stop.set()
    for stream in streams:
        code = int(stream.recv(12)[9:12] or 0)
        codes[code] = codes.get(code, 0) + 1
    print("the crowd:       ", codes)


if __name__ == "__main__":
    main()
