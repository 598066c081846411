import Maintenance
import Pipeline

/// `/`: what a person on call reads in ten seconds, and what they look at next.
///
/// One renderer: the page is made here, whole, every time it is asked for. Its script asks for it
/// again and puts in what differs; without a script the browser loads it again. It loads nothing
/// from anywhere. Cost: some milliseconds and less than 100 kB with 64 partitions and 200
/// anomalies; what is beyond the bounds of the sections is summed up in words.
enum Page {
  /// Nothing may be loaded, framed or sent; what may run and how it looks is known by its digest,
  /// and the one thing that may be asked is the instance itself.
  static let contentSecurityPolicy =
    "default-src 'none'; style-src 'sha256-\(PageStyle.digest)'; "
    + "script-src 'sha256-\(PageScript.digest)'; connect-src 'self'; img-src data:; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  static func text(_ view: StatusView) -> String {
    let status = view.status
    let verdict = Verdict(view)
    let name = status.pipeline
    // The script and style by which an open page knows that it is of another program.
    let digest = PageStyle.digest + PageScript.digest
    let page: Markup = """
      <!doctype html>
      <html lang="en" data-page="\(digest)">
      <head><meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <meta name="color-scheme" content="light dark">
      <title>\(verdict.headline) · \(name) · downlink</title>
      <link id="icon" rel="icon" href="\(icon(verdict.tone))">
      <noscript><meta http-equiv="refresh" content="5"></noscript>
      \(PageStyle.element)
      </head>
      <body>
      \(signs)
      <a class="skip" href="#verdict">Skip to the verdict</a>
      <header>
      <p class="name">\(name) <span>downlink</span></p>
      <nav aria-label="Sections">\(links)</nav>
      \(controls)
      </header>
      <p id="away" role="alert"></p>
      <p id="said" class="vh" role="status"></p>
      <main id="main">
      \(sections(view))
      </main>
      <footer id="footer"><p>As of \(.time(status.nowMicros, now: status.nowMicros)) UTC; times \
      are UTC, counts are of this instance. <a href="status">Everything as JSON</a> · \
      <a href="metrics">Metrics</a></p></footer>
      \(help)
      \(PageScript.element)
      </body></html>

      """
    return page.text
  }

  private static func sections(_ view: StatusView) -> [Markup] {
    [
      VerdictSection.markup(view), DialSections.markup(view), "<div class=\"grid\" id=\"grid\">",
      AnomaliesSection.markup(view), FactSections.deadLetters(view),
      FactSections.partitions(view.status),
      "<div class=\"stack\">", FactSections.commits(view.status),
      FactSections.drift(view.status), "</div>", "<div class=\"stack\">",
      FactSections.tables(view.tables, view.maintenance?.root.use),
      InstanceSection.markup(view), "</div>", "</div>",
    ]
  }

  // MARK: - What does not change

  private static let links: Markup = """
    <a href="#anomalies">Anomalies</a> <a href="#dead-letters">Dead letters</a> \
    <a href="#partitions">Partitions</a> <a href="#commits">Commits</a> \
    <a href="#tables">Tables</a> <a href="#instance">Instance</a>
    """

  /// Shown by the script, which they are for.
  private static let controls: Markup = """
    <div id="controls" hidden><span id="live">Live</span> \
    <button id="pause" type="button">Pause</button> \
    <button id="keys" type="button" aria-label="Keyboard shortcuts">?</button></div>
    """

  private static let help: Markup = """
    <dialog id="help" aria-labelledby="h-help"><h2 id="h-help">Keyboard</h2>
    <dl><dt><kbd>Space</kbd></dt><dd>pause, go on</dd><dt><kbd>R</kbd></dt><dd>ask now</dd>
    <dt><kbd>J</kbd> <kbd>K</kbd></dt><dd>next, previous section</dd>
    <dt><kbd>A</kbd></dt><dd>anomalies</dd><dt><kbd>P</kbd></dt><dd>partitions</dd>
    <dt><kbd>?</kbd></dt><dd>this; <kbd>Esc</kbd> closes it</dd></dl>
    <p><label><input id="single" type="checkbox" checked> Single keys are shortcuts</label></p>
    <p><button id="close" type="button">Close</button></p></dialog>
    """

  /// The signs of tones: shapes that differ without colour, used by `Markup.sign`.
  private static let signs: Markup = """
    <svg class="vh" aria-hidden="true"><defs>
    <symbol id="i-good" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7.5"/>\
    <path class="cut" d="M4.5 8.4l2.4 2.4 4.6-5.2"/></symbol>
    <symbol id="i-busy" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7.5"/>\
    <path class="cut" d="M8 3.8V8l3 2"/></symbol>
    <symbol id="i-warning" viewBox="0 0 16 16"><path d="M8 .8L15.7 15H.3z"/>\
    <path class="cut" d="M8 5.6v4.2M8 12.4v.2"/></symbol>
    <symbol id="i-bad" viewBox="0 0 16 16"><path d="M5 .5h6L15.5 5v6L11 15.5H5L.5 11V5z"/>\
    <path class="cut" d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6"/></symbol>
    </defs></svg>
    """

  /// The sign in the tab: shape and colour by tone.
  private static func icon(_ tone: Verdict.Tone) -> Markup {
    let shape: Markup =
      switch tone {
      case .good: "%3Ccircle cx='8' cy='8' r='7' fill='%231a8f50'/%3E"
      case .busy: "%3Ccircle cx='8' cy='8' r='6' fill='%23fff' stroke='%2336c' stroke-width='4'/%3E"
      case .warning: "%3Cpath d='M8 1l7 14H1z' fill='%23d98a00'/%3E"
      case .bad: "%3Cpath d='M1 1h14v14H1z' fill='%23c62828'/%3E"
      }
    return """
      data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
      \(shape)%3C/svg%3E
      """
  }
}
