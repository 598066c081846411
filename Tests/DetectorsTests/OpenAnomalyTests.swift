import Base
import Telemetry
import Testing

@testable import Detectors

@Suite struct OpenAnomalyTests {
  private static func open(_ harness: borrowing Harness, _ countMax: Int = 200) -> [OpenAnomaly] {
    harness.detectors.openAnomalies(countMax: countMax, vocabulary: harness.vocabulary)
  }

  @Test func `a limit says what its rows said, and the worst since`() throws {
    var harness = Harness(
      wideSchema(["m"]), [limits(warning: (nil, 10), critical: (nil, 20))])
    #expect(Self.open(harness).isEmpty && harness.detectors.stepCount == 0)
    let opened = harness.read("a", at: minute, 11)
    _ = harness.read("a", at: 2 * minute, 14)
    var anomaly = try #require(Self.open(harness).first)
    #expect(anomaly.id == opened[0].id)
    #expect((anomaly.device, anomaly.metric) == ("a", "m"))
    #expect((anomaly.detector, anomaly.rule) == ("limits", "limits"))
    #expect(anomaly.severity == .warning && anomaly.openedAt == minute)
    #expect((anomaly.value, anomaly.expected) == (11, 10))
    #expect(
      anomaly.evidence == #"{"kind":"limits","side":"high","bound":10.0,"worst":14.0,"#
        + #""violations":2,"since":"1970-01-01T00:01:00.000000Z"}"#)
    #expect(harness.detectors.stepCount == 1)
    _ = harness.read("a", at: 3 * minute, 30)
    anomaly = try #require(Self.open(harness).first)
    #expect(anomaly.severity == .critical && anomaly.openedAt == minute)
    #expect((anomaly.value, anomaly.expected) == (30, 20))
    #expect(harness.detectors.stepCount == 2)
    _ = harness.read("a", at: 4 * minute, 1)
    #expect(Self.open(harness).isEmpty && harness.detectors.stepCount == 3)
  }

  @Test func `silence, its summaries and the cap are among them`() {
    var harness = Harness(wideSchema(["m"]), [silence(after: 10 * minute, cap: 25)])
    for device in 0..<60 { _ = harness.read("d\(device)", at: hour, 0) }
    _ = harness.hear("live", clock: 2 * hour)
    _ = harness.hear("live", clock: 2 * hour + 5 * minute)
    let open = Self.open(harness)
    let counts = harness.detectors.openCounts.reduce(0) { $0 + $1.count }
    #expect(open.count == counts && counts == 21)
    #expect(open.allSatisfy { $0.rule == "silence" && $0.metric == nil })
    let summary = open.first { $0.device.isEmpty }
    #expect(summary?.value == 40)
    #expect(summary?.evidence.contains(#""still_silent":40"#) == true)
    #expect(open.first { $0.device == "d3" }?.openedAt == hour)
    #expect(open.first { $0.device == "d3" }?.value == 3600)

    var capped = Harness(wideSchema(["m"]), [limits(cap: 2)])
    for device in 0..<5 { _ = capped.read("d\(device)", at: 0, 11) }
    let cap = Self.open(capped).first { $0.device.isEmpty }
    #expect(cap?.evidence == #"{"kind":"cap","open":2,"open_max":2,"refused":3}"#)
    #expect((cap?.rule, cap?.value) == ("limits", 2))
  }

