"""The page at `/` in a real browser: it is right, stays right, and is for everybody.

A fleet with devices of hostile names, hot ones, silent ones and unreadable records; a headless
Chromium looks at the page meanwhile. With --shots FOLDER it leaves pictures to be looked at.
"""

import json
import re
import threading
import time
from pathlib import Path

import confluent_kafka

import harness
import messages
import notify
from browser import Browser
from harness import EXIT_OK, require, wait_for

TOPIC = "telemetry"
# What a browser says of a service that stops.
ENDED = re.compile(r"ERR_CONNECTION_(REFUSED|RESET|CLOSED|ABORTED)|ERR_EMPTY_RESPONSE")
HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "</script><script>window.owned = 1</script>",
    "\u202e‮\x1b[2J&quot;'\"",
]
CALM = [f"sat-{number:03}" for number in range(24)]
SILENT = ["sat-quiet-1", "sat-quiet-2"]
SILENT_AFTER_SECONDS = 20


class Sender:
    """A fleet that goes on sending: hostile devices run hot, two fall silent after a while."""

    def __init__(self, brokers):
        self.kafka = confluent_kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 5})
        self.rate = 1
        self.is_hot = False
        self.ended = threading.Event()
        self.sequence = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        started = time.monotonic()
        while not self.ended.wait(0.1):
            silent = SILENT if time.monotonic() - started < SILENT_AFTER_SECONDS else []
            for device in [*CALM, *HOSTILE, *silent]:
                for _ in range(self.rate):
                    self.send(device)
            if self.sequence % 7 == 0:
                self.kafka.produce(TOPIC, b"\x0a\xffno message at all", key=b"bad")
            self.kafka.poll(0)

    def send(self, device):
        self.sequence += 1
        wave = 20 + 4 * ((self.sequence % 300) / 300)
        hot = 95 if self.is_hot and device in HOSTILE else wave
        metrics = {"cpu_temperature_c": hot, "battery_voltage_v": 28 - wave / 20}
        payload = messages.wide(
            device, int(time.time() * 1000), metrics, region="eu", firmware="1.0",
            sequence=self.sequence)  # fmt: skip
        self.kafka.produce(TOPIC, payload, key=device.encode())

    def stop(self):
        self.ended.set()
        self.kafka.flush(10)


def configuration(scenario, brokers, port):
    limits = {"warning": {"above": 60}, "critical": {"above": 90}}
    sections = {
        "windows": [{"name": "5s", "size": "5s", "metrics": ["cpu_*", "battery_*"]}],
        "event_time": {"out_of_orderness": "1s", "allowed_lateness": "5s"},
        "detectors": [
            {"name": "cpu-hot", "metric": "cpu_temperature_c", "limits": limits},
            {"name": "heard-nothing", "silence": {"after": "8s"}},
        ],
    }
    sources = [messages.wide_source(topics=[TOPIC])]
    config = harness.base_config(brokers, scenario.folder / "root", sources, **sections)
    config["pipeline"] = "fleet"
    config["http"] = {"listen": f"127.0.0.1:{port}"}
    return scenario.write_config(config)


# ---- what is checked

