import Decode
import Telemetry
import Testing

@testable import Pipeline

/// What a lane says of records that have more than their schema.
@Suite struct LaneDriftTests {
  /// With field 99, four bytes.
  private func record(_ second: Double) -> TestRecord {
    var record = TestRecord.wide("sat-1", second: second)
    record.payload? += [0x9D, 0x06, 1, 2, 3, 4]
    return record
  }

  private func counts(_ lane: LaneHarness) -> Int64 {
    lane.drift.reduce(0) { $0 + $1.report.found.reduce(0) { $0 + $1.count } }
  }

  @Test func `it is told by source, with partition and offset, and told once`() throws {
    let lane = try LaneHarness(partitionCount: 2)
    lane.start(0)
    lane.start(1)
    lane.deliver([.record(0, 0, .wide("sat-1", second: 0))])
    #expect(lane.drift.isEmpty)
    lane.deliver([.record(1, 0, .wide("sat-1", second: 0)), .record(1, 1, record(1))])
    let news = try #require(lane.drift.first)
    let found = try #require(news.report.found.first)
    #expect(news.report.found.count == 1)
    #expect(news.sourceIndex == 0)
    #expect(found.key.messageName == "fleet.telemetry.v1.DeviceTelemetry")
    #expect((found.key.fieldNumber, found.key.enumNumber) == (99, nil))
    #expect(news.partitions[Int(found.sample.partitionIndex)] == lane.topicPartition(1))
    #expect((found.sample.offset, found.sample.bytes) == (1, [1, 2, 3, 4]))
    lane.deliver([.record(1, 2, record(2)), .record(1, 3, record(3))])
    #expect(counts(lane) == 3)
  }

  @Test func `what a replay repeats does not count`() throws {
    let lane = try LaneHarness()
    lane.start(0, to: 2)
    lane.deliver([.record(0, 0, record(0)), .record(0, 1, record(1))])
    #expect(lane.drift.isEmpty)
    lane.deliver([.record(0, 2, record(2))])
    #expect(counts(lane) == 1)
  }

  @Test func `the status has it, with the schema's words`() throws {
    let options = try TestSources.options()
    let board = StatusBoard(options: options)
    let lane = try LaneHarness(options: options)
    lane.start(0)
    lane.deliver([.record(0, 0, record(0))])
    let lines = lane.drift.flatMap { board.note($0) }
    #expect(lines.count == 1)
    let status = board.status(progress: [], sources: options.sources)
    #expect(status.drift.count == options.sources.count)
    #expect(status.drift[0].unknownFieldCount == 1)
    #expect(status.drift[0].found.first?.fieldName == nil)
    #expect(status.drift[0].found.first?.hex == "01020304")
  }
}
