import Base
import Decode
import Ledger
import Telemetry
import Testing

@testable import Pipeline

/// A lane whose records wait for what their schema ids mean.
@Suite struct LaneEnvelopeTests {
  private let directory = TestDirectory()

  private func lane(partitionCount: Int = 1) throws -> LaneHarness {
    var options = try TestSources.options(sources: [TestSources.enveloped()])
    options.schemas = directory
    return try LaneHarness(partitionCount: partitionCount, options: options)
  }

  private func record(
    _ offset: Int64, _ id: UInt8, partition: Int = 0, message: UInt8 = 0
  ) -> LaneHarness.Delivery {
    .record(
      partition, offset,
      TestRecord.wide("sat-1", second: Double(offset)).inEnvelope(id, message: message))
  }

  private func outcomes(_ cuts: [PartitionCut]) -> [String] {
    cuts.map { cut in
      let offsets = cut.output.readings.recordOffsets
      let outcomes = cut.output.readings.recordOutcomes
      let records = zip(offsets, outcomes).map { "\($0) \($1)" }
      return "\(cut.key.partition): \(cut.from)-\(cut.to) \(records.joined(separator: ", "))"
    }
  }

  @Test func `a lane stops before a record it cannot judge and goes on there`() throws {
    try directory.know(1)
    let lane = try lane()
    lane.start(0)
    lane.deliver([record(0, 1), record(1, 7), record(2, 1), record(3, 8), record(4, 7)])
    lane.waitForProgress { $0.awaitedSchema?.id == 7 }
    #expect(outcomes(try lane.cut()) == ["0: 0-1 0 read"])
    // What lies behind was asked for along with it, and nothing more is drained.
    #expect(directory.asked == [1, 7, 8])
    let drainCount = lane.drainCount
    lane.deliverLater([record(5, 1)])
    lane.settle()
    lane.settle()
    #expect(lane.drainCount == drainCount)
    #expect(try lane.cut().isEmpty)

    try directory.know(7)
    lane.waitForProgress { $0.awaitedSchema?.id == 8 }
    #expect(outcomes(try lane.cut()) == ["0: 1-3 1 read, 2 read"])
    try directory.know(8)
    lane.waitForProgress { $0.awaitedSchema == nil }
    lane.settle()
    lane.settle()
    #expect(outcomes(try lane.cut()) == ["0: 3-6 3 read, 4 read, 5 read"])
    #expect(lane.refetches == [])
  }

  @Test func `a partition that is taken away meanwhile is passed over`() throws {
    try directory.know(1)
    let lane = try lane(partitionCount: 2)
    lane.start(0)
    lane.start(1)
    lane.deliver([record(0, 7), record(0, 1, partition: 1), record(1, 7), record(2, 1)])
    lane.waitForProgress { $0.awaitedSchema?.id == 7 }
    lane.forget([0])
    lane.waitForProgress { $0.awaitedSchema == nil }
    #expect(outcomes(try lane.cut()) == ["1: 0-1 0 read"])
    // It comes back, and is read from where the chain has it.
    try directory.know(7)
    lane.start(0)
    lane.deliver([record(0, 7), record(1, 7)])
    #expect(outcomes(try lane.cut()) == ["0: 0-2 0 read, 1 read"])
  }

  @Test func `a partition that comes back while the lane waits finds its place`() throws {
    let lane = try lane()
    lane.start(0)
    lane.deliver([record(0, 7), record(1, 7), record(2, 7)])
    lane.waitForProgress { $0.awaitedSchema?.id == 7 }
    lane.forget([0])
    lane.start(0)
    try directory.know(7)
    lane.waitForProgress { $0.awaitedSchema == nil }
    lane.settle()
    // The old batch may have been dropped or read; either way nothing is missing or doubled.
    lane.deliver([record(0, 7), record(1, 7), record(2, 7), record(3, 7)])
    let cuts = try lane.cut()
    #expect(outcomes(cuts) == ["0: 0-4 0 read, 1 read, 2 read, 3 read"])
  }

  @Test func `a hole is asked for when the batch is done, not before`() throws {
    try directory.know(1)
    let lane = try lane(partitionCount: 2)
    lane.start(0)
    lane.start(1)
    lane.deliver([record(3, 1), record(0, 7, partition: 1), record(4, 1)])
    lane.waitForProgress { $0.awaitedSchema?.id == 7 }
    lane.settle()
    #expect(lane.refetches == [])
    try directory.know(7)
    lane.waitForProgress { $0.awaitedSchema == nil }
    lane.settle()
    #expect(lane.refetches == ["telemetry[0] from 0"])
    lane.deliver([record(0, 1), record(1, 1)])
    #expect(outcomes(try lane.cut()) == ["0: 0-2 0 read, 1 read", "1: 0-1 0 read"])
  }

