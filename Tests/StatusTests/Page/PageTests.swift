import Telemetry
import TestSupport
import Testing

@testable import Pipeline
@testable import Status

@Suite struct PageTests {
  private let page = Page.text(Example.view(Example.busy()))

  // MARK: - What comes from outside

  @Test func `names from outside cannot become markup`() {
    #expect(page.components(of: "<script").count == 2, "its own script, and no other")
    #expect(page.contains("&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"))
    #expect(page.contains("\\u{1B}[2J\\u{202E}&quot;&amp;\\u{A}"))
  }

  @Test func `every text of a status is escaped`() {
    let bad = "<b\"'>"
    for stall in [nil, bad] {
      let view = StatusView(
        hostile(bad, stall: stall), nil, history: Example.history(),
        plots: [bad: [PlotPoint(at: 0, 1), PlotPoint(at: Example.now, 2)]],
        tables: [TableSize(name: bad, trouble: bad)])
      let page = Page.text(view)
      #expect(!page.contains(bad))
      #expect(page.components(of: "&lt;b&quot;&#39;&gt;").count > 30)
    }
  }

  private func hostile(_ bad: String, stall: String?) -> PipelineStatus {
    var status = Example.busy()
    status.pipeline = bad
    status.program = bad
    status.configFingerprint = bad
    status.trouble = bad
    status.stall = stall
    status.groupState = bad
    status.joinState = bad
    status.wait = .init(cause: .diskFull, sinceMicros: 0, detail: bad)
    status.floods = [.init(source: bad)]
    status.floods[0].isPaused = true
    status.brokers = [.init(name: bad, state: bad, roundTripMicros: 1)]
    status.brokers.append(.init(name: bad, state: "DOWN", roundTripMicros: 1))
    status.lastReload?.detail = bad
    status.openAnomalies = [.init(source: bad, detector: bad, severity: bad, count: 9)]
    status.labelledTotals = [.init(name: "dead_letters", labels: [.init("reason", bad)], value: 1)]
    status.partitions[0].topicPartition = TopicPartition(topic: bad, partition: 0)
    status.schemaRegistry?.url = bad
    status.schemaRegistry?.trouble = bad
    status.recentAnomalies = [Example.note(device: bad)]
    status.recentAnomalies[0].metric = bad
    status.recentAnomalies[0].detector = bad
    status.recentAnomalies[0].state = bad
    status.recentAnomalies[0].severity = bad
    let evidence = #"{"<b\"'>":"<b\"'>","last_heard":"<b\"'>"}"#
    status.openDetails = [("limits", bad), ("silence", "s" + bad)].map { rule, id in
      .init(
        id: id, source: bad, device: bad, metric: bad, detector: bad, rule: rule, severity: bad,
        openedAtMicros: 0, value: 1, expected: 2, evidence: evidence)
    }
    status.drift[0].source = bad
    status.drift[0].found[0].messageName = bad
    status.drift[0].found[1].fieldName = bad
    return status
  }

  // MARK: - The document

  @Test func `style and script are the ones the policy allows`() throws {
    for (text, digest) in [
      (PageStyle.text, PageStyle.digest), (PageScript.text, PageScript.digest),
    ] {
      let sum = try Program.run("/usr/bin/env", ["sha256sum"], input: Array(text.utf8))
      let hex = sum.text.prefix(64)
      #expect(sum.code == 0 && hex.count == 64, "\(sum.text)")
      let bytes = stride(from: 0, to: 64, by: 2).compactMap { place in
        UInt8(hex.dropFirst(place).prefix(2), radix: 16)
      }
      #expect(digest == base64(bytes))
      #expect(Page.contentSecurityPolicy.contains("'sha256-\(digest)'"))
    }
    #expect(page.contains("<style>\(PageStyle.text)</style>"))
    #expect(page.contains("<script>\(PageScript.text)</script>"))
  }

