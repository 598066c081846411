import Testing

@testable import Pipeline
@testable import Status

@Suite struct HTMLDocumentTests {
  private let page = HTMLDocument.text(Example.view(Example.busy()))

  @Test func `names from outside cannot become markup`() {
    #expect(!page.contains("<script"))
    #expect(page.contains("&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"))
    #expect(page.contains("\\u{1B}[2J\\u{202E}&quot;&amp;\\u{A}"))
  }

  @Test func `every text of a status is escaped`() {
    var status = Example.busy()
    let bad = "<b>"
    status.pipeline = bad
    status.program = bad
    status.configFingerprint = bad
    status.trouble = bad
    status.stall = bad
    status.groupState = bad
    status.wait = .init(cause: .diskFull, sinceMicros: 0, detail: bad)
    status.brokers = [.init(name: bad, state: bad, roundTripMicros: 1)]
    status.lastReload?.detail = bad
    status.openAnomalies = [.init(source: bad, detector: bad, severity: bad, count: 1)]
    status.labelledTotals = [.init(name: "dead_letters", labels: [.init("reason", bad)], value: 1)]
    status.recentAnomalies = [Example.note(device: bad)]
    status.recentAnomalies[0].metric = bad
    status.recentAnomalies[0].detector = bad
    status.recentAnomalies[0].state = bad
    status.recentAnomalies[0].severity = bad
    status.drift[0].source = bad
    status.drift[0].found[0].messageName = bad
    status.drift[0].found[1].fieldName = bad
    let page = HTMLDocument.text(Example.view(status))
    #expect(!page.contains(bad))
    #expect(page.split(separator: "&lt;b&gt;", omittingEmptySubsequences: false).count > 18)
  }

  @Test func `the style sheet is the one the policy allows`() throws {
    let digest = try Tool.run("/usr/bin/env", ["sha256sum"], input: Array(HTMLDocument.style.utf8))
    let hex = digest.output.prefix(64)
    #expect(digest.code == 0 && hex.count == 64, "\(digest.output)")
    let bytes = stride(from: 0, to: 64, by: 2).compactMap { place in
      UInt8(hex.dropFirst(place).prefix(2), radix: 16)
    }
    #expect(HTMLDocument.styleDigest == base64(bytes))
    #expect(page.contains("<style>\(HTMLDocument.style)</style>"))
  }

  @Test func `nothing is loaded and nothing runs`() {
    #expect(!page.contains(" src=") && !page.contains("url(") && !page.contains("@import"))
    #expect(!page.contains(" style=") && !page.contains(" onclick="))
    #expect(!page.contains("http://") && !page.contains("https://"))
  }

  @Test func `tags are balanced`() {
    var open: [Substring] = []
    for piece in page.dropFirst("<!doctype html>".count).split(separator: "<").dropFirst() {
      let name = piece.prefix { $0 != ">" && $0 != " " }
      if name == "meta" { continue }
      if name.hasPrefix("/") {
        #expect(open.popLast() == name.dropFirst(), "\(piece)")
      } else {
        open.append(name)
      }
    }
    #expect(open.isEmpty)
  }

  @Test func `it says whether all is well, and the facts`() {
    #expect(page.contains(#"<p class="good">ready: 2 partitions, 340 records behind</p>"#))
    #expect(page.contains("2.5 s ago, ledger version 41, took 0.120 s"))
    #expect(page.contains("<td>telemetry[1]</td>"))
    #expect(page.contains("refused at 2026-11-21T07:31:30Z: kafka.brokers cannot change"))
    #expect(page.contains("<td>truncated</td>"))
    #expect(page.contains("<td>fleet.Report has the unknown field 21</td>"))
    #expect(page.contains("<td>000102030405060708090a0b0c0d0e0f…</td>"))
    var status = Example.busy()
    status.stall = "nothing moves"
    let bad = HTMLDocument.text(StatusView(status))
    #expect(bad.contains(#"<p class="bad">not progressing (running): nothing moves</p>"#))
    #expect(bad.contains("<title>! fleet"))
  }

  @Test func `a fresh instance has a page`() {
    let page = HTMLDocument.text(StatusView(Example.fresh()))
    #expect(page.contains(#"<p class="bad">starting</p>"#))
    #expect(page.contains("none yet"))
    #expect(!page.contains("<h2>"))
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
