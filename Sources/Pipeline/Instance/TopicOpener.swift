import Kafka
import Ledger
import Telemetry

/// Resolves where a topic, or the partitions it has gained, start: the content of an opening.
struct TopicOpener {
  let consumer: any GroupConsumer
  let start: PipelineOptions.StartPolicy

  /// The opening that `topic` needs, or nil when all its partitions are open.
  ///
  /// A topic that was never opened starts as configured. Partitions beyond an opened topic's count
  /// were made since, so that all they ever held is ours: they start at offset 0, also where
  /// retention has been faster than we were. Then that is a lost position like any other. A topic
  /// that has grown while one of its open partitions ends below what is committed is another one:
  /// nothing of it is opened.
  func opening(of topic: String, in state: ChainState) throws -> TopicOpening? {
    let counts = try consumer.partitionCounts([topic], timeoutMillis: Session.requestMillis)
    let count = Int32(counts[topic] ?? 0)
    let known = state.topics[topic]
    let first = known?.partitionCount ?? 0
    guard first < count else { return nil }
    if first > 0 { try checkOpenPartitions(of: topic, count: first, in: state) }
    let partitions = (first..<count).map { TopicPartition(topic: topic, partition: $0) }
    let ranges = try consumer.offsetRanges(partitions, timeoutMillis: Session.requestMillis)
    let startsAtEnd = known == nil && start == .latest
    var offsets: [Int64] = []
    for partition in partitions {
      guard let range = ranges[partition] else {
        throw KafkaError(code: .unknownPartition, operation: "ask for the offsets of \(partition)")
      }
      offsets.append(known != nil ? 0 : startsAtEnd ? range.end : range.beginning)
    }
    return TopicOpening(
      topic: topic, incarnation: known?.incarnation ?? 0, partitionCount: count,
      firstPartition: first, startOffsets: offsets)
  }

  private func checkOpenPartitions(of topic: String, count: Int32, in state: ChainState) throws {
    let partitions = (0..<count).map { TopicPartition(topic: topic, partition: $0) }
    let ranges = try consumer.offsetRanges(partitions, timeoutMillis: Session.requestMillis)
    for partition in partitions {
      guard let key = state.openKey(topic: topic, partition: partition.partition),
        let chain = state.partitions[key],
        let fault = PositionFault.find(chain, neededFrom: chain.to, kafka: ranges[partition]),
        fault.isRecreation
      else { continue }
      throw SessionFailure.stop(fault.sentence(partition))
    }
  }
}
