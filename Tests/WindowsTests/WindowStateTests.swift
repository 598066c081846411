import Base
import Telemetry
import Testing

@testable import Windows

private let three = [
  WindowDefinition(name: "1m", sizeMicros: minute, slideMicros: 10 * second),
  WindowDefinition(name: "5m", sizeMicros: 5 * minute, slideMicros: minute),
  WindowDefinition(name: "1h", sizeMicros: hour, slideMicros: 5 * minute),
]
private let start = 1_700_000_100 * second

/// What the state costs, and what it survives.
@Suite struct WindowStateTests {
  @Test func `three windows and all aggregates take at most 1,300 bytes a series`() throws {
    let schema = wideSchema((0..<10).map { "m\($0)" })
    var harness = Harness(schema, three, EventTimeOptions())
    var most = 0
    for tick in 0..<9000 {
      _ = harness.read(at: start + Int64(tick) * second, Double(tick % 17))
      if tick % 7 == 0 { most = max(most, harness.windows.byteCount) }
    }
    // What a partition has once, whatever the number of devices: the empty series index.
    let perSeries = Double(most - SeriesIndex().byteCount) / 10
    #expect(perSeries <= 1300)
    let plan = try WindowPlan(schema: schema, windows: three, options: EventTimeOptions())
    #expect(plan.groups[0].levels.map(\.sliceCountMax) == [13, 4, 11])
    #expect(abs(plan.bytesPerSeries() - perSeries) <= 12, "\(plan.formula)")
  }

  @Test func `the plan's slices are never exceeded by devices that report regularly`() throws {
    for lateness in [0, 1, 13, 60, 600, 4000] as [Int64] {
      for windows in [three, Array(three.prefix(1)), Array(three.suffix(2)), three.reversed()] {
        let options = EventTimeOptions(allowedLatenessMicros: lateness * second)
        let plan = try WindowPlan(schema: wideSchema(["m"]), windows: windows, options: options)
        var harness = Harness(wideSchema(["m"]), windows, options)
        var most: [Int] = plan.groups[0].levels.map { _ in 0 }
        var mostLast = 0
        for tick in 0..<6000 {
          _ = harness.read(at: start + Int64(tick) * 3 * second)
          for level in most.indices {
            most[level] = max(most[level], harness.windows.blocks[0].levelSliceCount(level))
          }
          mostLast = max(mostLast, harness.windows.blocks[0].lastCount)
        }
        #expect(zip(most, plan.groups[0].levels).allSatisfy { $0 <= $1.sliceCountMax })
        #expect(mostLast <= plan.groups[0].lastSliceCountMax)
      }
    }
  }

  @Test func `rows a day follow from slides, metrics and devices`() throws {
    let plan = try WindowPlan(
      schema: wideSchema(["volt_a", "amp_b"]),
      windows: [
        three[1],
        WindowDefinition(
          name: "v", sizeMicros: hour, slideMicros: hour, metricGlobs: ["volt_*"]),
      ], options: EventTimeOptions())
    #expect(plan.rowsPerDay(devices: 1000) == 1000 * (1440 * 2 + 24))
  }

  @Test func `a record that spans decades costs its rows`() {
    var harness = Harness(wideSchema(["m"]), three, EventTimeOptions())
    let rows = (0..<200).map { TestRow(time: start + Int64($0) * 1200 * hour, values: [1]) }
    let fired = harness.apply(TestRecord(device: "a", rows: rows))
    // Every window around every row, but those that are still open.
    #expect(fired.count == 200 * (6 + 5 + 12) - (6 + 5 + 12))
    #expect(harness.windows.byteCount < 200 * 1000)
    _ = harness.read(at: start + 200 * 1200 * hour)
    #expect(harness.windows.blocks[0].count == 1)
    #expect(harness.windows.blocks[0].capacity <= 16)
  }

