import Base
import Glibc
import Telemetry
import Testing
import Windows

/// One random history of a partition.
struct Scenario {
  let schema: ReadingSchema
  let windows: [WindowDefinition]
  let options: EventTimeOptions
  let records: [TestRecord]

  /// `WINDOWS_SEEDS` in the environment asks for more than the usual number of histories.
  static let seedMax: UInt64 = {
    let asked = unsafe getenv("WINDOWS_SEEDS").flatMap { unsafe UInt64(String(cString: $0)) }
    return asked ?? 60
  }()

  init(seed: UInt64, recordCount: Int = 300) {
    var random = SplitMix64(seed: seed)
    let isNarrow = random.chance(0.4)
    let metrics = ["volt_a", "amp_b", "volt_c", "temp_d", "volt_e"]
    let width = Int.random(in: 1...5, using: &random)
    schema = isNarrow ? narrowSchema : wideSchema(Array(metrics.prefix(width)))
    windows = Self.windows(&random)
    options = EventTimeOptions(
      outOfOrdernessMicros: [0, 5, 7][Int.random(in: 0..<3, using: &random)] * second,
      allowedLatenessMicros: [0, 13, 60, 600][Int.random(in: 0..<4, using: &random)] * second,
      maxFutureSkewMicros: 5 * minute,
      deviceIdleMicros: [20, 90, 3600][Int.random(in: 0..<3, using: &random)] * second,
      forgetAfterMicros: [3600, 86_400][Int.random(in: 0..<2, using: &random)] * second)
    records = Self.records(recordCount, metrics: metrics, schema: schema, &random)
  }

  private static func windows(_ random: inout SplitMix64) -> [WindowDefinition] {
    let shapes: [[(Int64, Int64)]] = [
      [(60, 10)], [(60, 10), (300, 60), (3600, 300)], [(25, 10)], [(10, 10), (15, 15)],
      [(7, 3), (60, 20), (40, 40)], [(60, 60)], [(36, 12), (20, 10), (45, 15)],
      [(600, 10), (300, 300), (86_400, 3600)], [(30, 30), (600, 60), (90, 45)],
    ]
    let shape = shapes[Int.random(in: 0..<shapes.count, using: &random)]
    let globs: [[String]] = [[], [], [], ["volt_*"], ["amp_b", "temp_?"], ["*_a", "*_c"]]
    return shape.enumerated().map { index, sizes in
      WindowDefinition(
        name: "w\(index)", sizeMicros: sizes.0 * second, slideMicros: sizes.1 * second,
        metricGlobs: globs[Int.random(in: 0..<globs.count, using: &random)])
    }
  }

  private static func records(
    _ count: Int, metrics: [String], schema: ReadingSchema, _ random: inout SplitMix64
  ) -> [TestRecord] {
    var clock: Int64 = 1_700_000_000 * second
    var times: [String: Int64] = [:]
    let deviceCount = Int.random(in: 1...4, using: &random)
    let hasNulls = random.chance(0.5)
    let hasTimestamps = random.chance(0.9)
    return (0..<count).map { _ in
      clock += Int64.random(in: 0...(4 * second), using: &random)
      if random.chance(0.01) { clock += Int64.random(in: 0...(2 * hour), using: &random) }
      if random.chance(0.004) { clock += Int64.random(in: 0...(900 * 24 * hour), using: &random) }
      let name = "device-\(Int.random(in: 0..<deviceCount, using: &random))"
      var record = TestRecord(device: random.chance(0.95) ? name : nil)
      if hasTimestamps, random.chance(0.97) {
        record.timestamp = clock
        record.hasAppendTime = true
      }
      if random.chance(0.3) { record.attributes = ["r\(Int.random(in: 0..<3, using: &random))"] }
      if record.device == nil {
        record.outcome = .dead
      } else if random.chance(0.05) {
        record.outcome = .empty
      } else {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let isLive = random.chance(0.9)
          let base = isLive ? clock : times[name] ?? clock
          record.rows.append(
            row(near: base, metrics: metrics, schema: schema, hasNulls: hasNulls, &random))
          times[name] = record.rows.last!.time
        }
      }
      return record
    }
  }

  private static func row(
    near base: Int64, metrics: [String], schema: ReadingSchema, hasNulls: Bool,
    _ random: inout SplitMix64
  ) -> TestRow {
    var time = base
    if random.chance(0.3) { time -= Int64.random(in: 0...(90 * second), using: &random) }
    if random.chance(0.03) { time -= Int64.random(in: 0...(2 * hour), using: &random) }
    if random.chance(0.02) { time += Int64.random(in: 0...(10 * minute), using: &random) }
    // Whole seconds often, so that equal times and edges happen.
    if random.chance(0.5) { time -= time % second }
    let values: [Double?] = schema.metrics.map { _ in
      if hasNulls, random.chance(0.1) { return nil }
      if hasNulls, random.chance(0.02) { return random.chance(0.5) ? .nan : .infinity }
      return 1000 + Double(Int.random(in: -500...500, using: &random)) / 8
    }
    return TestRow(
      time: time, values: values, metric: metrics[Int.random(in: 0..<5, using: &random)])
  }
}

