import Kafka
import Ledger
import Telemetry

/// Decides where a partition is taken up: the chain's position held against what Kafka has.
///
/// Pure: the session does the asking.
struct PositionResolver {
  /// What the chain and the brokers say of a partition together.
  enum Verdict {
    case start(PartitionStart)
    /// Start, then skip to an offset: the configuration lets a lost stretch go.
    case skip(PartitionStart, to: Int64, reason: String)
    /// Not to be taken up without a person.
    case stop(String)
  }

  let policy: PipelineOptions.PositionLostPolicy
  /// Snapshots that turned out damaged in this process.
  let damagedStates: Set<String>

  func resolve(
    _ topicPartition: TopicPartition, key: PartitionKey, sourceIndex: Int,
    chain: ChainState.Partition, kafka: OffsetRange
  ) -> Verdict {
    let state = chain.states.last { !damagedStates.contains($0.path) }
    let stateCut = state?.cut ?? chain.start
    var start = PartitionStart(
      topicPartition: topicPartition, key: key, sourceIndex: sourceIndex, to: chain.to,
      state: state, openedAt: chain.start, witness: chain.witness,
      fetchFrom: min(stateCut, chain.witness?.offset ?? stateCut))
    if kafka.end < chain.to {
      return .stop(
        "\(topicPartition) ends at offset \(kafka.end), but \(chain.to) is committed: the topic "
          + "was re-created or truncated; use another source name or storage.root")
    }
    if kafka.beginning <= start.fetchFrom { return .start(start) }
    if kafka.beginning <= stateCut {
      // Only the witness is gone: retention has passed the committed records, as it may.
      start.fetchFrom = stateCut
      start.witness = nil
      return .start(start)
    }
    let lost =
      kafka.beginning > chain.to
      ? "offsets \(chain.to) to \(kafka.beginning) were deleted before they were read"
      : "offsets \(stateCut) to \(kafka.beginning), needed to rebuild the windows, were deleted"
    guard policy == .skipAndRecord else {
      return .stop(
        "\(topicPartition): \(lost); set kafka.on_position_lost: skip_and_record to record the "
          + "gap and go on")
    }
    start.fetchFrom = kafka.beginning
    return .skip(start, to: kafka.beginning, reason: "retention")
  }
}
