"""names.py NAME ADDRESS: a name server that knows one name."""

import socket
import sys

name = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[1].split(".")) + b"\0"
address = socket.inet_aton(sys.argv[2])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 53))
while True:
    query, client = server.recvfrom(512)
    question = query[12:]
    end = question.find(b"\0") + 5
    known = question[: len(name)].lower() == name
    wants_ipv4 = question[end - 4 : end - 2] == b"\0\1"
    answers = known and wants_ipv4
    # RFC 1035, 4.1: a response, and what was asked; NXDOMAIN for a name that isn't known.
    header = query[:2] + (b"\x85\x80" if known else b"\x85\x83") + bytes([0, 1, 0, int(answers), 0, 0, 0, 0])
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address if answers else b""
    server.sendto(header + question[:end] + record, client)
