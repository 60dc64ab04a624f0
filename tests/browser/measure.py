"""Size, time to usable and main-thread time of the widget beside npm's ``rasa-webchat``, in the same browser run.

Run it by hand: ``python -m tests.browser.measure``. Both are served gzipped from this process on loopback and wait for
nothing of a server, so the figures are the scripts' own. Not a test: figures belong to the machine they were taken on.
"""

import asyncio
import gzip
import json
import shutil
import statistics
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.async_api import Browser, async_playwright

from tests.browser.axe import TOOLS
from tests.browser.conftest import ARGUMENTS, DESKTOP, ROOT

PEER = "rasa-webchat@1.0.1"
ROUNDS = 9
_WIDGET = ROOT / "bot" / "pages" / "widget.js"

# Usable: the launcher is in the page, seen from the start of the script's request. (The peer shows its own only once its
# socket is open, so its figure is a lower bound.)
_READY = """
(selector) => new Promise((resolve) => {
  const look = () => {
    const at = document.querySelector(selector) || document.querySelector('remit-chat')?.shadowRoot?.querySelector(selector);
    if (!at) return setTimeout(look, 1);
    const [script] = performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js'));
    resolve(performance.now() - script.startTime);
  };
  look();
})
"""
_HEAD = "<!doctype html><html lang=en><meta charset=utf-8><title>t</title><body><h1>page</h1>"
_OURS = f"{_HEAD}<script src=/widget.js></script>"
_THEIRS = (
    f"{_HEAD}<script src=/peer.js></script>"
    "<script>WebChat.default({socketUrl: location.origin, title: 't', hideWhenNotConnected: false})</script>"
)


def _peer() -> bytes:
    folder = TOOLS / "peer"  # of its own: npm takes out of a folder what it was not asked for
    script = folder / "node_modules" / "rasa-webchat" / "lib" / "index.js"
    if not script.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        order = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps"]
        subprocess.run([*order, "--prefix", str(folder), PEER], check=True, capture_output=True, timeout=300)
    return script.read_bytes()


@contextmanager
def _serving(files: dict[str, tuple[str, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = files.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            if kind:
                self.send_header("Content-Type", kind)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_what: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


async def _once(browser: Browser, url: str, launcher: str) -> dict[str, float]:
    context = await browser.new_context(viewport=DESKTOP)
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable")
    await page.goto(url)
    usable = await page.evaluate(_READY, launcher)
    metrics = {m["name"]: m["value"] for m in (await session.send("Performance.getMetrics"))["metrics"]}
    await context.close()
    parts = {"task": "TaskDuration", "script": "ScriptDuration"}
    return {"usable_ms": usable} | {f"{name}_ms": metrics[key] * 1000 for name, key in parts.items()}


async def _measure(browser: Browser, url: str, launcher: str) -> dict[str, float]:
    rounds = [await _once(browser, url, launcher) for _ in range(ROUNDS)]
    return {name: round(statistics.median(each[name] for each in rounds), 1) for name in rounds[0]}


async def main() -> None:
    """Print one line of JSON: medians of `ROUNDS` fresh contexts each, and the bytes on the wire."""
    scripts = {"/widget.js": gzip.compress(_WIDGET.read_bytes(), 9), "/peer.js": gzip.compress(_peer(), 9)}
    files = {path: ("text/javascript", body) for path, body in scripts.items()}
    pages = {"/ours": _OURS, "/theirs": _THEIRS}
    files |= {path: ("text/html", gzip.compress(text.encode())) for path, text in pages.items()}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        with _serving(files) as root:
            ours = await _measure(browser, f"{root}/ours", ".launcher")
            theirs = await _measure(browser, f"{root}/theirs", ".rw-launcher")
        await browser.close()
    ours["gzip_bytes"], theirs["gzip_bytes"] = len(scripts["/widget.js"]), len(scripts["/peer.js"])
    print(json.dumps({"remit": ours, PEER: theirs}))


if __name__ == "__main__":
    asyncio.run(main())