  @Test func `the worst come first, then the newest, and no more than asked for`() {
    var harness = Harness(
      wideSchema(["m"]), [limits(warning: (nil, 10), critical: (nil, 20), cap: 10_000)])
    for device in 0..<900 {
      _ = harness.read("d\(device)", at: Int64(device % 300) * minute, device % 7 == 0 ? 30 : 11)
    }
    let all = Self.open(harness, 10_000)
    #expect(all.count == 900)
    for (first, second) in zip(all, all.dropFirst()) {
      #expect(
        first.severity > second.severity
          || first.severity == second.severity && first.openedAt >= second.openedAt)
    }
    #expect(Self.open(harness, 200) == Array(all.prefix(200)))
    #expect(Self.open(harness, 1) == Array(all.prefix(1)))
  }

  @Test(arguments: UInt64(1)...UInt64(40))
  func `after a restart they are what they were, one for each step that is not over`(
    seed: UInt64
  ) throws {
    let scenario = Scenario(seed: seed, recordCount: 200)
    var harness = Harness(scenario.schema, scenario.definitions)
    var open: [String: Told] = [:]
    for (index, record) in scenario.records.enumerated() {
      for event in harness.apply(record) {
        var told = event
        if event.state == .escalated, let before = open[event.id] {
          told.eventTime = before.eventTime
        }
        open[event.id] = event.state == .closed ? nil : told
      }
      if index % 20 != 0 { continue }
      let before = Self.open(harness, 10_000)
      try harness.restart()
      #expect(Self.open(harness, 10_000) == before, "seed \(seed)")
      #expect(Set(before.map(\.id)) == Set(open.keys), "seed \(seed)")
      for anomaly in before where !anomaly.device.isEmpty {
        let told = try #require(open[anomaly.id])
        #expect(anomaly.severity == told.severity && anomaly.openedAt == told.eventTime)
        #expect(anomaly.value == told.value && anomaly.expected == told.expected)
        #expect(anomaly.device == told.device && anomaly.metric == told.metric)
      }
    }
  }

  // MARK: - States of older programs

  /// "DET1": a limit violated at minutes 1 and 2 by device a, silent since; b was heard at hour 2.
  private static let older =
    "44455431040a74686520736f7572636504746573741274686520736f757263652773207374796c6504776964"
    + "6516746865206c697374206f6620617474726962757465730d726567696f6e2c206d6f64656c13746865206c"
    + "697374206f66206d657472696373086d20646f75626c6502066c696d69747301012a64000000000000000101"
    + "000100000000000024400000000000000000000001000000000000000773696c656e636500e8030000000000"
    + "000200a493d600000000004827ad0100000002000e270700000000000e270700000000000e270700000000ff"
    + "ffffffffffffff02000000000000000001de0c6d15745706d400000000000000000087930300000000020000"
    + "0000879303000000000000000000000000000000000000000000000000000000000000000000002940020000"
    + "0000000000ffffffff01000000015f25c6dfe46f15540200000000000000000e270700000000000000000000"
    + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    + "000000000000000000800000000000000080004827ad01000000ffffffffffffffff00020000000001000000"
    + "00000100000000b2badd000000000100"

  @Test func `a state of an older program is read, and says what it knows`() throws {
    var bytes: [UInt8] = []
    var digits = Self.older[...]
    while let byte = UInt8(digits.prefix(2), radix: 16) {
      bytes.append(byte)
      digits = digits.dropFirst(2)
    }
    var harness = Harness(wideSchema(["m"]), [limits(), silence(after: hour)])
    _ = harness.read("a", at: minute, 11)
    _ = harness.read("a", at: 2 * minute, 12.5)
    _ = harness.hear("b", clock: 2 * hour)
    let now = Self.open(harness)
    var reader = ByteReader(bytes)
    harness.detectors = try PartitionDetectors(
      schema: harness.schema, origin: testOrigin, outOfOrdernessMicros: 0, from: &reader)
    #expect(reader.isAtEnd)
    let old = Self.open(harness)
    #expect(Set(old.map(\.id)) == Set(now.map(\.id)) && old.count == 2)
    #expect(old.allSatisfy { $0.value == nil && $0.expected == nil })
    #expect(Set(old.map(\.evidence)) == Set(now.map(\.evidence)))
    #expect(old.first { $0.rule == "limits" }?.openedAt == minute)
    // And it goes on: saved again, it is as any other.
    try harness.restart()
    #expect(Self.open(harness) == old)
    #expect(
      harness.read("a", at: 3 * hour, 1).map(\.short).last == "limits a.m closed warning @3")
  }
}
