"""order-processor: takes orders and prints them."""
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Orders(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'  # connections are kept

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        print('Order received : ' + json.dumps(data), flush=True)
        answer = json.dumps({'success': True}).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


address = (os.getenv('APP_HOST', '127.0.0.1'), int(os.getenv('APP_PORT', '8001')))
ThreadingHTTPServer(address, Orders).serve_forever()