@Suite struct PartitionWindowsPropertyTests {
  @Test(arguments: 1...Scenario.seedMax)
  func `fires what the plain reference fires`(seed: UInt64) {
    let scenario = Scenario(seed: seed)
    var harness = Harness(scenario.schema, scenario.windows, scenario.options)
    let reference = ReferenceWindows(scenario.schema, scenario.windows, scenario.options)
    for (index, record) in scenario.records.enumerated() {
      let fired = harness.apply(record)
      let expected = reference.apply(record)
      guard isClose(fired, expected) else {
        report(fired, expected, "seed \(seed), record \(index)")
        return
      }
    }
    let (fired, expected) = (harness.fireOpenWindows(), reference.fireOpenWindows())
    if !isClose(fired, expected) { report(fired, expected, "seed \(seed), at the end") }
    harness.windows.counts.forgottenDevices = 0
    #expect(harness.windows.counts == reference.counts, "seed \(seed)")
  }

  private func isClose(_ fired: [Fired], _ expected: [Fired]) -> Bool {
    fired.count == expected.count && zip(fired, expected).allSatisfy { $0.isClose(to: $1) }
  }

  private func report(_ fired: [Fired], _ expected: [Fired], _ place: String) {
    let differing = zip(fired, expected).first { !$0.isClose(to: $1) }
    Issue.record(
      """
      \(place): \(fired.count) firings, expected \(expected.count)
      got  \(differing.map { "\($0.0)" } ?? "\(fired.suffix(1))")
      want \(differing.map { "\($0.1)" } ?? "\(expected.suffix(1))")
      """)
  }

  @Test(arguments: UInt64(1)...UInt64(30))
  func `cuts and snapshots change no bit`(seed: UInt64) throws {
    let scenario = Scenario(seed: seed)
    let whole = try run(scenario, cutChance: 0, snapshotChance: 0, seed: seed)
    let cut = try run(scenario, cutChance: 0.3, snapshotChance: 0, seed: seed)
    #expect(whole == cut, "seed \(seed)")
    let restored = try run(scenario, cutChance: 0.2, snapshotChance: 0.5, seed: seed)
    #expect(whole == restored, "seed \(seed)")
  }

  /// Everything observable as bits.
  private func run(
    _ scenario: Scenario, cutChance: Double, snapshotChance: Double, seed: UInt64
  ) throws -> [UInt64] {
    var random = SplitMix64(seed: seed &* 31)
    var vocabulary = Vocabulary(attributeCount: 1)
    var batch = ReadingBatch(schema: scenario.schema)
    for record in scenario.records { append(record, to: &batch, &vocabulary) }
    var firings = FiringBatch(attributeCount: 1)
    var windows = PartitionWindows(
      schema: scenario.schema, windows: scenario.windows, options: scenario.options)
    var counts = EventTimeCounts()
    var start = 0
    while start < batch.recordCount {
      var end = batch.recordCount
      if cutChance > 0 {
        end = start + 1
        while end < batch.recordCount, !random.chance(cutChance) { end += 1 }
      }
      windows.apply(&batch, records: start..<end, vocabulary: vocabulary, into: &firings)
      start = end
      if random.chance(snapshotChance) {
        counts += windows.counts
        windows = try restored(windows, scenario)
      }
    }
    windows.fireOpenWindows(vocabulary: vocabulary, into: &firings)
    counts += windows.counts
    return bits(firings) + batch.rowFlags.map(UInt64.init) + bits(counts)
  }

  private func restored(
    _ windows: borrowing PartitionWindows, _ scenario: Scenario
  ) throws -> PartitionWindows {
    var writer = ByteWriter()
    windows.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    let restored = try PartitionWindows(
      schema: scenario.schema, windows: scenario.windows, options: scenario.options, from: &reader)
    #expect(reader.isAtEnd)
    var again = ByteWriter()
    restored.encode(into: &again)
    #expect(again.bytes == writer.bytes)
    return restored
  }

  private func bits(_ counts: EventTimeCounts) -> [UInt64] {
    [
      counts.accepted, counts.late, counts.tooLate, counts.future, counts.unselected,
      counts.nonFinite, counts.fired, counts.firedAgain, counts.idleDevices,
      counts.forgottenDevices,
    ].map { UInt64(bitPattern: $0) }
  }

  private func bits(_ firings: borrowing FiringBatch) -> [UInt64] {
    var bits: [UInt64] = []
    for row in 0..<firings.rowCount {
      bits += [
        UInt64(firings.windowIndexes[row]), UInt64(firings.devices[row]),
        UInt64(firings.attributes[row]), UInt64(firings.metrics[row]),
        UInt64(bitPattern: firings.windowStarts[row]), UInt64(bitPattern: firings.windowEnds[row]),
        UInt64(firings.revisions[row]), UInt64(bitPattern: firings.counts[row]),
        firings.sums[row].bitPattern, firings.means[row].bitPattern,
        firings.mins[row].bitPattern, firings.maxes[row].bitPattern,
        firings.stddevs[row].bitPattern, firings.firsts[row].bitPattern,
        firings.lasts[row].bitPattern,
      ]
    }
    return bits
  }
}