  @Test func `nothing is loaded from anywhere`() {
    #expect(!page.contains(" src=") && !page.contains("url(") && !page.contains("@import"))
    #expect(!page.contains(" style=") && !page.contains(" onclick="))
    // A namespace is a name, not an address.
    let rest = page.components(of: "http://www.w3.org/2000/svg").joined()
    #expect(!rest.contains("http://kafka") && !rest.contains("https://"))
    #expect(rest.components(of: "http://").count == 2, "the registry's address, as text")
    #expect(!rest.contains("href=\"http"))
  }

  @Test func `the script does not make markup`() {
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
      #expect(!PageScript.text.contains(word))
    }
  }

  @Test(arguments: [Example.busy(), Example.fresh(), Example.big()])
  func `tags are balanced and ids are used once`(_ status: PipelineStatus) {
    let page = Page.text(Example.view(status))
    // What is between the tags of style and script is not HTML.
    let text = page.components(of: PageStyle.text).joined().components(of: PageScript.text).joined()
    var open: [Substring] = []
    var ids: [Substring: Int] = [:]
    for piece in text.dropFirst("<!doctype html>".count).split(separator: "<").dropFirst() {
      let name = piece.prefix { $0 != ">" && $0 != " " && $0 != "/" || $0 == piece.first }
      if let tag = piece.split(separator: ">", omittingEmptySubsequences: false).first {
        if tag.hasSuffix("/") || ["meta", "link", "input"].contains(name) {
          if let id = attribute("id", of: tag) { ids[id, default: 0] += 1 }
          continue
        }
        if let id = attribute("id", of: tag) { ids[id, default: 0] += 1 }
      }
      if name.hasPrefix("/") {
        #expect(open.popLast() == name.dropFirst(), "\(piece)")
      } else {
        open.append(name)
      }
    }
    #expect(open.isEmpty)
    #expect(ids.filter { $0.value > 1 }.isEmpty)
    for link in text.components(of: "href=\"#").dropFirst() {
      let id = link.prefix { $0 != "\"" }
      #expect(ids[id] != nil, "a link leads to \(id)")
    }
  }

  private func attribute(_ name: String, of tag: Substring) -> Substring? {
    let parts = String(tag).components(of: " \(name)=\"")
    return parts.count > 1 ? parts[1].prefix { $0 != "\"" } : nil
  }

  @Test func `it is small with many partitions and anomalies`() {
    var status = Example.big(partitionCount: 64)
    status.recentCommits = Array(repeating: status.recentCommits[0], count: 60)
    status.openAnomalies[0].count = 200
    let history = Example.history(seconds: 15 * 60)
    let plot = (0..<40).map {
      PlotPoint(at: Example.now - Int64($0) * 60_000_000, 20.5, low: 18.2, high: 23)
    }
    let plots = Dictionary(uniqueKeysWithValues: status.openDetails.map { ($0.id, plot) })
    let page = Page.text(
      StatusView(status, Example.process, history: history, plots: plots))
    #expect(page.utf8.count < 100_000, "\(page.utf8.count) bytes")
  }

  @Test func `a fresh instance has a page`() {
    let page = Page.text(StatusView(Example.fresh()))
    #expect(page.contains("<title>Starting · fleet · downlink</title>"))
    #expect(page.contains("not known yet"))
    #expect(page.contains("No commit has been made yet."))
    #expect(page.contains("None is assigned to this instance."))
  }

  @Test func `without a script it asks again by itself`() {
    #expect(page.contains(#"<noscript><meta http-equiv="refresh" content="5"></noscript>"#))
    #expect(page.contains(#"<div id="controls" hidden>"#))
  }

  private func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let number = (0..<3).reduce(0) { number, place in
        number << 8 | (place < group.count ? Int(group[start + place]) : 0)
      }
      for place in 0..<4 {
        text.append(place <= group.count ? letters[number >> (18 - 6 * place) & 63] : "=")
      }
    }
    return text
  }
}

extension String {
  /// What lies between the places where `text` stands.
  func components(of text: String) -> [String] {
    split(separator: text, omittingEmptySubsequences: false).map(String.init)
  }
}
