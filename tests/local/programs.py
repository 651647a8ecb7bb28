"""Programs that tests start as services of a stack, or as servers of somebody else."""

# Responds like Airflow's api-server on the port of its first argument; its requests go to the file of its second.
HTTP_SERVER = """
import http.server, json, sys

HEALTH = {"scheduler": {"status": "healthy"}}
ANSWERS = {"/auth/token": {"access_token": "t"}, "/api/v2/monitor/health": HEALTH, "/api/v2/dags": {"dags": []}}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with open(sys.argv[2], "a") as file:
            print(self.command, self.path, self.headers.get("Authorization"), body.decode(), file=file)
        answer = json.dumps(ANSWERS.get(self.path.split("?")[0], {"status": "ok"})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# Requests the password as clear text, as PostgreSQL may; every byte that a client sends goes to the file.
POSTGRES_SERVER = """
import socket, struct, sys

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
CLEARTEXT_PASSWORD = b"R" + struct.pack("!ii", 8, 3)

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = server.accept()
    with client, open(sys.argv[2], "ab", buffering=0) as file:
        client.settimeout(1)
        try:
            while packet := client.recv(1000):
                file.write(packet)
                client.sendall(b"N" if packet == SSL_REQUEST else CLEARTEXT_PASSWORD)
        except OSError:
            pass
"""
