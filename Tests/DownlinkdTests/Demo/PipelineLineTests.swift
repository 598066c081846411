import Testing

@testable import downlinkd

@Suite struct PipelineLineTests {
  private func line(_ text: String) -> PipelineLine { PipelineLine(Array(text.utf8)[...]) }

  /// As `LogOutput` writes it: every field is a string.
  private static let opened = #"""
    {"time":"2026-11-21T11:00:00.123Z","level":"notice","logger":"downlinkd",
    "message":"anomaly opened","detector":"battery-temperature","device":"sat-00017",
    "event_time":"2026-11-21T07:32:00.000000Z","evidence":"{\"readings\":2}","expected":"40.0",
    "id":"00000000000000af","metric":"battery_temperature_c","severity":"warning",
    "source":"satellites","value":"41.25"}
    """#

  @Test func `a step of an anomaly is read whole`() {
    let step = AnomalyStep(
      id: "00000000000000af", device: "sat-00017", metric: "battery_temperature_c",
      detector: "battery-temperature", severity: "warning", state: .opened,
      eventMicros: DemoFixture.midnight + 452 * DemoPlan.minute, value: 41.25, expected: 40)
    #expect(line(Self.opened) == .step(step))
  }

  @Test func `a silence has neither metric nor numbers`() throws {
    let text = #"""
      {"level":"notice","message":"anomaly closed","detector":"radio-silence","device":"sat-1",
      "event_time":"2026-11-21T00:00:00.000000Z","evidence":"{}","id":"a","severity":"warning"}
      """#
    guard case .step(let step) = line(text) else {
      Issue.record("no step")
      return
    }
    #expect(step.state == .closed && step.metric == nil && step.value == nil)
    #expect(step.eventMicros == DemoFixture.midnight)
  }

  @Test func `commits and partitions are told apart`() {
    let commit = #"""
      {"level":"info","message":"committed","version":"42","records":"99","dead":"1","files":"4"}
      """#
    #expect(line(commit) == .committed(version: 42, records: 100))
    let taken = #"""
      {"level":"info","message":"partition taken up","partition":"telemetry[3]","offset":"120",
      "fetch_from":"100","lane":"0"}
      """#
    #expect(line(taken) == .takenUp(partition: "telemetry[3]", offset: 120, fetchFrom: 100))
    let more = #"""
      {"level":"warning","message":"more steps of anomalies than are listed here","further":"7"}
      """#
    #expect(line(more) == .furtherSteps(7))
  }

  @Test func `warnings are trouble, other lines are not`() {
    let text = #"{"level":"warning","message":"Kafka: all brokers are down"}"#
    #expect(line(text) == .trouble(level: "warning", message: "Kafka: all brokers are down"))
    #expect(line(#"{"level":"info","message":"starting"}"#) == .other)
    #expect(line(#"{"level":"notice","message":"anomaly opened"}"#) == .other)
    #expect(line("Fatal error: x") == .text("Fatal error: x"))
    #expect(line(#"{"level":"info"}"#) == .text(#"{"level":"info"}"#))
  }

  @Test func `lines are whole however their bytes come`() {
    let text = "one\n\ntwo\nthree\nfour"
    for size in 1...text.utf8.count {
      var splitter = LineSplitter()
      var lines: [String] = []
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        lines += splitter.lines(adding: Array(rest.prefix(size))).map {
          String(decoding: $0, as: UTF8.self)
        }
        rest = rest.dropFirst(size)
      }
      #expect(lines == ["one", "two", "three"], "\(size) bytes at a time")
    }
  }
}

@Suite struct LogBookTests {
  private let fault = InjectedFault(
    kind: .step, device: 1, startMicros: DemoFixture.midnight, isHeardInPasses: false)

  @Test func `steps are counted, and what is open follows from them`() {
    var book = LogBook()
    #expect(!book.take(.step(DemoFixture.step(fault)), nowNanos: 0).isEmpty)
    let open = StatusSample.OpenCount(detector: "voltage-jump", severity: "warning", count: 1)
    #expect(book.openAnomalies == [open])
    _ = book.take(.step(DemoFixture.step(fault, .escalated, severity: "critical")), nowNanos: 0)
    #expect(book.openAnomalies.map(\.severity) == ["critical"])
    _ = book.take(.step(DemoFixture.step(fault, .closed)), nowNanos: 0)
    #expect(book.openAnomalies.isEmpty && book.stepCount == 3)
    _ = book.take(.furtherSteps(5), nowNanos: 0)
    #expect(book.stepCount == 8)
  }

  @Test func `a recovery is told with its first commit, once`() {
    var book = LogBook()
    _ = book.take(.committed(version: 4, records: 10), nowNanos: 0)
    #expect(book.hasCommitted)
    book.restarted(nowNanos: 1_000_000_000)
    #expect(!book.hasCommitted)
    for partition in 0..<8 {
      let line = PipelineLine.takenUp(partition: "t[\(partition)]", offset: 100, fetchFrom: 90)
      #expect(book.take(line, nowNanos: 2_000_000_000).isEmpty)
    }
    let told = book.take(.committed(version: 5, records: 1), nowNanos: 5_500_000_000)
    let text = told.joined(separator: "\n")
    for part in ["4.50 s", "8 partitions", "800 records", "read 80 before", "version 5"] {
      #expect(text.contains(part), "\(part) in: \(text)")
    }
    #expect(book.take(.committed(version: 6, records: 1), nowNanos: 6_000_000_000).isEmpty)
    #expect(book.commitCount == 3 && book.version == 6)
  }

  @Test func `errors are kept for the case that nothing works, warnings are only shown`() {
    var book = LogBook()
    for number in 0..<20 { _ = book.take(.text("line \(number)"), nowNanos: 0) }
    let shown = book.take(.trouble(level: "warning", message: "w"), nowNanos: 0)
    #expect(shown == ["pipeline, warning: w"])
    _ = book.take(.trouble(level: "critical", message: "c"), nowNanos: 0)
    #expect(book.tail.count == 12 && book.tail.last == "c")
  }
}
