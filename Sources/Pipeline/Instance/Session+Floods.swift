import Base
import Kafka
import Logging
import Telemetry

/// Sources that are flooded with dead letters: their partitions are not fetched, Kafka keeps their
/// records. Control thread.
extension Session {
  /// Looks at the share of dead letters, and makes pauses in Kafka's client and in the lanes what
  /// they should be. A finite run never pauses: it would not end.
  func tendFloods(_ consumer: any GroupConsumer) {
    guard goal == .run else { return }
    let (pausedTopics, changes) = status.watchFloods(board.update { $0.progress })
    for change in changes { logFlood(change) }
    let wanted = Set(assignment.keys.filter { pausedTopics.contains($0.topic) })
    if wanted == heldPartitions { return }
    let held = wanted.subtracting(heldPartitions).sorted()
    let released = heldPartitions.subtracting(wanted).sorted()
    heldPartitions = wanted
    do throws(KafkaError) {
      // Lanes first: what was fetched already is fetched again later.
      for partition in held { tell(partition, .hold(partition)) }
      if !held.isEmpty { try consumer.pause(held) }
      if !released.isEmpty { try consumer.resume(released) }
      for partition in released { tell(partition, .release(partition)) }
    } catch {
      board.update { $0.fail(.reopen("cannot pause or resume partitions: \(error)")) }
    }
  }

  /// Partitions go: a pause must not wait for whoever gets them next, who may be ourselves.
  func forgetHeld(_ partitions: [TopicPartition]) {
    let held = heldPartitions.intersection(partitions).sorted()
    if held.isEmpty { return }
    heldPartitions.subtract(held)
    do {
      try consumer?.resume(held)
    } catch {
      log.warning("partitions that are given back stay paused: \(error)")
    }
  }

  private func logFlood(_ change: FloodChange) {
    let options = change.options
    switch change.change {
    case .paused(let share):
      log.error(
        """
        a flood of dead letters: the source is paused, Kafka keeps its records; what was read \
        waits in dead_letters
        """,
        metadata: [
          "source": "\(change.source)", "records": "\(share.recordCount)",
          "dead": "\(share.deadCount)", "retry_seconds": "\(options.retryMillis / 1000)",
        ])
    case .probed:
      log.notice("a paused source is tried again", metadata: ["source": "\(change.source)"])
    case .recovered(let pauseCount):
      log.notice(
        "the flood of dead letters is over",
        metadata: ["source": "\(change.source)", "pauses": "\(pauseCount)"])
    }
  }
}
