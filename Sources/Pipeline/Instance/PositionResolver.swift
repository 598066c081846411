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
    if let reason = damage(of: chain, usable: state) {
      return .stop(
        "cannot take up \(topicPartition): \(reason), or begin anew with another storage.root")
    }
    let neededFrom = chain.crossingGaps(from: state?.cut ?? chain.start)
    var start = PartitionStart(
      topicPartition: topicPartition, key: key, sourceIndex: sourceIndex, to: chain.to,
      state: state, openedAt: chain.start, witness: chain.witness,
      fetchFrom: min(neededFrom, chain.witness?.offset ?? neededFrom), gaps: chain.gaps,
      unknownSchemas: chain.unknownSchemas, idleOffsets: chain.idleOffsets,
      missesState: state == nil && !chain.states.isEmpty)
    guard let fault = PositionFault.find(chain, neededFrom: neededFrom, kafka: kafka) else {
      if kafka.beginning > start.fetchFrom {
        // Only the witness is gone: retention has passed the committed records, as it may.
        start.fetchFrom = neededFrom
        start.witness = nil
      }
      return .start(start)
    }
    guard fault.isRetention, policy == .skipAndRecord else {
      return .stop(fault.sentence(topicPartition))
    }
    start.fetchFrom = kafka.beginning
    return .skip(start, to: kafka.beginning, reason: OffsetGap.retention)
  }

  /// Why the snapshots that are left do not carry on, with what to do about it; nil if they do.
  /// A partition's only snapshot may be missed: without it everything since the start is read.
  private func damage(of chain: ChainState.Partition, usable: StateReference?) -> String? {
    let missed = usable.map { usable in chain.states.drop { $0 != usable }.dropFirst() }
      ?? chain.states[...]
    if let needed = missed.last(where: \.isNeeded) {
      return "its state snapshot \(needed.path) is damaged or missing, and it holds what an older "
        + "one would do again or otherwise: windows that were fired by decision, or what was "
        + "judged by other detectors, limits or rules for duplicates; restore it"
    }
    guard usable == nil, chain.states.count > 1 else { return nil }
    let paths = chain.states.map(\.path).joined(separator: " and ")
    return "its state snapshots \(paths) are damaged or missing; restore one of them"
  }
}