  private func saved(_ schema: ReadingSchema, _ windows: [WindowDefinition]) -> [UInt8] {
    var harness = Harness(schema, windows, EventTimeOptions())
    for tick in 0..<200 {
      let time = start + Int64(tick * tick % 290) * second
      if schema.isNarrow {
        let row = TestRow(time: time, values: [2], metric: "m\(tick % 3)")
        _ = harness.apply(TestRecord(device: "d\(tick % 2)", timestamp: time, rows: [row]))
      } else {
        _ = harness.apply(
          TestRecord(
            device: "d\(tick % 2)", timestamp: time,
            rows: [TestRow(time: time, values: [1, tick % 50 == 49 ? nil : 2])]))
      }
    }
    var writer = ByteWriter()
    harness.windows.encode(into: &writer)
    return writer.bytes
  }

  private func restore(
    _ bytes: [UInt8], _ schema: ReadingSchema, _ windows: [WindowDefinition],
    _ options: EventTimeOptions = EventTimeOptions()
  ) throws(WindowsError) {
    var reader = ByteReader(bytes)
    _ = try PartitionWindows(schema: schema, windows: windows, options: options, from: &reader)
  }

  @Test func `state of other windows or metrics is refused with the way out`() throws {
    let schema = wideSchema(["a", "b"])
    let bytes = saved(schema, three)
    try restore(bytes, schema, three, EventTimeOptions(allowedLatenessMicros: 0))
    var longer = three
    longer[1] = WindowDefinition(name: "5m", sizeMicros: 6 * minute, slideMicros: minute)
    let error = #expect(throws: WindowsError.self) { try restore(bytes, schema, longer) }
    #expect("\(try #require(error))".contains("window 5m was size 300000000 µs"))
    for windows in [Array(three.prefix(2)), three.reversed(), []] {
      #expect(throws: WindowsError.self) { try restore(bytes, schema, windows) }
    }
    for other in [wideSchema(["a", "b"], types: [.int64, .double]), narrowSchema] {
      #expect(throws: WindowsError.self) { try restore(bytes, other, three) }
    }
  }

  @Test(arguments: [false, true])
  func `reading damaged state never crashes`(isNarrow: Bool) throws {
    let schema = isNarrow ? narrowSchema : wideSchema(["a", "b"])
    let bytes = saved(schema, three)
    var random = SplitMix64(seed: 7)
    for length in stride(from: 0, to: bytes.count, by: 37) {
      #expect(throws: WindowsError.self) { try restore(Array(bytes[..<length]), schema, three) }
    }
    for _ in 0..<2000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        damaged[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      try encodeAgain(damaged, schema)
    }
  }

  /// Restores and, where that succeeds, touches every byte of the state. Metrics whose names were
  /// damaged are gone, and those of the schema are new: what that gives is whole again.
  private func encodeAgain(_ bytes: [UInt8], _ schema: ReadingSchema) throws {
    func encoded(_ bytes: [UInt8]) throws -> [UInt8] {
      var reader = ByteReader(bytes)
      let windows = try PartitionWindows(
        schema: schema, windows: three, options: EventTimeOptions(), from: &reader)
      var writer = ByteWriter()
      windows.encode(into: &writer)
      return writer.bytes
    }
    guard let first = try? encoded(bytes) else { return }
    #expect(try encoded(first) == first)
  }

  @Test(arguments: [
    (WindowDefinition(name: "w", sizeMicros: 1, slideMicros: 2), "size"),
    (WindowDefinition(name: "w", sizeMicros: 1, slideMicros: 0), "slide"),
    (WindowDefinition(name: "w", sizeMicros: 1, slideMicros: 1, aggregates: []), "aggregates"),
    (WindowDefinition(name: "w", sizeMicros: 1 << 60, slideMicros: 1), "size"),
    (WindowDefinition(name: "w", sizeMicros: hour, slideMicros: 1), "multiples"),
    (WindowDefinition(name: "w", sizeMicros: hour + 1, slideMicros: hour), "multiples"),
  ])
  func `windows that cannot be kept are refused`(window: WindowDefinition, word: String) {
    let error = #expect(throws: WindowsError.self) {
      try WindowPlan(schema: narrowSchema, windows: [window], options: EventTimeOptions())
    }
    #expect(error.map { "\($0)".contains(word) } ?? false)
  }
}
