import Base
import Kafka
import Logging
import Telemetry

/// Partitions in which nobody speaks: found by the wall clock, and proven by the brokers. Control
/// thread.
extension Session {
  /// A request holds up the poll: behind one that failed, the next waits for so many times as long
  /// as that one took.
  private static let silenceRetryFactor: Int64 = 5
  private static let silenceRequestMillis: Int32 = 2000
  private static let silenceLookNanosMin: Int64 = 50_000_000
  private static let silenceLookNanosMax: Int64 = 10_000_000_000

  /// Has the open windows of partitions fire that have delivered nothing for `partition_idle`, of
  /// which all is read, and of which the brokers say right now that there is no more. Who is not
  /// read (paused, held, taken away, without a broker) is not idle: nobody knows what has come.
  ///
  /// A finite run makes no decisions but the one it is told to.
  func tendSilences(_ consumer: any GroupConsumer) {
    guard goal == .run, let shortest = options.sources.compactMap(\.partitionIdleMillis).min()
    else { return }
    let nowNanos = MonotonicClock.nowNanos()
    if nowNanos < nextSilenceLookNanos { return }
    // Between two looks a silence grows by a tenth at most.
    let interval = Int64(shortest) * 100_000
    nextSilenceLookNanos =
      nowNanos + min(max(interval, Self.silenceLookNanosMin), Self.silenceLookNanosMax)
    let silent = silentPartitions(nowNanos: nowNanos)
    let asked = silenceInquiry.next(of: silent.keys.sorted())
    if asked.isEmpty { return }
    do throws(KafkaError) {
      let ends = try consumer.endOffsets(asked, timeoutMillis: Self.silenceRequestMillis)
      silenceInquiry.wasAnswered(asked)
      for partition in asked {
        guard let position = silent[partition], let end = ends[partition], end <= position
        else { continue }
        log.info("partition is idle", metadata: ["partition": "\(partition)"])
        tell(partition, .idle(partition, at: position))
      }
    } catch {
      log.debug("nobody says whether partitions are idle: \(error)")
      silenceInquiry.failed(asked)
      let endNanos = MonotonicClock.nowNanos()
      nextSilenceLookNanos = max(
        nextSilenceLookNanos, endNanos + (endNanos - nowNanos) * Self.silenceRetryFactor)
    }
  }

  /// Positions of those that have been silent for long enough, as their lanes said last.
  private func silentPartitions(nowNanos: Int64) -> [TopicPartition: Int64] {
    let progress = board.update { $0.progress }
    var positions: [TopicPartition: Int64] = [:]
    for lane in progress {
      for (partition, report) in lane.partitions {
        guard let sinceNanos = report.silentSinceNanos, assignment[partition] != nil,
          !heldPartitions.contains(partition),
          let source = options.sources.first(where: { $0.topics.contains(partition.topic) }),
          let idleMillis = source.partitionIdleMillis,
          nowNanos - sinceNanos >= Int64(idleMillis) * 1_000_000
        else { continue }
        positions[partition] = report.position
      }
    }
    return positions
  }
}