  @Test func `a partition whose hole was seen may be gone before it is asked for`() throws {
    try directory.know(1)
    let lane = try lane(partitionCount: 2)
    lane.start(0)
    lane.start(1)
    lane.deliver([record(3, 1), record(0, 7, partition: 1)])
    lane.waitForProgress { $0.awaitedSchema?.id == 7 }
    lane.forget([0])
    try directory.know(7)
    lane.waitForProgress { $0.awaitedSchema == nil }
    lane.settle()
    #expect(lane.refetches == [])
    #expect(lane.failures == [])
  }

  @Test func `a stop ends the wait`() throws {
    let lane = try lane()
    lane.start(0)
    lane.deliver([record(0, 7)])
    lane.waitForProgress { $0.awaitedSchema?.id == 7 }
    lane.stop()
    #expect(lane.failures == [])
  }

  @Test func `records of other schemas are dead letters with their envelope`() throws {
    try directory.know(1)
    directory.say(.otherKind("AVRO"), of: 2)
    let lane = try lane()
    lane.start(0)
    lane.deliver([record(0, 1), record(1, 1, message: 1), record(2, 2), record(3, 1)])
    let cut = try #require(try lane.cut().first)
    #expect(outcomes([cut]) == ["0: 0-4 0 read, 1 dead, 2 dead, 3 read"])
    #expect(cut.output.deadLetters.map(\.reason) == ["other_type", "other_type"])
    let sent = TestRecord.wide("sat-1", second: 2).inEnvelope(2)
    #expect(cut.output.deadLetters[1].record.payload == sent.payload)
    // Ids never change their meaning: a replay says the same.
    #expect(cut.unknownSchemas.isEmpty)
  }

  @Test func `a cut lists the records that nobody knew the schema of, and needs no state`() throws {
    try directory.know(1)
    directory.say(.notFound, of: 7)
    directory.say(.unreadable("no brace"), of: 8)
    let lane = try lane()
    lane.start(0)
    lane.deliver([record(0, 1)])
    _ = try lane.cut()
    lane.deliver([record(1, 7), record(2, 1), record(3, 8), record(4, 7)])
    let cut = try #require(try lane.cut().first)
    #expect(outcomes([cut]) == ["0: 1-5 1 dead, 2 read, 3 dead, 4 dead"])
    #expect(cut.output.deadLetters.allSatisfy { $0.reason == "unknown_schema" })
    #expect(cut.unknownSchemas.runs == [1..<2, 3..<5])
    #expect(cut.stateNeed == nil && cut.state == nil)
    lane.deliver([record(5, 1)])
    #expect(try lane.cut().first?.unknownSchemas.isEmpty == true)
  }

  @Test func `what a replay needs and the registry has forgotten is waited for`() throws {
    directory.say(.notFound, of: 7)
    let lane = try lane()
    lane.start(0, to: 2)
    lane.deliver([record(0, 7), record(1, 7), record(2, 7)])
    lane.waitForProgress { $0.awaitedSchema?.id == 7 }
    let awaited = try #require(lane.progress?.awaitedSchema)
    #expect(awaited.isDenied && awaited.offset == 0)
    #expect(awaited.sentence.contains("telemetry[0] offset 0 was read with it"))
    try directory.know(7)
    lane.waitForProgress { $0.awaitedSchema == nil }
    #expect(outcomes(try lane.cut()) == ["0: 2-3 2 read"])
  }

  @Test func `without a registry only the form counts`() throws {
    let options = try TestSources.options(sources: [TestSources.enveloped()])
    let lane = try LaneHarness(options: options)
    lane.start(0)
    lane.deliver([
      record(0, 99), .record(0, 1, .wide("sat-1", second: 1)),
      .record(0, 2, TestRecord(key: nil, payload: nil, timestampMicros: 0)),
    ])
    let cut = try #require(try lane.cut().first)
    #expect(outcomes([cut]) == ["0: 0-3 0 read, 1 dead, 2 dead"])
    #expect(cut.output.deadLetters.map(\.reason) == ["not_enveloped", "null_payload"])
  }
}
