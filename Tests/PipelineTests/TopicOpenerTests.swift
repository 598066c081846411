import Kafka
import Ledger
import Telemetry
import Testing

@testable import Pipeline

/// Where topics, and the partitions they gain, start.
@Suite struct TopicOpenerTests {
  private static let topic = "telemetry"

  private func opener(
    beginnings: [Int64], start: PipelineOptions.StartPolicy = .earliest
  ) -> TopicOpener {
    var topics = RecordedTopics(partitions: [:])
    for (partition, beginning) in beginnings.enumerated() {
      let name = TopicPartition(topic: Self.topic, partition: Int32(partition))
      topics.partitions[name] = Array(repeating: .undelivered, count: 100)
      topics.beginnings[name] = beginning
    }
    let consumer = RecordedConsumer(
      topics, laneCount: 1, seed: 1, delegate: NobodysRebalance())
    return TopicOpener(consumer: consumer, start: start)
  }

  /// A chain in which the topic was opened with one partition.
  private func chainWithOnePartition() -> ChainState {
    var state = ChainState(pipeline: "fleet")
    var entry = LedgerEntry(
      kind: .open, commitID: CommitID(incarnation: "i", counter: 1), ledgerID: "l",
      pipeline: "fleet", clusterID: nil, configFingerprint: "f", program: "p",
      writtenAtMicros: 0)
    entry.openings = [
      TopicOpening(
        topic: Self.topic, incarnation: 0, partitionCount: 1, firstPartition: 0,
        startOffsets: [40])
    ]
    state.apply(entry)
    return state
  }

  @Test(arguments: [
    (PipelineOptions.StartPolicy.earliest, [Int64(7), 0]), (.latest, [Int64(100), 100]),
  ])
  func `a topic that was never opened starts as configured`(
    start: PipelineOptions.StartPolicy, offsets: [Int64]
  ) throws {
    let opening = try opener(beginnings: [7, 0], start: start)
      .opening(of: Self.topic, in: ChainState(pipeline: "fleet"))
    #expect(opening?.startOffsets == offsets)
  }

  /// Found by the simulator, seed 91: what retention had deleted of a new partition before its
  /// first assignment was passed over without a word.
  @Test(arguments: [PipelineOptions.StartPolicy.earliest, .latest])
  func `a partition that a topic gains starts at offset 0 even where retention was faster`(
    start: PipelineOptions.StartPolicy
  ) throws {
    let opening = try opener(beginnings: [50, 7], start: start)
      .opening(of: Self.topic, in: chainWithOnePartition())
    #expect(opening?.firstPartition == 1)
    #expect(opening?.startOffsets == [0])
  }

  @Test func `a topic whose partitions are all open needs no opening`() throws {
    let opening = try opener(beginnings: [50])
      .opening(of: Self.topic, in: chainWithOnePartition())
    #expect(opening == nil)
  }
}

/// A delegate that is never asked.
private final class NobodysRebalance: RebalanceDelegate {
  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? { nil }
  func revoked(_ partitions: [TopicPartition]) {}
  func lost(_ partitions: [TopicPartition]) {}
}
