import Base
import Detectors
import Telemetry
import Testing

@Suite struct DetectorStateTests {
  private static func read(
    _ bytes: [UInt8], _ schema: ReadingSchema
  ) throws(DetectorsError) -> PartitionDetectors {
    var reader = ByteReader(bytes)
    return try PartitionDetectors(
      schema: schema, origin: testOrigin, outOfOrdernessMicros: 0, from: &reader)
  }

  private static func failure(_ bytes: [UInt8], _ schema: ReadingSchema) -> DetectorsError? {
    do throws(DetectorsError) {
      let restored = try read(bytes, schema)
      _ = restored.byteCount
      return nil
    } catch {
      return error
    }
  }

  /// States that hold some of everything: anomalies, summaries, caps, open buckets.
  private static func harness(_ scenario: Scenario) -> Harness {
    var harness = Harness(
      scenario.schema, scenario.definitions + [limits("more", warning: (-1, 1))])
    for record in scenario.records { _ = harness.apply(record) }
    return harness
  }

  @Test func `a restart forgets nothing`() throws {
    var harness = Harness(
      wideSchema(["m"]), [limits(for: .readings(2)), silence(after: hour), statistical()])
    _ = harness.read(at: 0, 11)
    try harness.restart()
    #expect(harness.read(at: 0, 11).map(\.short) == ["limits a.m opened warning @1"])
    try harness.restart()
    #expect(harness.hear("b", clock: hour).map(\.short) == ["silence a opened warning @2"])
    try harness.restart()
    #expect(harness.detectors.openCounts.map(\.count) == [1, 1])
    #expect(
      harness.read(at: hour, 1).map(\.short) == ["silence a closed warning @3"],
      "one clear reading of two")
    #expect(harness.read(at: hour, 1).map(\.short) == ["limits a.m closed warning @4"])
  }

  @Test func `a state says which definitions it was made under`() throws {
    var all = Scenario(seed: 1).definitions
    for seed in UInt64(2)...30 { all += Scenario(seed: seed).definitions }
    var seen: Set<String> = []
    let definitions = all.filter { seen.insert($0.name).inserted }
    let harness = Harness(wideSchema(["m"]), definitions)
    let restored = try Self.read(harness.bytes, wideSchema(["m"]))
    #expect(restored.definitions == definitions)
  }

  @Test func `every truncated state is refused`() {
    for seed in [3, 5, 11] as [UInt64] {
      let scenario = Scenario(seed: seed, recordCount: 150)
      let harness = Self.harness(scenario)
      let bytes = harness.bytes
      #expect(Self.failure(bytes, scenario.schema) == nil)
      for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 2_000)) {
        guard case .damagedState = Self.failure(Array(bytes[..<count]), scenario.schema) else {
          Issue.record("seed \(seed): \(count) of \(bytes.count) bytes are read")
          return
        }
      }
    }
  }

  /// Any byte may be any other: the state is refused or read, and what is read can be used, saved
  /// and changed without a trap.
  @Test(arguments: UInt64(1)...UInt64(12))
  func `no damage traps`(seed: UInt64) {
    let scenario = Scenario(seed: seed, recordCount: 150)
    let harness = Self.harness(scenario)
    let bytes = harness.bytes
    var random = SplitMix64(seed: seed &* 131)
    var batch = ReadingBatch(schema: scenario.schema)
    var vocabulary = harness.vocabulary
    for (offset, record) in scenario.records.enumerated() {
      append(record, offset: Int64(offset), to: &batch, &vocabulary)
    }
    var readCount = 0
    for _ in 0..<150 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        damaged[Int.random(in: 0..<damaged.count, using: &random)] =
          random.chance(0.5) ? UInt8.random(in: .min ... .max, using: &random) : 0xFF
      }
      do throws(DetectorsError) {
        var restored = try Self.read(damaged, scenario.schema)
        readCount += 1
        var events: [AnomalyEvent] = []
        restored.apply(
          batch, records: 0..<batch.recordCount, vocabulary: vocabulary, into: &events)
        var writer = ByteWriter()
        restored.encode(into: &writer)
        restored.reconfigure(
          scenario.definitions, offset: 0, vocabulary: vocabulary, into: &events)
        restored.reconfigure([], offset: 0, vocabulary: vocabulary, into: &events)
      } catch {
        continue
      }
    }
    #expect(readCount > 0, "seed \(seed)")
  }

  @Test func `bytes of another format are damaged, of another source incompatible`() {
    let harness = Harness(wideSchema(["m"]), [limits()])
    guard case .damagedState = Self.failure(Array("WND1".utf8) + harness.bytes.dropFirst(4),
      wideSchema(["m"]))
    else {
      Issue.record("another format is read")
      return
    }
    for schema in [wideSchema(["m"], types: [.int64]), narrowSchema] {
      guard case .incompatibleState = Self.failure(harness.bytes, schema) else {
        Issue.record("a state of m is read as one of \(schema)")
        continue
      }
    }
    #expect(Self.failure(harness.bytes, wideSchema(["n"])) == nil, "a metric may go")
  }

  @Test func `a later out-of-orderness never moves a watermark back`() throws {
    var harness = Harness(wideSchema(["m"]), [statistical()])
    _ = harness.read(at: 100 * second, 1)
    var reader = ByteReader(harness.bytes)
    harness.detectors = try PartitionDetectors(
      schema: harness.schema, origin: testOrigin, outOfOrdernessMicros: hour, from: &reader)
    _ = harness.read(at: 50 * second, 1)
    #expect(harness.detectors.counts.lateForBuckets == 1)
  }

  @Test func `no devices, no detectors: a few bytes that read back`() throws {
    let harness = Harness(narrowSchema, [])
    #expect(harness.bytes.count < 300)
    let restored = try Self.read(harness.bytes, narrowSchema)
    #expect(restored.definitions.isEmpty && restored.openCounts.isEmpty)
  }
}
