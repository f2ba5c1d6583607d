"""A backend that holds memory of a real NVIDIA card, as a model would: `model.py PORT GIB`.

GET answers 200 once it has taken its memory. POST /v1/chat/completions works on the card for `seconds` and says what
it holds; POST /grow takes `gib` more. An allocation that fails ends it, as it ends an engine.
"""
import json
import os
import sys
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch

PORT, GIB = int(sys.argv[1]), float(sys.argv[2])
held = []


def take(gib):
    """In pieces, as a model is loaded."""
    for _ in range(int(gib * 2)):
        held.append(torch.zeros(2**29, dtype=torch.uint8, device="cuda"))
    torch.cuda.synchronize()


def take_or_die(gib):
    try:
        take(gib)
    except torch.OutOfMemoryError:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer({"status": "ok"})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/grow":
            take_or_die(asked["gib"])
        end = time.monotonic() + asked.get("seconds", 0)
        block = torch.rand(2048, 2048, device="cuda")
        while time.monotonic() < end:
            block = (block @ block).clamp(0, 1)
            torch.cuda.synchronize()
        self.answer(
            {
                "object": "chat.completion",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "done"}}],
                "held": torch.cuda.memory_allocated(),
                "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
                "pid": os.getpid(),
            }
        )

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


take_or_die(GIB)
ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
