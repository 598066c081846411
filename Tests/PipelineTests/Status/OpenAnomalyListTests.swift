import Base
import Decode
import Detectors
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

@Suite struct OpenAnomalyListTests {
  private static let hot = TestSources.limits("hot", metric: "battery_voltage_v", warningAbove: 5)

  private static func records(_ devices: Range<Int>, value: Double) -> [TestRecord] {
    devices.map { .wide("sat-\($0)", second: Double($0), metrics: [value]) }
  }

  private static func anomaly(
    _ id: Int, _ severity: String = "warning", at openedAt: Int64
  ) -> PipelineStatus.OpenAnomaly {
    .init(
      id: "\(id)", source: "s", device: "d", metric: nil, detector: "x", rule: "silence",
      severity: severity, openedAtMicros: openedAt, value: nil, expected: nil, evidence: "{}")
  }

  @Test func `a step shows, a second apart; without one it is made anew every ten`() throws {
    let harness = PartitionHarness(.test(), source: try TestSources.wide(detectors: [Self.hot]))
    let partition = harness.partition
    var list = OpenAnomalyList()
    func ids(_ seconds: Double) -> Int {
      list.anomalies(
        in: partition.detectors, of: "s", vocabulary: partition.vocabulary,
        nowNanos: Int64(seconds * 1e9)
      ).count
    }
    #expect(ids(100) == 0)
    harness.offer(Self.records(0..<1, value: 9), from: 0)
    #expect(ids(100.5) == 0)
    #expect(ids(101) == 1)
    harness.offer(Self.records(1..<2, value: 9), from: 1)
    #expect(ids(101.9) == 1)
    #expect(ids(102) == 2)
    func evidence(_ seconds: Double) -> String {
      list.anomalies(
        in: partition.detectors, of: "s", vocabulary: partition.vocabulary,
        nowNanos: Int64(seconds * 1e9)
      ).first?.evidence ?? ""
    }
    harness.offer(Self.records(1..<2, value: 11), from: 2)
    #expect(!evidence(111.9).contains(#""worst":11.0"#))
    #expect(evidence(112).contains(#""worst":11.0"#))
  }

  @Test func `progress has them at once after a restart`() throws {
    let storage = MemoryStorage()
    let source = try TestSources.wide(detectors: [Self.hot])
    let harness = PartitionHarness(.test(), source: source)
    harness.offer(Self.records(0..<60, value: 9), from: 0)
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    try file.closeOnce(in: storage)
    let start = PartitionStart.test(to: 60, state: file.reference)
    let restored = try StateSnapshot.restore(
      file.reference, key: start.key, source: source, storage: storage)
    let details = PartitionHarness(start, source: source, state: restored)
      .partition.progress.openDetails
    #expect(details.count == 60)
    #expect(details.first?.device == "sat-59")
    #expect(details.allSatisfy { $0.source == source.plan.schema.source && $0.value == 9 })
  }

  @Test func `of all partitions the worst and newest are told`() {
    let one = [Self.anomaly(1, "critical", at: 5), Self.anomaly(2, at: 9)]
    let other = [Self.anomaly(3, "critical", at: 6), Self.anomaly(4, at: 9)]
    let many = (10..<400).map { Self.anomaly($0, at: -Int64($0)) }
    let worst = PipelineStatus.OpenAnomaly.worst(of: [one, [], many, other])
    #expect(worst.prefix(5).map(\.id) == ["3", "1", "2", "4", "10"])
    #expect(worst.count == PipelineStatus.OpenAnomaly.countMax)
    #expect(PipelineStatus.OpenAnomaly.worst(of: []).isEmpty)
  }
}
