import Base
import Kafka
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// A partition that is held back and let go again, and what counts for the flood rule.
@Suite struct FloodPauseTests {
  private static func harness() throws -> PartitionHarness {
    PartitionHarness(.test(), source: try TestSources.wide())
  }

  private static func record(_ index: Int) -> TestRecord {
    index.isMultiple(of: 3) ? .bytes([0xFF]) : .wide("sat-1", second: Double(index))
  }

  @Test func `what comes while it is held is taken later, once`() throws {
    let harness = try Self.harness()
    harness.offer((0..<5).map(Self.record), from: 0)
    harness.partition.hold()
    #expect(harness.offer((5..<9).map(Self.record), from: 5).allSatisfy { $0 == "" })
    #expect(harness.offer([.end(9)]) == [""])
    #expect(harness.partition.expected == 5)
    #expect(harness.partition.release() && harness.partition.refetchOffset == 5)
    // Until Kafka was asked, what still comes is of before.
    harness.offer((7..<9).map(Self.record), from: 7)
    harness.partition.didRefetch()
    harness.offer((5..<12).map(Self.record), from: 5)
    let cut = try #require(harness.cut())
    #expect(cut.to == 12 && cut.notDelivered == 0)
    #expect(cut.output.readings.outcomeCounts().consumed == 12)
  }

  @Test func `a partition that is held while it is asked for again stays held`() throws {
    let harness = try Self.harness()
    #expect(harness.offer([.record(4, Self.record(4))]) == ["refetch"])
    harness.partition.hold()
    harness.partition.didRefetch()
    harness.offer([Self.record(0)], from: 0)
    #expect(harness.partition.expected == 0)
    #expect(harness.partition.release())
    #expect(!harness.partition.release(), "it is released once")
  }

  @Test func `records and dead ones are counted once`() throws {
    let harness = try Self.harness()
    harness.offer((0..<6).map(Self.record), from: 0)
    #expect(harness.partition.takeShare() == DeadShare(recordCount: 6, deadCount: 2))
    #expect(harness.partition.takeShare() == DeadShare())
  }

  @Test func `a partition that is given back is not left paused`() throws {
    let partition = TopicPartition(topic: "telemetry", partition: 0)
    let topics = RecordedTopics(partitions: [partition: (0..<3).map(Self.record)])
    let consumer = RecordedConsumer(topics, laneCount: 1, seed: 1, delegate: FromTheStart())
    let options = try TestSources.options(sources: [try TestSources.wide()])
    let storage = MemoryStorage()
    let committer = Committer(
      options: options, storage: storage, pool: .test, incarnation: "i",
      log: TestSources.silentLog)
    let session = Session(
      options: options, storage: storage, committer: Monitor(committer), pool: .test, goal: .run,
      memory: SessionMemory(), status: StatusBoard(options: options), log: TestSources.silentLog)
    #expect(session.prepare(consumer) == nil)
    try consumer.subscribe(["telemetry"])
    _ = consumer.poll(timeoutMillis: 0)
    func drained() -> Int {
      var batch = RecordBatch()
      consumer.records(ofLane: 0).drain(into: &batch, countMax: 10, timeoutMillis: 0)
      return batch.count
    }
    try consumer.pause([partition])
    session.heldPartitions = [partition]
    #expect(drained() == 0)
    session.forgetHeld([partition])
    #expect(session.heldPartitions.isEmpty)
    #expect(drained() > 0)
  }
}

private final class FromTheStart: RebalanceDelegate {
  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? {
    partitions.map { StartPosition(partition: $0, offset: 0, lane: 0) }
  }
  func revoked(_ partitions: [TopicPartition]) {}
  func lost(_ partitions: [TopicPartition]) {}
}