TEXT = "document.querySelector('{}').textContent"
ACCESSIBLE = """(() => {
  const faults = [];
  const name = e => (e.getAttribute('aria-label') || e.textContent || '').trim()
    || document.getElementById(e.getAttribute('aria-labelledby'))?.textContent
    || e.closest('label')?.textContent.trim();
  const named = 'a, button, input, summary, [role=region], section, svg[role=img]';
  for (const e of document.querySelectorAll(named))
    if (!name(e)) faults.push('no name: ' + e.outerHTML.slice(0, 90));
  for (const e of document.querySelectorAll('svg:not([role=img])'))
    if (!e.closest('[aria-hidden=true]'))
      faults.push('a picture without words: ' + e.outerHTML.slice(0, 90));
  let last = 0;
  for (const h of document.querySelectorAll('h1, h2, h3, h4')) {
    const level = +h.tagName[1];
    if (level > last + 1) faults.push(`${h.tagName} after H${last}: ${h.textContent}`);
    last = level;
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  for (const landmark of ['header', 'nav', 'main', 'footer'])
    if (document.querySelectorAll(landmark).length !== 1) faults.push('not one ' + landmark);
  for (const t of document.querySelectorAll('table')) {
    if (!t.caption) faults.push('a table without a caption');
    for (const th of t.querySelectorAll('th'))
      if (!th.scope) faults.push('a heading without a scope: ' + th.textContent);
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) faults.push('id twice: ' + id);
  for (const a of document.querySelectorAll('a[href^="#"]'))
    if (!document.getElementById(a.hash.slice(1))) faults.push('leads nowhere: ' + a.hash);
  if (!document.documentElement.lang) faults.push('no language');
  return faults;
})()"""
# WCAG 2.1, 1.4.3: 4.5:1, and 3:1 for large text; colours by alpha are laid over what is below.
CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const over = (top, below) => {
    const alpha = top[3] ?? 1;
    return [0, 1, 2].map(i => top[i] * alpha + below[i] * (1 - alpha));
  };
  const ground = e => {
    const layers = [];
    for (let at = e; at; at = at.parentElement)
      layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255)
      .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const found = {};
  let least = 99;
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.closest('script, style, .vh')) continue;
    const style = getComputedStyle(e), below = ground(e);
    const [a, b] = [light(over(parse(style.color), below)), light(below)];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && +style.fontWeight >= 700;
    least = Math.min(least, ratio);
    if (ratio < (large ? 3 : 4.5))
      found[e.tagName + '.' + e.className + ' ' + ratio.toFixed(2)] = 1;
  }
  return { least, faults: Object.keys(found) };
})()"""
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


def check_page(browser, scenario, where):
    """What holds of the page in whatever state."""
    faults = browser.evaluate(ACCESSIBLE)
    require(not faults, f"{where}: accessibility: {faults}")
    for scheme in ("light", "dark"):
        browser.media(prefers_color_scheme=scheme)
        contrast = browser.evaluate(CONTRAST)
        faults = contrast["faults"]
        require(not faults, f"{where}, {scheme}: too little contrast: {faults}")
        scenario.note(f"{where}, {scheme}: contrast {contrast['least']:.1f}:1 at least")
    light = "getComputedStyle(document.body).backgroundColor"
    dark_ground = browser.evaluate(light)
    browser.media(prefers_color_scheme="light")
    require(browser.evaluate(light) != dark_ground, f"{where}: light and dark look alike")
    for width in (320, 360, 768, 1600):
        browser.size(width, 900)
        over = browser.evaluate(OVERFLOW)
        require(over <= 0, f"{where}: {over} px too wide for a window of {width}")
    browser.size(1280, 900)


def take_shots(browser, scenario, name):
    folder = scenario.arguments.shots
    if folder is None:
        return
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 1600)):
        browser.media(prefers_color_scheme=scheme)
        browser.size(width, 900)
        browser.shot(folder / f"{name}-{scheme}-{width}.png")
    browser.media(kind="print", prefers_color_scheme="light")
    browser.size(794, 1123)
    browser.shot(folder / f"{name}-print.png")
    browser.media(prefers_color_scheme="light")
    browser.size(1280, 900)


def wait_for_update(browser):
    before = browser.evaluate(TEXT.format("#footer time"))
    browser.wait("another time", f"{TEXT.format('#footer time')} !== {before!r}")


def check_live(browser):
    """Figures change without the page being loaded again, and what a person has open stays."""
    browser.evaluate("window.mine = 1")
    browser.evaluate("document.querySelector('details > summary').click()")
    opened = browser.evaluate("document.querySelector('details[open]').id")
    browser.evaluate("document.querySelector('#partitions .wide').focus()")
    browser.evaluate("scrollTo(0, 400)")
    figures = TEXT.format("#throughput") + " + " + TEXT.format("#commits")
    seen = browser.evaluate(figures)
    for _ in range(2):
        wait_for_update(browser)
    browser.wait("other figures", f"{figures} !== {json.dumps(seen)}")
    require(browser.evaluate("window.mine") == 1, "the page was loaded again")
    is_open = browser.evaluate(f"document.getElementById({opened!r}).open")
    require(is_open, "the open details closed")
    focused = "document.activeElement.closest('section')?.id"
    now = browser.evaluate(focused)
    require(now == "partitions", f"the focus went to {now}")
    require(browser.evaluate("scrollY") > 200, "the page scrolled by itself")
    # A selection holds its section still, and only that.
    browser.evaluate("getSelection().selectAllChildren(document.querySelector('#commits tbody'))")
    chosen = browser.evaluate("getSelection().toString()")
    wait_for_update(browser)
    require(browser.evaluate("getSelection().toString()") == chosen, "the selection changed")
    live = browser.evaluate(TEXT.format("#live"))
    require("selected" in live, f"nobody says that a section is held: {live}")
    browser.evaluate("getSelection().removeAllRanges()")


def check_keys(browser):
    browser.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    browser.press(" ", text=" ", code="Space", number=32)
    browser.wait("paused", TEXT.format("#live") + ".startsWith('Paused at')")
    require(browser.evaluate("scrollY") == 0, "space scrolled as well")
    before = browser.evaluate(TEXT.format("#footer time"))
    time.sleep(5)
    require(browser.evaluate(TEXT.format("#footer time")) == before, "it goes on while paused")
    browser.press("r", text="r")
    browser.wait("asked once", f"{TEXT.format('#footer time')} !== {before!r}")
    browser.press(" ", text=" ", code="Space", number=32)
    browser.wait("live again", TEXT.format("#live") + ".startsWith('Live')")
    focused = "document.activeElement.id"
    walked = []
    for key in "jjk":
        browser.press(key, text=key)
        walked.append(browser.evaluate(focused))
    require(walked == ["verdict", "throughput", "verdict"], f"J and K walk {walked}")
    browser.press("p", text="p")
    require(browser.evaluate(focused) == "partitions", "P does not lead to the partitions")
    browser.press("?", text="?")
    browser.wait("help", "document.getElementById('help').open")
    take = browser.evaluate("document.getElementById('help').textContent")
    require("Space" in take, "help does not say what space does")
    browser.press("Escape", code="Escape", number=27)
    browser.wait("help closed", "!document.getElementById('help').open")
    # Who talks to a computer can turn single keys off.
    browser.evaluate("document.getElementById('single').checked = false")
    browser.press("a", text="a")
    require(browser.evaluate(focused) != "anomalies", "a key that is turned off works")
    browser.evaluate("document.getElementById('single').checked = true")


def check_hidden_from(browser, device):
    """Names are text: nothing of them became an element or ran."""
    require(browser.evaluate("window.owned === undefined"), "a device's name ran as a script")
    require("owned" not in browser.evaluate("document.title"), "a device's name ran")
    images = browser.evaluate("document.querySelectorAll('img').length")
    require(images == 0, "a device's name is an image")
    found = browser.evaluate(TEXT.format("#anomalies"))
    require(device in found, f"no {device} among the anomalies")


def check_announcements(browser):
    """The live region speaks when the verdict changes, and says nothing of figures."""
    said = browser.evaluate(TEXT.format("#said"))
    require("fleet: " in said and not any(map(str.isdigit, said)), f"announced: {said!r}")


def check_policy(browser, address):
    complaints = browser.complaints()
    require(not complaints, f"the browser complains: {complaints[:3]}")
    home = (address, "data:", "about:")
    elsewhere = [url for url in browser.requests() if not url.startswith(home)]
    require(not elsewhere, f"asked elsewhere: {elsewhere[:3]}")
    # The policy is in force: what it does not know does not run.
    foreign = "Object.assign(document.createElement('script'), {text: 'window.ran = 1'})"
    browser.evaluate(f"document.body.append({foreign})")
    require(browser.evaluate("window.ran === undefined"), "a foreign script runs")


def run(scenario):
    brokers = scenario.broker(**{TOPIC: 3})
    port = harness.free_port()
    config = configuration(scenario, brokers, port)
    browser = Browser(scenario.folder)
    scenario.cleanups.append(browser.close)
    http = notify.Endpoint(port, None)
    daemon = scenario.daemon(config)
    wait_for("it answers", lambda: http.get("/livez")[0] == 200)
    browser.size(1280, 900)
    browser.open(http.address + "/")
    take_shots(browser, scenario, "first-seconds")
    check_page(browser, scenario, "first seconds")

    sender = Sender(brokers)
    scenario.cleanups.append(sender.stop)
    browser.wait("it runs", TEXT.format("#verdict h1") + ".includes('Running')", 90)
    check_announcements(browser)
    wait_for("windows are committed", lambda: http.status()["totals"].get("firings", 0) > 50)
    check_keys(browser)
    take_shots(browser, scenario, "running")

    sender.is_hot = True
    browser.wait("hot devices", "document.querySelectorAll('#anomalies .card.bad').length >= 3")
    browser.wait("silent devices", TEXT.format("#silent") + ".includes('sat-quiet-2')")
    browser.wait("dead letters", "document.querySelectorAll('#dead-letters td').length > 0")
    check_hidden_from(browser, HOSTILE[0])
    check_live(browser)
    check_page(browser, scenario, "trouble in the fleet")
    take_shots(browser, scenario, "anomalies")

    # Away: it says since when and keeps what it had; back: it goes on by itself.
    code = daemon.stop()
    require(code == EXIT_OK, f"the daemon ended with {code}")
    away = browser.wait("it is away", TEXT.format("#away"))
    require(away.startswith("Not answering since "), f"it says {away!r}")
    title = browser.evaluate("document.title")
    require(title.startswith("Not answering"), f"the tab says {title!r}")
    require(browser.evaluate("document.querySelectorAll('.card').length") > 0, "what it had went")
    take_shots(browser, scenario, "away")
    # What it says of connections that are refused, or end, is the browser's own.
    others = [one for one in browser.complaints() if not ENDED.search(str(one))]
    require(not others, f"the browser complains: {others[:3]}")
    browser.events.clear()
    scenario.daemon(config)
    browser.wait("it is back", f"!{TEXT.format('#away')}")
    browser.events = [event for event in browser.events if event["method"] != "Log.entryAdded"]
    browser.wait("it runs again", TEXT.format("#verdict h1") + ".includes('Running')", 90)
    require(browser.evaluate("window.mine") == 1, "the page was loaded again")

    # Without a script it loads itself again.
    check_policy(browser, http.address)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.events.clear()
    browser.open(http.address + "/")
    wait_for(
        "it loads itself again",
        lambda: browser.requests().count(http.address + "/") >= 3, 60, pause=0.5,
    )  # fmt: skip


def arguments(parser):
    parser.add_argument("--shots", help="a folder for pictures")


if __name__ == "__main__":
    harness.main(run, arguments)
