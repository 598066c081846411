package import Ledger

/// What the brokers say of the pipeline's topics.
package struct BrokerPositions: Sendable {
  /// The offsets of one partition, and what was fetched of it.
  package struct Partition: Sendable {
    package var beginning: Int64
    package var end: Int64
    /// The record at the witness's offset, as a witness; nil where it was not fetched.
    package var witness: Witness?

    package init(beginning: Int64, end: Int64, witness: Witness? = nil) {
      self.beginning = beginning
      self.end = end
      self.witness = witness
    }
  }

  package var clusterID: String?
  /// By topic; absent where the brokers have no such topic.
  package var partitionCounts: [String: Int]
  package var partitions: [PartitionKey: Partition]

  package init(
    clusterID: String?, partitionCounts: [String: Int], partitions: [PartitionKey: Partition]
  ) {
    self.clusterID = clusterID
    self.partitionCounts = partitionCounts
    self.partitions = partitions
  }
}

/// Holds the chain's positions against the brokers' offsets. Pure.
package enum PositionCheck {
  /// - Parameters:
  ///   - clusterID: the cluster that the chain's offsets are of, where it says.
  ///   - before: where the chain stood before the brokers were asked: they cannot be behind it.
  ///   - after: where it stood after: only what it had not reached then can be lost to it.
  package static func findings(
    clusterID: String?, before: [PartitionFigure], after: [PartitionFigure],
    brokers: BrokerPositions
  ) -> [Finding] {
    if let known = clusterID, let found = brokers.clusterID, known != found {
      return [
        Finding(
          .error, .moves, .file(Ledger.folder),
          "the brokers are cluster \(found), the ledger's offsets are of cluster \(known)",
          advice: "point kafka.brokers at that cluster")
      ]
    }
    var findings: [Finding] = []
    let now = Dictionary(after.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
    for partition in before where partition.isOpen {
      let key = partition.key
      let subject = Finding.Subject.partition(key, offset: partition.to)
      guard let count = brokers.partitionCounts[key.topic] else {
        findings.append(
          Finding(
            .error, .moves, subject, "the brokers have no topic \(key.topic)",
            advice: "point kafka.brokers at the cluster it is on"))
        continue
      }
      guard Int(key.partition) < count, let there = brokers.partitions[key] else {
        findings.append(
          Finding(
            .error, .moves, subject, "the topic has \(count) partitions; this one is gone",
            advice: "the topic was re-created: see `downlinkd offsets show`"))
        continue
      }
      findings += judge(partition, now: now[key] ?? partition, there)
    }
    return findings
  }

  private static func judge(
    _ partition: PartitionFigure, now: PartitionFigure, _ there: BrokerPositions.Partition
  ) -> [Finding] {
    let subject = Finding.Subject.partition(partition.key, offset: partition.to)
    let remedy = "see `downlinkd offsets show`"
    if there.end < partition.to {
      return [
        Finding(
          .error, .moves, subject,
          "\(partition.key) ends at offset \(there.end), but \(partition.to) is committed: the "
            + "topic was re-created or truncated", advice: remedy)
      ]
    }
    var findings: [Finding] = []
    if there.beginning > now.to {
      findings.append(
        Finding(
          .error, .moves, .partition(partition.key, offset: now.to),
          "offsets \(now.to) to \(there.beginning) of \(partition.key) were deleted before they "
            + "were read", advice: remedy))
    }
    if let wanted = partition.witness, let found = there.witness, found != wanted {
      findings.append(
        Finding(
          .error, .moves, .partition(partition.key, offset: wanted.offset),
          "another record lies at offset \(wanted.offset) of \(partition.key) than the one that "
            + "was committed: the topic was re-created", advice: remedy))
    }
    return findings
  }
}
