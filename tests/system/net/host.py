"""The peer of the guests in tests/system/net.sh: serves FILE on port 8000, and tells on 8001 the sum of what it was sent."""

import hashlib
import socketserver
import sys
import threading

CONTENT = open(sys.argv[1], "rb").read()


class Source(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(CONTENT)


class Sink(socketserver.BaseRequestHandler):
    def handle(self):
        # Debian 12's passt resets, after half a minute, a connection whose server has said nothing yet.
        self.request.sendall(b"sent ")
        digest = hashlib.sha256()
        while piece := self.request.recv(1 << 16):
            digest.update(piece)
        self.request.sendall(f"sum {digest.hexdigest()}".encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


threading.Thread(target=Server(("0.0.0.0", 8000), Source).serve_forever, daemon=True).start()
Server(("0.0.0.0", 8001), Sink).serve_forever()
