"""`remit actions` as a process: it starts, answers beside a demo, and ends when it is told to."""

import os
import signal
import socket

import httpx
from running import Marked, free_port, soon

TOKEN = "shared-by-both"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_the_action_server_hands_a_conversation_to_a_running_remit(demo, tmp_path):
    marked, port = Marked(tmp_path), free_port()
    marked.environment |= {
        "REMIT_ACTIONS__PORT": str(port),
        "REMIT_ACTIONS__TOKEN": TOKEN,
        "REMIT_ACTIONS__REMIT_URL": demo.said["chat"],
    }
    latest = {"text": "I want to pay invoice INV-1042", "message_id": "m1"}
    tracker = {"sender_id": "u1", "slots": {}, "latest_message": latest, "events": []}
    call = {"next_action": "action_remit_turn", "tracker": tracker}
    with marked.start("bot", "actions") as process:
        url = f"http://127.0.0.1:{port}"
        soon(lambda: _answers(url), "the action server answers")
        http = httpx.Client(base_url=url, trust_env=False, timeout=20)
        with http:
            assert http.post("/webhook", json=call).status_code == 401
            answer = http.post("/webhook", json=call, headers={"Authorization": f"Bearer {TOKEN}"})
        assert "billing zip code for invoice INV-1042" in answer.json()["responses"][0]["text"]
        os.kill(process.pid, signal.SIGTERM)
        process.wait(20)
    assert TOKEN not in marked.log()
    assert "Traceback" not in marked.log()
    assert marked.alive() == []


def test_a_port_that_is_in_use_is_named(tmp_path):
    marked = Marked(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        marked.environment["REMIT_ACTIONS__PORT"] = str(taken.getsockname()[1])
        answer = marked.run("actions")
    assert answer.returncode == 2
    assert "set another [actions] port" in answer.stderr
