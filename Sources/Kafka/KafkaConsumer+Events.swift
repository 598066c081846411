internal import CRdkafka
internal import Telemetry

extension KafkaConsumer {
  /// Takes one event from the control queue: acts on rebalances, records the rest.
  func handle(_ event: borrowing EventHandle) {
    switch event.kind {
    case RD_KAFKA_EVENT_REBALANCE: rebalance(event)
    case RD_KAFKA_EVENT_STATS:
      guard let text = unsafe rd_kafka_event_stats(event.raw) else { return }
      do {
        pendingEvents.append(.statistics(try ConsumerStatistics(json: unsafe bytes(of: text))))
      } catch {
        pendingEvents.append(
          .error(
            KafkaError(
              code: .failed, operation: "read the client's statistics",
              detail: "\(error)")))
      }
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
      let code = event.errorCode
      // A commit that overlaps a rebalance finds nothing to commit: not worth a word.
      if code != .none && code != .noOffset {
        pendingEvents.append(.groupOffsetsNotCommitted(event.error("commit group offsets")))
      }
    case RD_KAFKA_EVENT_ERROR:
      let error = event.error("consume")
      pendingEvents.append(error.isFatal || error.code == .fatal ? .fatal(error) : .error(error))
    default:
      return
    }
  }

  @unsafe
  private func bytes(of text: UnsafePointer<CChar>) -> [UInt8] {
    let count = unsafe String(cString: text).utf8.count
    return unsafe [UInt8](UnsafeRawBufferPointer(start: text, count: count))
  }

  // MARK: Rebalance

  /// Carries out one step of a rebalance. librdkafka waits for exactly one (un)assign call as the
  /// answer to each such event; without it the group would hang.
  private func rebalance(_ event: borrowing EventHandle) {
    let partitions = event.partitions
    switch event.errorCode {
    case .assignPartitions: assign(partitions)
    case .revokePartitions: unassign(partitions)
    default:
      // "Something went wrong, simply synchronise state": rdkafka.h on the rebalance callback.
      pendingEvents.append(.error(event.error("rebalance the group")))
      let everything = held.sorted()
      if !everything.isEmpty { delegate?.lost(everything) }
      held.removeAll()
      report { () throws(KafkaError) in
        try check(unsafe rd_kafka_assign(openClient.raw, nil), "drop the assignment")
      }
    }
  }

  private func assign(_ partitions: [TopicPartition]) {
    wasAssigned = true
    let offered = Set(partitions)
    var starts: [StartPosition] = []
    for start in delegate?.assigned(partitions) ?? [] {
      precondition(offered.contains(start.partition), "a start for a partition that is not ours")
      precondition(start.offset >= 0, "a partition starts at an offset, not at a logical one")
      if forward(start) { starts.append(start) }
    }
    let taken = Set(starts.map(\.partition))
    let declined = partitions.filter { !taken.contains($0) }
    if !declined.isEmpty { pendingEvents.append(.declined(declined)) }
    let list = PartitionListHandle(starts.map { (partition: $0.partition, offset: $0.offset) })
    report { () throws(KafkaError) in
      try unsafe check(
        consuming: rd_kafka_incremental_assign(openClient.raw, list.raw), "take partitions")
      held.formUnion(taken)
    }
  }

  private func unassign(_ partitions: [TopicPartition]) {
    // What was declined is not ours to give back: the library would call it an invalid argument.
    let ours = partitions.filter { held.contains($0) }
    if !ours.isEmpty {
      if unsafe rd_kafka_assignment_lost(openClient.raw) != 0 {
        delegate?.lost(ours)
      } else {
        delegate?.revoked(ours)
      }
    }
    let list = PartitionListHandle(ours)
    report { () throws(KafkaError) in
      try unsafe check(
        consuming: rd_kafka_incremental_unassign(openClient.raw, list.raw), "give partitions back")
      held.subtract(ours)
    }
  }

  /// Sends a partition's records to its lane. Must come before the assignment: afterwards records
  /// could already be on their way to the control queue.
  func forward(_ start: StartPosition) -> Bool {
    let client = openClient
    let queue = unsafe QueueHandle(
      adopting: rd_kafka_queue_get_partition(
        client.raw, start.partition.topic, start.partition.partition))
    guard let queue else {
      pendingEvents.append(
        .error(
          KafkaError(code: .unknownPartition, operation: "take \(start.partition)")))
      return false
    }
    lane(start.lane).receive(from: queue)
    return true
  }

  /// A failed step becomes an event: there is nobody to throw to inside a poll.
  private func report(_ body: () throws(KafkaError) -> Void) {
    do {
      try body()
    } catch {
      pendingEvents.append(error.isFatal ? .fatal(error) : .error(error))
    }
  }
}
