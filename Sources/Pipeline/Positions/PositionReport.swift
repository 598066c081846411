package import Kafka
package import Ledger
package import Telemetry

/// Where every partition stands, by the chain and, where they were asked, by the brokers.
package struct PositionReport: Sendable {
  /// One open partition, or one that the topic has and the chain does not.
  package struct Row: Sendable {
    package var key: PartitionKey
    package var chain: ChainState.Partition
    /// The cut of the snapshot that a start would begin with; nil where none is whole.
    package var stateCut: Int64?
    /// What Kafka has; nil where it was not asked or does not know the partition.
    package var kafka: OffsetRange?
    package var witness = WitnessAnswer.notAsked
    /// Nil: it can be gone on with, as far as is known.
    package var fault: PositionFault?

    /// `telemetry[3]`, with its incarnation where it is not the first.
    package var name: String { key.description }
    package var topic: String { key.topic }
    package var incarnation: Int64 { key.incarnation }
    package var partition: Int32 { key.partition }
    package var start: Int64 { chain.start }
    package var to: Int64 { chain.to }
    package var lastVersion: Int64 { chain.lastVersion }
    /// Of the snapshots the chain keeps, whole or not, newest last.
    package var stateCuts: [Int64] { chain.states.map(\.cut) }
    package var skippedCount: Int64 { chain.skippedCount }
    package var notDeliveredCount: Int64 { chain.notDeliveredCount }

    package var topicPartition: TopicPartition {
      TopicPartition(topic: key.topic, partition: key.partition)
    }

    /// The first offset a start would need records from.
    package var neededFrom: Int64 { chain.crossingGaps(from: stateCut ?? chain.start) }

    /// Records that wait; nil where that cannot be said.
    package var lag: Int64? { kafka.map { max(0, $0.end - chain.to) } }
  }

  /// What is wrong with a topic as a whole.
  package struct TopicFault: Sendable {
    package var topic: String
    package var fault: PositionFault
  }

  package var pipeline: String
  package var lastVersion: Int64
  package var expectedClusterID: String?
  /// What the brokers say; nil where they were not asked or do not tell.
  package var foundClusterID: String?
  package var rows: [Row] = []
  /// The open incarnation of every topic of the chain.
  package var incarnations: [String: Int64] = [:]
  package var topicFaults: [TopicFault] = []
  /// Partition counts by topic as the brokers have them; empty where they were not asked.
  package var partitionCounts: [String: Int] = [:]
  /// Offsets of every partition that exists, for openings.
  package var ranges: [TopicPartition: OffsetRange] = [:]
  package var isOfBrokers = false

  package var clusterFault: PositionFault? {
    guard let found = foundClusterID, let expected = expectedClusterID, found != expected else {
      return nil
    }
    return .otherCluster(found: found, expected: expected)
  }

  /// Every fault as a sentence that names what to run.
  package var sentences: [String] {
    if let fault = clusterFault { return ["\(fault.detail); \(fault.wayOut(topic: ""))"] }
    return topicFaults.map { $0.fault.sentence(topic: $0.topic) }
      + rows.compactMap { row in row.fault?.sentence(row.topicPartition) }
  }

  package var isFine: Bool { sentences.isEmpty }
}
