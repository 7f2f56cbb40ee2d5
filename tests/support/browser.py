"""A headless Chromium, driven over its DevTools protocol: a page is opened, clicked, typed into, and looked at.

It needs the Debian package chromium (`hack/localcluster up --install` installs it).
"""

import asyncio
import base64
import collections.abc
import contextlib
import itertools
import json
import pathlib
import shutil
import tempfile
import time
from typing import Any

import aiohttp

PATIENCE = 40.0
"""Seconds that a page may take to show what is waited for."""
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # it refuses to run as root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
)
_CENTER = """(() => {
    const element = (FINDER);
    if (!element) return null;
    element.scrollIntoView({block: "center"});
    const box = element.getBoundingClientRect();
    return box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
})()"""


class Page:
    """The one tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.faults: list[str] = []
        """Requests that were answered with 400 or more, and exceptions that nobody caught."""

    async def open(self, url: str) -> None:
        """Goes to an address."""
        await self.call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression. Raises RuntimeError where it throws."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    async def wait(self, expression: str, what: str) -> Any:
        """Waits until an expression is true, and returns it; fails with what the page shows."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(RuntimeError):
                if found := await self.evaluate(expression):
                    return found
            await asyncio.sleep(0.1)
        shown = await self.evaluate("document.body.innerText")
        raise AssertionError(
            f"waited {PATIENCE:g} s for {what}; faults: {self.faults}; the page shows:\n{shown[:2000]}"
        )

    async def wait_text(self, text: str) -> None:
        """Waits until a text is shown."""
        shown = "document.body.innerText.replaceAll('\\u00a0', ' ')"
        await self.wait(f"{shown}.includes({json.dumps(text)})", f"the text {text!r}")

    async def click(self, finder: str, what: str) -> None:
        """Clicks, as a mouse does, on the element that an expression finds."""
        place, before = await self.wait(_CENTER.replace("FINDER", finder), what), None
        while place != before:  # it may still glide to its place
            await asyncio.sleep(0.2)
            place, before = await self.wait(_CENTER.replace("FINDER", finder), what), place
        x, y = place
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def click_button(self, text: str) -> None:
        """Clicks on the button with this text."""
        buttons = "[...document.querySelectorAll('button')]"
        wanted = f"each.innerText.trim() === {json.dumps(text)} && !each.disabled"
        await self.click(f"{buttons}.find(each => {wanted})", f"the button {text!r}")

    async def type(self, text: str) -> None:
        """Types into what has the focus, and Enter."""
        await self.call("Input.insertText", text=text)
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    async def picture(self) -> bytes:
        """A PNG of what is shown."""
        taken = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(taken["data"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call of the protocol; events that come meanwhile are looked through."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE):
            while True:
                said = json.loads((await self._socket.receive()).data)
                if said.get("id") == number:
                    assert "error" not in said, f"{method}: {said['error']}"
                    result: dict[str, Any] = said["result"]
                    return result
                self._hear(said)

    def _hear(self, said: dict[str, Any]) -> None:
        match said:
            case {"method": "Network.responseReceived", "params": {"response": {"status": int(status), "url": url}}}:
                self.faults += [f"{status} {url}"] if status >= 400 else []
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.faults.append(str(details.get("exception", {}).get("description", details))[:300])


@contextlib.asynccontextmanager
async def browsing(width: int = 1280, height: int = 720) -> collections.abc.AsyncIterator[Page]:
    """A browser with a profile of its own and one tab, gone after the block."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        size = f"--window-size={width},{height}"
        process = await asyncio.create_subprocess_exec(
            *(program, *_OPTIONS, size, f"--user-data-dir={profile}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port = await _port(pathlib.Path(profile) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://127.0.0.1:{port}/json") as answer:
                    address = next(tab["webSocketDebuggerUrl"] for tab in await answer.json() if tab["type"] == "page")
                async with http.ws_connect(address, max_msg_size=0) as socket:
                    page = Page(socket)
                    for domain in ("Page", "Runtime", "Network"):
                        await page.call(f"{domain}.enable")
                    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                    await page.call("Emulation.setDeviceMetricsOverride", **metrics)
                    yield page
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _port(file: pathlib.Path, process: asyncio.subprocess.Process) -> str:
    """The port that the browser says it listens on."""
    end = time.monotonic() + PATIENCE
    while not (lines := _lines(file)):
        assert process.returncode is None, f"chromium ended with {process.returncode}"
        assert time.monotonic() < end, f"chromium did not start within {PATIENCE:g} s"
        await asyncio.sleep(0.1)
    return lines[0]


def _lines(file: pathlib.Path) -> list[str]:
    return file.read_text().split() if file.exists() else []
