import ArgumentParser
import Base
import Status
import Testing

@testable import downlinkd

@Suite struct StatusWatchTests {
  private static let status: JSONValue = [
    "pipeline": "fleet", "program": "downlinkd 0.1.0", "ready": true, "reason": "ready: x",
    "phase": "running",
  ]
  private static let away = StatusError.unreachable(address: "a", reason: "nothing listens there")

  private func text(
    _ watch: inout StatusWatch, _ answer: Result<JSONValue, StatusError>, second: Int64 = 0,
    rows: Int = 24
  ) -> String {
    watch.text(answer, nowNanos: second * 1_000_000_000, rowCount: rows, columnCount: 80)
  }

  @Test func `without a terminal one block stands below the other`() {
    var watch = StatusWatch(isTerminal: false, isJSON: false)
    let table = StatusTable.text(Self.status)
    #expect(text(&watch, .success(Self.status)) == table)
    #expect(text(&watch, .success(Self.status)) == "\n" + table)
  }

  @Test func `as JSON each answer is a line`() {
    var watch = StatusWatch(isTerminal: false, isJSON: true)
    #expect(text(&watch, .success(Self.status)) == Self.status.text + "\n")
    #expect(text(&watch, .success(Self.status)) == Self.status.text + "\n")
  }

  @Test func `on a terminal it is drawn over, and nothing that would scroll away`() {
    var watch = StatusWatch(isTerminal: true, isJSON: false)
    let first = text(&watch, .success(Self.status))
    #expect(!first.contains("\u{1B}"))
    let count = first.split(separator: "\n", omittingEmptySubsequences: false).count - 1
    let second = text(&watch, .success(Self.status), rows: 4)
    #expect(second.hasPrefix("\r\u{1B}[\(count)A\u{1B}[J"))
    let lines = second.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    #expect(lines.count == 3 && lines.last == "… \(count - 2) lines more")
    #expect(text(&watch, .success(Self.status)).hasPrefix("\r\u{1B}[3A\u{1B}[J"))
  }

  @Test func `who is away is said to be, for how long, and comes back`() {
    var watch = StatusWatch(isTerminal: false, isJSON: false)
    #expect(text(&watch, .failure(Self.away), second: 5) == "\(Self.away)\n")
    #expect(text(&watch, .failure(Self.away), second: 17) == "\n\(Self.away); away for 12 s\n")
    #expect(text(&watch, .success(Self.status), second: 18).contains("ready: x"))
    #expect(text(&watch, .failure(Self.away), second: 20) == "\n\(Self.away)\n")
  }

  // MARK: - Arguments

  @Test(arguments: [
    ("http://a", "a", 80, false), ("https://a", "a", 443, true), ("http://a:1/", "a", 1, false),
    ("https://[::1]:9479", "::1", 9479, true), ("https://[::1]", "::1", 443, true),
  ]) func `a URL is a host and a port`(
    _ text: String, _ host: String, _ port: Int, _ isSecure: Bool
  ) throws {
    let url = try #require(StatusURL(argument: text))
    #expect(url.address.host == host && url.address.port == port && url.isSecure == isSecure)
  }

  @Test(arguments: [
    "", "a:1", "ftp://a", "http://", "http://a/status", "http://a:b", "https://a:0",
  ])
  func `anything else is no URL`(_ text: String) { #expect(StatusURL(argument: text) == nil) }

  @Test(arguments: [
    ["--config", "a", "--socket", "b"], ["--url", "http://a", "--address", "a:1"],
    ["--user", "a"], ["--password-file", "a"],
    ["--user", "a", "--password-file", "b", "--bearer-token-file", "c"], ["--watch", "0"],
    ["--watch", "x"],
  ]) func `wrong usage is refused`(_ arguments: [String]) {
    #expect(throws: (any Error).self) { _ = try StatusCommand.parse(arguments) }
  }

  @Test func `watching takes its seconds or none`() throws {
    #expect(try StatusCommand.parse([]).watch == nil)
    #expect(try StatusCommand.parse(["--watch"]).watch == 2)
    #expect(try StatusCommand.parse(["--watch", "7", "--json"]).watch == 7)
  }
}
